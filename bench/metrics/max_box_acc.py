"""MaxBoxAcc: share of units of which a box around a part of the map fits one of the region's, IoU ≥ 0.5.

The threshold is the one that is best for other patients, see `bench.metrics.thresholds`; in the paper it is
the one that is best for the test set itself.

Source: J. Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020; boxes of
all components as in its extension (PAMI 2022).
"""

import pandas as pd

from bench.metrics.regions import Floats
from bench.metrics.thresholds import BoxMeasure, stacked

_IOU = 0.5


class MaxBoxAcc(BoxMeasure):
    """A unit's statistic is its hit, averaged over the deals that choose thresholds."""

    def swept(self, units: pd.DataFrame) -> Floats:
        """Returns hits [n, 1, thresholds]."""
        return (stacked(units["box_iou"]) >= _IOU).astype(float)[:, None]


MEASURE = MaxBoxAcc()
