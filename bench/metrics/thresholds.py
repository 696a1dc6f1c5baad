"""Metrics at a threshold, and where the threshold is from.

A swept metric has a value of each unit at each threshold. It is reported at the one that is best for *other*
patients (cross-fitted: they are dealt into folds, and the units of each fold get the threshold that is best
for the rest; mean over `NUM_DEALS` deals). A threshold that is best for the units themselves, an oracle, is
not known where a model is used: `at` computes what it would add.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.folds import NUM_FOLDS, folds_of
from bench.metrics.levels import A_PRIORI, NUM_LEVELS, best_box_iou, counts_above
from bench.metrics.measure import MeanMeasure, UnitMaps
from bench.metrics.protocol import THESIS, LocalizationProtocol
from bench.metrics.regions import Floats

Origin = Literal["a_priori", "cross_fitted", "oracle", "oracle_per_finding"]
"""Where a threshold is from: half of a map's range; other patients; the units themselves, a single one or one
for each finding."""

_DECIMALS = 9


class SweptMeasure(MeanMeasure):
    """Computes the mean over units of a value at a threshold, which other patients choose."""

    is_hit = False

    @abstractmethod
    def swept(self, units: pd.DataFrame) -> Floats:
        """Returns the value of each unit by each criterion at each threshold, [n, criteria, thresholds].

        A criterion has a threshold of its own; the metric is the mean over criteria.
        """

    def statistic(self, units: pd.DataFrame, protocol: LocalizationProtocol = THESIS) -> Floats:
        """Returns the value of each unit at the threshold that other patients choose, [n, 1]."""
        return self.at(units, "cross_fitted")

    def at(self, units: pd.DataFrame, origin: Origin) -> Floats:
        """Returns the value of each unit at the threshold of such an origin, [n, 1].

        Args:
            units: with patient, finding and `columns`.
            origin: where the threshold is from.
        """
        values = self.swept(units)
        if origin == "a_priori" or not len(values):
            found = values[:, :, A_PRIORI]
        elif origin == "cross_fitted":
            found = _cross_fitted(values, units["patient"])
        elif origin == "oracle":
            found = _at_best(values)
        else:
            found = np.empty(values.shape[:2])
            for own in units.groupby("finding", observed=True).indices.values():
                found[own] = _at_best(values[own])
        mean: Floats = found.mean(axis=1, keepdims=True)
        return mean


def _at_best(values: Floats) -> Floats:
    """Returns the values [n, criteria] at the threshold of the greatest mean, of equal ones the first."""
    best = _place_of_best(values.sum(axis=0))
    return values[:, np.arange(values.shape[1]), best]


def _place_of_best(sums: Floats) -> npt.NDArray[np.int64]:
    """Returns the first threshold of the greatest sum [criteria, thresholds], however it was added."""
    places: npt.NDArray[np.int64] = sums.round(_DECIMALS).argmax(axis=1)
    return places


def _cross_fitted(values: Floats, patients: pd.Series) -> Floats:
    """Returns the values [n, criteria] at the thresholds that are best for the patients of other folds.

    Where there are no others, the threshold is the one that nobody has to choose.
    """
    total, criteria = values.sum(axis=0), np.arange(values.shape[1])
    dealt = folds_of(patients)
    found = np.zeros(values.shape[:2])
    for folds in dealt:
        for fold in range(NUM_FOLDS):
            own = np.flatnonzero(folds == fold)
            best = np.full(len(criteria), A_PRIORI)
            if len(own) < len(values):
                best = _place_of_best(total - values[own].sum(axis=0))
            found[own] += values[own][:, criteria, best]
    mean: Floats = found / len(dealt)
    return mean


class AtThreshold(MeanMeasure):
    """Computes a swept metric at the threshold of another origin.

    Attributes:
        swept: the metric.
        origin: where the threshold is from.
    """

    is_hit = False

    def __init__(self, swept: SweptMeasure, origin: Origin) -> None:
        self.swept, self.origin = swept, origin
        self.columns = swept.columns

    def of_maps(self, maps: UnitMaps) -> Mapping[str, npt.NDArray[Any]]:
        """See `MapMeasure`: the columns of the metric itself."""
        return self.swept.of_maps(maps)

    def statistic(self, units: pd.DataFrame, protocol: LocalizationProtocol = THESIS) -> Floats:
        """Returns the value of each unit at that threshold, [n, 1]."""
        return self.swept.at(units, self.origin)


class BoxMeasure(SweptMeasure):
    """Computes a metric of how well boxes around a map's components fit those of the region."""

    columns = ("box_iou",)

    def of_maps(self, maps: UnitMaps) -> Mapping[str, npt.NDArray[Any]]:
        """Returns box_iou [n, thresholds], float32 in [0, 1]."""
        return {"box_iou": best_box_iou(maps)}


class PixelMeasure(SweptMeasure):
    """Computes a metric of how many pixels of a map and of the region are the same."""

    columns = ("num_region", "num_above", "num_both")

    def of_maps(self, maps: UnitMaps) -> Mapping[str, npt.NDArray[Any]]:
        """Returns num_region [n], num_above and num_both [n, thresholds], int32."""
        return counts_above(maps)


def stacked(column: pd.Series) -> Floats:
    """Returns a column of vectors, one value for each threshold, as [n, thresholds]."""
    return np.stack(column.to_list()).astype(np.float64) if len(column) else np.zeros((0, NUM_LEVELS))
