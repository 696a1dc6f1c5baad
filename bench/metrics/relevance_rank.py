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
        shares = np.zeros(len(map_of))
        for unit, (which, patch) in enumerate(zip(map_of, maps.regions.covered, strict=True)):
            inside = values[which][patch.place][patch.pixels]
            if len(inside) and maps.peaks["finite"][unit]:
                shares[unit] = _share(values[which].ravel(), inside)
        return {"relevance_rank": shares}


def _share(every: npt.NDArray[np.float32], inside: npt.NDArray[np.float32]) -> float:
    """Returns the share of the highest values of `every`, as many as `inside` has, that are of `inside`."""
    last = np.partition(every, len(every) - len(inside))[len(every) - len(inside)]
    num_left = len(inside) - np.count_nonzero(every > last)
    tied, tied_inside = (np.count_nonzero(part == last) for part in (every, inside))
    found = np.count_nonzero(inside > last) + num_left * tied_inside / tied
    return float(found / len(inside))


MEASURE = RelevanceRank()
