"""Relevance rank: of a map's highest pixels, as many as the region has, the share that lies in the region.

Of pixels that share the value of the last one the expected share counts, as if they were drawn at random.

Source: L. Arras et al., CLEVR-XAI: A benchmark dataset for the ground truth evaluation of neural network
explanations, Information Fusion 2022.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.metrics.measure import MeanMeasure, UnitMaps


class RelevanceRank(MeanMeasure):
    """A unit's statistic is the share of its highest pixels that lies in the region."""

    columns = ("relevance_rank",)
    is_hit = False

    def of_maps(self, maps: UnitMaps) -> Mapping[str, npt.NDArray[Any]]:
        """Returns relevance_rank, float64 in [0, 1]; 0 of a region without pixels."""
        values, map_of = maps.distinct
        every = values.reshape(len(values), np.prod(values.shape[1:], dtype=int))
        is_shared = len(values) < len(map_of)
        if is_shared:
            every = np.sort(every, axis=1)
        shares = np.zeros(len(map_of))
        for unit, (which, patch) in enumerate(zip(map_of, maps.regions.covered, strict=True)):
            inside, own = values[which][patch.place][patch.pixels], every[which]
            if len(inside) and maps.peaks["finite"][unit]:
                own = own if is_shared else np.partition(own, len(own) - len(inside))
                shares[unit] = _share(own, inside)
        return {"relevance_rank": shares}


def _share(every: npt.NDArray[np.float32], inside: npt.NDArray[np.float32]) -> float:
    """Returns the share of a map's highest values, as many as `inside` has, that are of `inside`.

    Args:
        every: all values, the highest ones last, the least of these first.
        inside: those of the region.
    """
    highest = every[len(every) - len(inside) :]
    last = highest[0]
    num_last, tied, tied_inside = (np.count_nonzero(part == last) for part in (highest, every, inside))
    found = np.count_nonzero(inside > last) + num_last * tied_inside / tied
    return float(found / len(inside))


MEASURE = RelevanceRank()
