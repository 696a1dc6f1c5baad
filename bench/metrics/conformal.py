"""The smallest share of an image that touches, or covers, the region in 90% of cases, calibrated by patient.

Pixels are looked at from the highest value of the map down, those of one value together. A unit's rank is
the share of the image that has been seen when the first pixel of its region is, or the last. Ranks do not
change under any monotone change of a map, and need no threshold.

The area is the conformal quantile of ranks: of n units the ⌈0.9 (n + 1)⌉-th smallest. A new unit that is
exchangeable with these has a rank of at most that with a probability of at least 0.9. With fewer than nine
units none but the whole image is safe.

Source: V. Vovk et al., Algorithmic Learning in a Random World, 2005; J. Lei et al., Distribution-Free
Predictive Inference for Regression, JASA 2018.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.folds import folds_of
from bench.metrics.measure import MapMeasure, UnitMaps
from bench.metrics.protocol import THESIS, LocalizationProtocol
from bench.metrics.regions import Floats

COVERAGE = 0.9
"""Probability that the area touches, or covers, the region of a new unit."""

_ROUNDING = 1e-9


class ConformalArea(MapMeasure):
    """A unit's statistic is its rank.

    Attributes:
        what: whether one pixel of the region has to be in the area, or all of them.
    """

    is_pooled = True

    def __init__(self, what: Literal["touch", "cover"]) -> None:
        self.what = what
        self.columns = (f"{what}_rank",)

    def of_maps(self, maps: UnitMaps) -> Mapping[str, npt.NDArray[Any]]:
        """Returns ranks in (0, 1], float64; 1 of a map that is not finite."""
        values, map_of = maps.distinct
        ranks = np.ones(len(map_of))
        for unit, (which, patch) in enumerate(zip(map_of, maps.regions.covered, strict=True)):
            inside = values[which][patch.place][patch.pixels]
            if len(inside) and maps.peaks["finite"][unit]:
                last = inside.max() if self.what == "touch" else inside.min()
                ranks[unit] = np.count_nonzero(values[which] >= last) / values[which].size
        return {self.columns[0]: ranks}

    def statistic(self, units: pd.DataFrame, protocol: LocalizationProtocol = THESIS) -> Floats:
        """Returns ranks, [n, 1]."""
        return units[[self.columns[0]]].to_numpy(np.float64)

    def reduce(self, statistics: Floats, weights: Floats) -> Floats:
        """Returns the conformal quantile, a share of the image."""
        order = np.argsort(statistics[:, 0], kind="stable")
        ranks = np.append(statistics[order, 0], 1.0)
        mass = weights[:, order].cumsum(axis=1)
        total = weights.sum(axis=1)
        needed = COVERAGE * (total + 1) * (1 - _ROUNDING)
        place = (mass < needed[:, None]).sum(axis=1)
        return np.where(total > 0, ranks[place], np.nan)

    def coverage(self, units: pd.DataFrame) -> float:
        """Returns the share of units whose rank is at most the area of other patients, mean over deals."""
        ranks, dealt, num_covered = self.statistic(units), folds_of(units["patient"]), 0
        for folds in dealt:
            for fold in np.unique(folds):
                own = folds == fold
                area = self.reduce(ranks[~own], np.ones((1, np.count_nonzero(~own))))
                num_covered += int(np.count_nonzero(ranks[own, 0] <= area[0]))
        return num_covered / dealt.size
