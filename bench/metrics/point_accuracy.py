"""Point localization accuracy: the share of units whose heatmap peaks in the finding's region.

Accuracy of a finding: mean over its units. Weighted average: mean over all units. Macro average: mean of the
findings' accuracies (thesis §5.4). A map that is not finite is a miss.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.metrics.measure import MeanMeasure, UnitMaps


class PointAccuracy(MeanMeasure):
    """A unit's statistic is its hit: 1 if the peak is in the region; see `LocalizationProtocol` for ties."""

    columns = ("hit",)

    def of_maps(self, maps: UnitMaps) -> Mapping[str, npt.NDArray[Any]]:
        """Returns hit, bool; float64 in [0, 1] of the share of tied pixels that are in the region."""
        peaks, ties = maps.peaks, maps.protocol.ties
        if ties in ("any", "fraction"):
            units, rows, columns = np.nonzero(maps.values == peaks["score"][:, None, None])
            is_in = maps.regions.contains(units, rows, columns)
            num_hits = np.bincount(units, weights=is_in, minlength=len(maps.values))
            num_ties = np.bincount(units, minlength=len(maps.values))
            return {"hit": num_hits > 0 if ties == "any" else num_hits / np.maximum(num_ties, 1)}
        is_in = maps.regions.contains(np.arange(len(maps.values)), peaks["peak_row"], peaks["peak_column"])
        return {"hit": is_in & peaks["finite"]}


MEASURE = PointAccuracy()
