"""Localization by IoU: share of units whose map, above half of its maximum, overlaps the region by > 0.5.

The prediction is that of `bench.metrics.iobb_accuracy`. Nothing is chosen.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.iobb_accuracy import overlaps
from bench.metrics.measure import MeanMeasure, UnitMaps
from bench.metrics.protocol import THESIS, LocalizationProtocol
from bench.metrics.regions import Floats

_IOU = 0.5


class IouAccuracy(MeanMeasure):
    """A unit's statistic is its hit by IoU."""

    columns = ("iou",)

    def of_maps(self, maps: UnitMaps) -> Mapping[str, npt.NDArray[Any]]:
        """Returns IoU in [0, 1], float64."""
        return {"iou": overlaps(maps)["iou"]}

    def statistic(self, units: pd.DataFrame, protocol: LocalizationProtocol = THESIS) -> Floats:
        """Returns whether IoU is above 0.5, [n, 1]."""
        return (units[["iou"]].to_numpy(np.float64) > _IOU).astype(np.float64)


MEASURE = IouAccuracy()
