"""Mean IoU of pixels: the overlap of the map above a threshold and the region, as a share of their union.

The threshold is the one that is best for other patients, see `bench.metrics.thresholds`; CheXlocalize chooses
one for each finding on its validation set.

Source: A. Saporta et al., Benchmarking saliency methods for chest X-ray interpretation, Nature Machine
Intelligence 2022.
"""

import numpy as np
import pandas as pd

from bench.metrics.regions import Floats
from bench.metrics.thresholds import PixelMeasure, stacked


class MeanIou(PixelMeasure):
    """A unit's statistic is the IoU of its pixels."""

    def swept(self, units: pd.DataFrame) -> Floats:
        """Returns IoU [n, 1, thresholds]."""
        above, both = stacked(units["num_above"]), stacked(units["num_both"])
        either = above + units["num_region"].to_numpy(float)[:, None] - both
        iou: Floats = both / np.maximum(either, 1)
        return iou[:, None]


MEASURE = MeanIou()
