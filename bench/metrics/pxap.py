"""PxAP: average precision of pixels, the area below the curve of precision and recall over all thresholds.

The pixels of all units are one pool: of a finding those of its units, in the weighted average those of all.
No threshold is chosen.

Source: J. Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.levels import NUM_LEVELS, counts_above
from bench.metrics.measure import MapMeasure, UnitMaps
from bench.metrics.protocol import THESIS, LocalizationProtocol
from bench.metrics.regions import Floats
from bench.metrics.thresholds import stacked


class PixelAveragePrecision(MapMeasure):
    """A unit's statistic: pixels of its region, then pixels above each threshold, then those in both."""

    columns = ("num_region", "num_above", "num_both")
    is_pooled = True

    def of_maps(self, maps: UnitMaps) -> Mapping[str, npt.NDArray[Any]]:
        """Returns num_region [n], num_above and num_both [n, thresholds], int32."""
        return counts_above(maps)

    def statistic(self, units: pd.DataFrame, protocol: LocalizationProtocol = THESIS) -> Floats:
        """Returns the three side by side, [n, 201]."""
        region = units["num_region"].to_numpy(np.float64)
        return np.column_stack([region, stacked(units["num_above"]), stacked(units["num_both"])])

    def reduce(self, statistics: Floats, weights: Floats) -> Floats:
        """Returns the sum over thresholds of precision times gain in recall; NaN without a region's pixel."""
        sums = weights @ statistics
        region, above, both = sums[:, :1], sums[:, 1 : 1 + NUM_LEVELS], sums[:, 1 + NUM_LEVELS :]
        precision = both / np.maximum(above, 1)
        recall = np.append(both / np.where(region > 0, region, np.nan), np.zeros_like(region), axis=1)
        area: Floats = (precision * -np.diff(recall, axis=1)).sum(axis=1)
        return area


MEASURE = PixelAveragePrecision()
