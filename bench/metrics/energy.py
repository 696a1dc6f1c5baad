"""Energy in the region: the share of a map's sum that lies in the region (also: relevance mass accuracy).

Each map is min–max normalised by itself, so that its least value adds nothing. A map of a single value has no
energy and counts as a miss.

Source: H. Wang et al., Score-CAM, CVPR Workshops 2020; L. Arras et al., CLEVR-XAI, Information Fusion 2022.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.metrics.measure import MeanMeasure, UnitMaps


class Energy(MeanMeasure):
    """A unit's statistic is the share of its map's sum that lies in the region."""

    columns = ("energy",)
    is_hit = False

    def of_maps(self, maps: UnitMaps) -> Mapping[str, npt.NDArray[Any]]:
        """Returns energy, float64 in [0, 1]."""
        values, map_of = maps.distinct
        least = values.min(axis=(1, 2), initial=np.inf).astype(np.float64)
        total = values.sum(axis=(1, 2), dtype=np.float64) - least * values[0].size if len(values) else least
        inside = np.array(
            [
                (values[which][patch.place][patch.pixels] - least[which]).sum()
                for which, patch in zip(map_of, maps.regions.covered, strict=True)
            ]
        )
        of_map = total[map_of]
        has_energy = maps.peaks["finite"] & (of_map > 0)
        share = np.where(has_energy, inside, 0) / np.where(has_energy, of_map, 1)
        return {"energy": np.clip(share, 0, 1)}


MEASURE = Energy()
