"""Controls: what each metric of maps gives without looking at the image.

Of point accuracy they are points:
- random: a pixel drawn uniformly; its expected accuracy, computed exactly from areas;
- centre: the middle of the image;
- constant: for each finding the one pixel that lies in most boxes of *other* patients (cross-fitted: patients
  are dealt into folds, and each fold is scored with the point fitted on the rest). How they are dealt moves
  it by a point or so on NIH's 984 units, of a finding by four, so that it is the mean of `NUM_DEALS` deals;
- prior: the peak of the prior map.

Of other metrics they are maps, which `bench.metrics.control_maps` draws.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.control_maps import (
    ControlMaps,
    depth_of,
    gaussian_maps,
    prior_maps,
    random_maps,
    statistics_of,
)
from bench.metrics.folds import folds_of
from bench.metrics.regions import Floats, Integers, Patch, Regions, regions_of, units_of
from bench.metrics.units import map_measures
from bench.suite.metrics import Metric

ControlName = Literal["random", "centre", "constant", "prior"]
CONTROLS: tuple[ControlName, ...] = get_args(ControlName)
FITTED: frozenset[ControlName] = frozenset({"constant", "prior"})
"""Those that know the boxes of other patients."""


def control_statistics(
    boxes: pd.DataFrame, patients: pd.Series, size_px: int, metrics: Sequence[Metric]
) -> tuple[pd.DataFrame, dict[str, dict[ControlName, Floats]]]:
    """Returns the units, and by metric and control the statistic of each, [n, k].

    The units are rows of image_index and class_index. A fitted control's statistic is the mean over deals.

    Args:
        boxes: table of boxes (see `bench.metrics.regions`) in the frame of size_px.
        patients: patient of each image, indexed by image_index.
        size_px: side of the square image, px.
        metrics: that have controls.
    """
    units, regions = units_of(boxes), regions_of(boxes, size_px)
    names = pd.DataFrame(
        {
            "image": units["image_index"],
            "patient": units["image_index"].map(patients).astype(str),
            "finding": units["class_index"],
        }
    )
    folds, finding_of = folds_of(names["patient"]), names["finding"].to_numpy(np.int64)
    middle = np.broadcast_to((size_px - 1) / 2, (1, len(units), 2))
    patches = regions.hits()
    points = constant_points(finding_of, folds, patches, regions)
    maps: dict[ControlName, ControlMaps] = {
        "random": random_maps(len(units), size_px),
        "centre": gaussian_maps(middle, size_px),
        "constant": gaussian_maps(points, size_px),
        "prior": prior_maps(finding_of, folds, regions),
    }
    areas = np.array([np.count_nonzero(patch.pixels) for patch in patches])
    hits: dict[ControlName, Floats] = {
        "random": areas[:, None] / size_px**2,
        "centre": _hits(middle, regions),
        "constant": _hits(points, regions),
    }
    found: dict[str, dict[ControlName, Floats]] = {metric.name: {} for metric in metrics}
    for control in CONTROLS:
        of_points = [one for one in metrics if one.needs == {"peaks"} and control in hits]
        measures = map_measures([metric for metric in metrics if metric not in of_points])
        of_maps = statistics_of(maps[control], names, regions, measures)
        for metric in metrics:
            found[metric.name][control] = hits[control] if metric in of_points else of_maps[metric.name]
    return units, found


def constant_points(
    finding_of: Integers, folds: Integers, patches: Sequence[Patch], regions: Regions
) -> Floats:
    """Returns [deals, n, 2] row and column of the point that is fitted on a unit's finding in other folds.

    Args:
        finding_of: [n] finding of each unit.
        folds: [deals, n] fold of each unit's patient.
        patches: the pixels that hit each unit.
        regions: of the units. Without other folds the point is the middle.
    """
    points = np.full((*folds.shape, 2), (regions.shape[0] - 1) / 2)
    for finding in np.unique(finding_of):
        units = np.flatnonzero(finding_of == finding)
        every = depth_of(units, patches, regions.shape)
        for deal, own_folds in enumerate(folds[:, units]):
            for fold in np.unique(own_folds):
                own = units[own_folds == fold]
                if len(own) < len(units):
                    points[deal, own] = _deepest(every - depth_of(own, patches, regions.shape))
    return points


def _hits(points: Floats, regions: Regions) -> Floats:
    """Returns [n, 1] the share of deals in which points [deals, n, 2] are in the regions."""
    units = np.arange(len(regions))
    found = [regions.contains(units, *of_units.T) for of_units in points]
    hits: Floats = np.mean(found, axis=0)[:, None]
    return hits


def _deepest(depth: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Returns the pixel of greatest depth; among equals the one nearest to their mean."""
    candidates = np.argwhere(depth == depth.max())
    nearest = np.square(candidates - candidates.mean(axis=0)).sum(axis=1).argmin()
    row, column = candidates[nearest]
    return float(row), float(column)
