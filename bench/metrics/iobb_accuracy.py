"""Localization by overlap: IoBB and IoU of a heatmap and the finding's region, and what is a hit by them.

Protocol (thesis Table 5.2, after Wang 2017):
- the map is the one that peaks are looked for in: probabilities, enlarged to the network's input size. Its
  prediction is the pixels above 0.5 once it is divided by its maximum, strictly above;
- a region covers whole pixels (`Regions.rasterise`). A peak's boxes are other ones, untruncated and with
  their edges (`Regions.contains`);
- IoBB = |prediction ∩ region| / |prediction|, IoU = |prediction ∩ region| / |prediction ∪ region|. Both are 0
  without a prediction (a map that is zero everywhere) and for a map that is not finite: misses;
- a hit is IoBB > T or IoU > T, strictly, with T = 0.5; the literature's T(IoBB) of 0.1 and 0.25 are other T,
  of the same prediction (Wang 2017; code). A union is no smaller than a prediction, so that IoU ≤ IoBB and
  the second condition decides nothing; it is in the thesis' title of the table.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.measure import MeanMeasure, UnitMaps
from bench.metrics.protocol import THESIS, LocalizationProtocol
from bench.metrics.regions import Floats


class IobbAccuracy(MeanMeasure):
    """A unit's statistic is its hit by overlap, from its IoBB and IoU."""

    columns = ("iobb", "iou")

    def of_maps(self, maps: UnitMaps) -> Mapping[str, npt.NDArray[Any]]:
        """Returns IoBB and IoU in [0, 1], float64."""
        return overlaps(maps)

    def notes(self, units: pd.DataFrame, findings: tuple[str, ...]) -> tuple[str, ...]:
        """Returns how many maps predict nothing."""
        empty = int((units["score"] == 0).sum())
        what = f"{empty} of {len(units)} heatmaps are zero everywhere and count as misses by overlap"
        return (what,) if empty else ()

    def statistic(self, units: pd.DataFrame, protocol: LocalizationProtocol = THESIS) -> Floats:
        """Returns whether IoBB or IoU is above the protocol's threshold, [n, 1]; the first decides."""
        above = units[["iobb", "iou"]].to_numpy(np.float64) > protocol.iobb
        hits: Floats = np.any(above, axis=1, keepdims=True).astype(np.float64)
        return hits


def overlaps(maps: UnitMaps) -> dict[str, Floats]:
    """Returns iobb and iou of each unit, [n], in [0, 1]."""
    level = levels(maps.peaks["score"], maps.protocol.threshold)
    predicted = maps.values > level[:, None, None]
    num_predicted = np.array([np.count_nonzero(one) for one in predicted], dtype=np.int64)
    num_both, area = maps.regions.count(predicted), maps.regions.areas()
    either = num_predicted + area - num_both
    return {"iobb": num_both / np.maximum(num_predicted, 1), "iou": num_both / np.maximum(either, 1)}


def levels(maxima: npt.NDArray[np.float32], threshold: float) -> npt.NDArray[np.float32]:
    """Returns [n] float32: a value is predicted if it is above its map's level.

    That is value > threshold × maximum exactly, for every float32 value: the product is rounded down, never
    up. Division by the maximum would round each quotient; at 0.5 it gives the same pixels.

    Args:
        maxima: [n] maximum of each map; of NaN the level is NaN, which nothing is above.
        threshold: share of the maximum, in [0, 1).
    """
    exact = maxima.astype(np.float64) * threshold
    nearest = exact.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest > exact, below, nearest)


MEASURE = IobbAccuracy()
