"""Controls: what localization accuracy is reached without looking at the image.

- random: a pixel drawn uniformly; its expected accuracy, computed exactly from areas;
- centre: the middle of the image;
- constant: for each finding the one pixel that lies in most boxes of *other* patients (cross-fitted: patients
  are dealt into folds, and each fold is scored with the point fitted on the rest).
"""

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

Boxes = npt.NDArray[np.float64]


def control_hits(boxes: pd.DataFrame, patients: pd.Series, size_px: int) -> pd.DataFrame:
    """Returns one row per unit: image_index, class_index, and the hit in [0, 1] of each control.

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
    folds = _folds(units["image_index"].map(patients))
    constant = np.zeros(len(units))
    for members in units.groupby("class_index").indices.values():
        depths = np.zeros((NUM_FOLDS, size_px, size_px), dtype=np.int32)
        for i in members:
            for top, left, bottom, right in parts[i]:
                depths[folds[i], top:bottom, left:right] += 1
        depth = depths.sum(axis=0)
        for fold in np.unique(folds[members]):
            own = members[folds[members] == fold]
            point = _deepest(depth - depths[fold]) if len(own) < len(members) else (middle, middle)
            constant[own] = [_hit(point, unit_boxes[i]) for i in own]
    return units.assign(constant=constant)


def _hit(point: tuple[float, float], boxes: Boxes) -> float:
    rows, columns = np.full(len(boxes), point[0]), np.full(len(boxes), point[1])
    return float(inside(rows, columns, boxes).any())


def _deepest(depth: npt.NDArray[np.int_]) -> tuple[float, float]:
    """Returns the pixel of greatest depth; among equals the one nearest to their mean."""
    candidates = np.argwhere(depth == depth.max())
    nearest = np.square(candidates - candidates.mean(axis=0)).sum(axis=1).argmin()
    row, column = candidates[nearest]
    return float(row), float(column)


def _folds(patients: pd.Series) -> npt.NDArray[np.int_]:
    """Deals patients into folds in a fixed, shuffled order and returns the fold of each unit."""
    names = np.array(sorted(patients.unique()))
    order = np.random.default_rng(0).permutation(len(names))
    fold_of = dict(zip(names[order], np.arange(len(names)) % NUM_FOLDS, strict=True))
    return patients.map(fold_of).to_numpy()
