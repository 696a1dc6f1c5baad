"""Dice: twice the overlap of the map above a threshold and the region, as a share of the sum of both.

The threshold is the one that is best for other patients, see `bench.metrics.thresholds`.

Source: L. R. Dice, Measures of the Amount of Ecologic Association Between Species, Ecology 1945.
"""

import numpy as np
import pandas as pd

from bench.metrics.regions import Floats
from bench.metrics.thresholds import PixelMeasure, stacked


class Dice(PixelMeasure):
    """A unit's statistic is the Dice of its pixels."""

    def swept(self, units: pd.DataFrame) -> Floats:
        """Returns Dice [n, 1, thresholds]."""
        above, both = stacked(units["num_above"]), stacked(units["num_both"])
        dice: Floats = 2 * both / np.maximum(above + units["num_region"].to_numpy(float)[:, None], 1)
        return dice[:, None]


MEASURE = Dice()
