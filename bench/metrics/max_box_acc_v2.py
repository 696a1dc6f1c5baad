"""MaxBoxAccV2: MaxBoxAcc, averaged over IoU ≥ 0.3, 0.5 and 0.7, each with a threshold of its own.

Source: J. Choe et al., Evaluation for Weakly Supervised Object Localization, PAMI 2022.
"""

import numpy as np
import pandas as pd

from bench.metrics.regions import Floats
from bench.metrics.thresholds import BoxMeasure, stacked

_IOUS = np.array([0.3, 0.5, 0.7], np.float32)


class MaxBoxAccV2(BoxMeasure):
    """A unit's statistic is the mean of its hits by each IoU."""

    def swept(self, units: pd.DataFrame) -> Floats:
        """Returns hits [n, 3, thresholds]."""
        found: Floats = (stacked(units["box_iou"])[:, None] >= _IOUS[:, None]).astype(float)
        return found


MEASURE = MaxBoxAccV2()
