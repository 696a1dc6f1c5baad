"""Compresses the heatmaps of units for a trial's folder without changing any score."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from bench.evaluation.localize import localize_units
from bench.metrics.units import PEAK_COLUMNS, hit_measures
from bench.results.units import Map
from bench.suite.metrics import METRICS


@torch.no_grad()
def compact_maps(
    maps: Tensor, found: pd.DataFrame, boxes: pd.DataFrame, size_px: int, *, are_probabilities: bool = False
) -> list[Map]:
    """Returns the map [h, w] of each unit, float16 if that leaves its row of `localize` as it is.

    As it is: peak, ties, whether the map is finite, and the hit by every metric that has one; the score may
    differ. This is asked on the CPU, where stored maps are scored again, whatever device the row is from.
    Others are float32. Choices other than the thesis' are not asked: a peak that they find among nearly equal
    pixels may be another one in float16.

    Args:
        maps: [n, h, w], one for each row of `found`, on any device.
        found: rows of `localize` of these maps.
        boxes: that they were found with.
        size_px: side of the network's square input, px.
        are_probabilities: as of `localize`.
    """
    whole = maps.float().cpu()
    half = whole.half()
    is_same = (half.float() == whole).flatten(1).all(dim=1).numpy()  # then nothing is to be asked
    rest = np.flatnonzero(~is_same)
    if len(rest):
        own = found.iloc[rest]
        again = localize_units(
            half[rest].float(),
            own,
            boxes,
            size_px,
            are_probabilities=are_probabilities,
            metrics=[METRICS[name] for name in hit_measures()],
        )
        is_same[rest] = (_kept(again) == _kept(own)).all(axis=1)
    return [(half if same else whole)[unit].numpy() for unit, same in enumerate(is_same.tolist())]


def _kept(found: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Returns the values of each row that may not change, [n, k]."""
    peak = found[[column for column in PEAK_COLUMNS if column != "score"]].to_numpy(np.int64)
    hits = (one.statistic(found).astype(np.int64) for one in hit_measures().values())
    return np.column_stack([peak, *hits])
