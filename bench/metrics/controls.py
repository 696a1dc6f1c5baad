"""Controls: the localization accuracy that is reached without looking at the image.

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

from bench.metrics.folds import NUM_DEALS, folds_of
from bench.metrics.regions import Integers, Patch, Regions, regions_of, units_of

CONTROLS: dict[str, str] = {
    "random": "Uniform random point",
    "centre": "Image centre",
    "constant": "Best constant point",
}
DEALS = tuple(f"constant_{deal}" for deal in range(NUM_DEALS))
"""Columns of the constant's hits by each deal of patients."""


def control_hits(boxes: pd.DataFrame, patients: pd.Series, size_px: int) -> pd.DataFrame:
    """Returns one row per unit: image_index, class_index, and the hit in [0, 1] of each control.

    That of the constant is the share of deals in which it is hit; the columns `DEALS` say in which.

    Args:
        boxes: table of boxes (see `bench.metrics.regions`) in the frame of size_px.
        patients: patient of each image, indexed by image_index.
        size_px: side of the square image, px.
    """
    units = units_of(boxes)
    regions = regions_of(boxes, size_px)
    patches = regions.hits()
    units["random"] = [np.count_nonzero(patch.pixels) / size_px**2 for patch in patches]
    units["centre"] = _hits(_middle(size_px), np.arange(len(units)), regions)
    folds = folds_of(units["image_index"].map(patients).astype(str))
    constant = np.zeros(folds.shape)
    for rows in units.groupby("class_index").indices.values():
        members = np.asarray(rows, dtype=np.int64)
        constant[:, members] = _constant_hits(members, folds[:, members], regions, patches)
    by_deal = pd.DataFrame(constant.T, columns=list(DEALS), index=units.index)
    return pd.concat([units.assign(constant=constant.mean(axis=0)), by_deal], axis=1)


def _constant_hits(
    units: Integers, folds: Integers, regions: Regions, patches: Sequence[Patch]
) -> npt.NDArray[np.float64]:
    """Returns [deals, n] hits of a finding's n units, each by the point that is fitted on the other folds.

    `folds` [deals, n] are those of the patients; `patches` the pixels that hit each of all units.
    """
    every = _depth(units, regions, patches)
    hits = np.zeros(folds.shape)
    for deal, of_units in enumerate(folds):
        for fold in np.unique(of_units):
            own = np.flatnonzero(of_units == fold)
            point = _middle(regions.shape[0])
            if len(own) < len(units):
                point = _deepest(every - _depth(units[own], regions, patches))
            hits[deal, own] = _hits(point, units[own], regions)
    return hits


def _depth(units: Integers, regions: Regions, patches: Sequence[Patch]) -> Integers:
    """Returns how many of the units each pixel hits, [rows, columns]."""
    depth = np.zeros(regions.shape, dtype=np.int64)
    for patch in (patches[unit] for unit in units.tolist()):
        depth[patch.place] += patch.pixels
    return depth


def _hits(point: tuple[float, float], units: Integers, regions: Regions) -> npt.NDArray[np.float64]:
    rows, columns = (np.full(len(units), at) for at in point)
    return regions.contains(units, rows, columns).astype(np.float64)


def _middle(size_px: int) -> tuple[float, float]:
    return (size_px - 1) / 2, (size_px - 1) / 2


def _deepest(depth: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Returns the pixel of greatest depth; among equals the one nearest to their mean."""
    candidates = np.argwhere(depth == depth.max())
    nearest = np.square(candidates - candidates.mean(axis=0)).sum(axis=1).argmin()
    row, column = candidates[nearest]
    return float(row), float(column)
