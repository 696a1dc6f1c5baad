"""Controls: what localization accuracy is reached without looking at the image.

- random: a pixel drawn uniformly; its expected accuracy, computed exactly from areas;
- centre: the middle of the image;
- constant: for each finding the one pixel that lies in most boxes of *other* patients (cross-fitted: patients
  are dealt into folds, and each fold is scored with the point fitted on the rest). How they are dealt moves
  it by a point or so on NIH's 984 units, of a finding by four, so that it is the mean of `NUM_DEALS` deals.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.boxes import UNIT, covered, inside
from bench.metrics.overlap import areas, disjoint

CONTROLS: dict[str, str] = {
    "random": "Uniform random point",
    "centre": "Image centre",
    "constant": "Best constant point",
}
NUM_FOLDS = 5
NUM_DEALS = 20
DEALS = tuple(f"constant_{deal}" for deal in range(NUM_DEALS))
"""Columns of the constant's hits by each deal of patients."""

Boxes = npt.NDArray[np.float64]
Parts = npt.NDArray[np.int64]


def control_hits(boxes: pd.DataFrame, patients: pd.Series, size_px: int) -> pd.DataFrame:
    """Returns one row per unit: image_index, class_index, and the hit in [0, 1] of each control.

    That of the constant is the share of deals in which it is hit; the columns `DEALS` say in which.

    Args:
        boxes: table of boxes (see `bench.metrics.boxes`) in the frame of size_px.
        patients: patient of each image, indexed by image_index.
        size_px: side of the square image, px.
    """
    ordered = boxes.sort_values(UNIT, kind="stable")
    is_first = ~ordered.duplicated(UNIT)
    units = ordered.loc[is_first, UNIT].reset_index(drop=True)
    starts = np.flatnonzero(is_first)
    unit_boxes = np.split(ordered[["x", "y", "w", "h"]].to_numpy(float), starts[1:])
    parts = [disjoint(covered(unit, size_px)) for unit in unit_boxes]
    middle = (size_px - 1) / 2
    units["random"] = [areas(rectangles).sum() / size_px**2 for rectangles in parts]
    units["centre"] = [_hit((middle, middle), unit) for unit in unit_boxes]
    names, patient_of = np.unique(units["image_index"].map(patients).astype(str), return_inverse=True)
    folds = np.stack([_folds(len(names), deal)[patient_of] for deal in range(NUM_DEALS)])
    constant = np.zeros(folds.shape)
    for members in units.groupby("class_index").indices.values():
        own = [(parts[i], unit_boxes[i]) for i in members]
        constant[:, members] = _constant_hits(own, folds[:, members], size_px)
    by_deal = pd.DataFrame(constant.T, columns=list(DEALS), index=units.index)
    return pd.concat([units.assign(constant=constant.mean(axis=0)), by_deal], axis=1)


def _constant_hits(
    units: Sequence[tuple[Parts, Boxes]], folds: npt.NDArray[np.int_], size_px: int
) -> npt.NDArray[np.float64]:
    """Returns [deals, n] hits of a finding's n units, each by the point that is fitted on the other folds.

    Args:
        units: disjoint rectangles, and boxes, of each.
        folds: [deals, n] of its patient.
        size_px: see `control_hits`.
    """
    every = _depth([parts for parts, _ in units], size_px)
    hits = np.zeros(folds.shape)
    for deal, of_units in enumerate(folds):
        for fold in np.unique(of_units):
            own = np.flatnonzero(of_units == fold).tolist()
            point: tuple[float, float] = ((size_px - 1) / 2, (size_px - 1) / 2)
            if len(own) < len(units):
                point = _deepest(every - _depth([units[i][0] for i in own], size_px))
            hits[deal, own] = [_hit(point, units[i][1]) for i in own]
    return hits


def _depth(units: Sequence[Parts], size_px: int) -> npt.NDArray[np.int64]:
    """Returns how many of the units each pixel is in, [size_px, size_px]."""
    depth = np.zeros((size_px, size_px), dtype=np.int64)
    for top, left, bottom, right in (rectangle for parts in units for rectangle in parts):
        depth[top:bottom, left:right] += 1
    return depth


def _hit(point: tuple[float, float], boxes: Boxes) -> float:
    rows, columns = np.full(len(boxes), point[0]), np.full(len(boxes), point[1])
    return float(inside(rows, columns, boxes).any())


def _deepest(depth: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Returns the pixel of greatest depth; among equals the one nearest to their mean."""
    candidates = np.argwhere(depth == depth.max())
    nearest = np.square(candidates - candidates.mean(axis=0)).sum(axis=1).argmin()
    row, column = candidates[nearest]
    return float(row), float(column)


def _folds(num_patients: int, deal: int) -> npt.NDArray[np.int_]:
    """Deals patients, in the order of their names, into folds, and returns the fold of each."""
    folds = np.empty(num_patients, dtype=int)
    order = np.random.default_rng(deal).permutation(num_patients)
    folds[order] = np.arange(num_patients) % NUM_FOLDS
    return folds
