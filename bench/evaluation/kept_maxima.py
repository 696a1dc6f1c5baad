"""Finds the local maxima of the maps of all test images as a pass gives them, and makes a table of them."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.data.dataset import ImageSet
from bench.metrics.maxima import drop_lower, highest_inside, middles
from bench.metrics.regions import regions_of, units_of
from bench.results.units import (
    MAXIMA_COLUMNS,
    NUM_MAXIMA,
    UNIT_NAMES,
)

_LARGEST = 65504.0
"""Of float16."""


class Maxima(NamedTuple):
    """The highest local maxima of n maps, on any device.

    Attributes:
        logits: float16 [n, NUM_MAXIMA], the highest first; −∞ where there are no more.
        cells: int32 [n, NUM_MAXIMA], number of the cell in row-major order.
        counts: int32 [n], how many local maxima the map has; −1 if it is not finite.
    """

    logits: Tensor
    cells: Tensor
    counts: Tensor


def highest_maxima(maps: Tensor) -> Maxima:
    """Returns the highest local maxima (see `bench.metrics.maxima`) of maps float32 [n, h, w], logits.

    A logit beyond the range of float16 becomes the end of that. Nothing waits for the device.
    """
    flat = maps.flatten(1)
    lowest, highest = flat.aminmax(dim=1)  # NaN of any with it
    finite = torch.isfinite(lowest) & torch.isfinite(highest)
    found = maps > lowest[:, None, None]
    drop_lower(found, maps)
    is_maximum = found.flatten(1) & finite[:, None]
    counts = torch.where(finite, is_maximum.sum(dim=1), -1)
    num_kept = min(NUM_MAXIMA, flat.shape[1])
    logits, cells = torch.where(is_maximum, flat, -torch.inf).topk(num_kept, dim=1)
    logits = torch.where(logits > -torch.inf, logits.clamp(-_LARGEST, _LARGEST), logits)
    rest = (0, NUM_MAXIMA - num_kept)
    return Maxima(F.pad(logits, rest, value=-torch.inf).half(), F.pad(cells, rest).int(), counts.int())


class KeptMaxima:
    """Takes the maps of all images of a test part in their order, and gives their table at the end.

    Maxima stay on the device until then: 36 MB for NIH's 25,596 images and 14 findings.
    """

    def __init__(self) -> None:
        self._found: list[Maxima] = []
        self._shape = (1, 1)

    def add(self, heatmaps: Tensor) -> None:
        """Takes the maps [n, c, h, w], logits, of all findings of n images."""
        self._shape = (heatmaps.shape[2], heatmaps.shape[3])
        self._found.append(highest_maxima(heatmaps.float().flatten(0, 1)))

    def table(self, named: pd.DataFrame, test: ImageSet) -> pd.DataFrame:
        """Returns the table of maxima, `MAXIMA_COLUMNS` of `bench.results.units`.

        Args:
            named: image, patient, finding and label of each map, in their order.
            test: the images, all of which were taken.
        """
        logits, cells, counts = (torch.cat(parts).cpu().numpy() for parts in zip(*self._found, strict=True))
        is_there = np.isfinite(logits)
        rows, columns = (
            np.where(is_there, middles(num_cells, test.pixels.shape[-1])[at], -1).astype(np.float32)
            for num_cells, at in zip(self._shape, np.divmod(cells, self._shape[1]), strict=True)
        )
        logits[~is_there] = np.nan
        units = units_of(test.boxes).to_numpy(np.int64)
        own = units @ [test.labels.shape[1], 1]
        regions = regions_of(test.boxes, test.pixels.shape[-1])
        boxed, inside = np.zeros(len(logits), dtype=bool), np.full(len(logits), np.nan, np.float16)
        boxed[own], inside[own] = True, highest_inside(regions, rows[own], columns[own], logits[own])
        of_maps = (boxed, counts >= 0, np.maximum(counts, 0), inside, *logits.T, *rows.T, *columns.T)
        given = named[[*UNIT_NAMES, "label"]]
        added = pd.DataFrame(dict(zip(MAXIMA_COLUMNS[len(given.columns) :], of_maps, strict=True)))
        return pd.concat([given, added], axis=1)
