"""Mean IoU of boxes: how well the best of the boxes around a map's parts fits one of the region's.

The threshold is the one that is best for other patients, see `bench.metrics.thresholds`.
"""

import pandas as pd

from bench.metrics.regions import Floats
from bench.metrics.thresholds import BoxMeasure, stacked


class BoxMeanIou(BoxMeasure):
    """A unit's statistic is the IoU of its best box."""

    def swept(self, units: pd.DataFrame) -> Floats:
        """Returns IoU [n, 1, thresholds]."""
        return stacked(units["box_iou"])[:, None]


MEASURE = BoxMeanIou()
