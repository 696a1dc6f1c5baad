"""Localizes maps of units as a pass over a test part gives them: many at a time, since each call is dear."""

from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor

from bench.evaluation.localize import localize_units
from bench.evaluation.map_storage import compact_maps
from bench.results.units import Map

_VALUES = 2**25
"""Values of maps that are held at most until they are localized, but for the last few: 128 MiB in float32.

NIH's 984 maps of 64 × 64 take 16 MiB."""


class HeldMaps:
    """Takes the maps of units in the order of their table, and gives their rows at the end.

    Maps stay on their device until they are localized there.

    Args:
        boxes: of all units.
        size_px: side of the network's square input, px.
        keep: given the map of each unit as `compact_maps` has it, in their order.
        are_probabilities: see `bench.evaluation.localize.localize`.
    """

    def __init__(
        self,
        boxes: pd.DataFrame,
        size_px: int,
        keep: Callable[[Map], None] | None,
        *,
        are_probabilities: bool = False,
    ) -> None:
        self._boxes, self._size_px, self._keep = boxes, size_px, keep
        self._are_probabilities = are_probabilities
        self._maps: list[Tensor] = []
        self._units: list[pd.DataFrame] = []
        self._rows: list[pd.DataFrame] = []

    def add(self, maps: Tensor, units: pd.DataFrame) -> None:
        """Takes maps [n, h, w] of n units, whose table has image_index and class_index."""
        self._maps.append(maps)
        self._units.append(units)
        if sum(held.numel() for held in self._maps) >= _VALUES:
            self._localize()

    def rows(self) -> pd.DataFrame:
        """Returns the rows of `localize` of all units; also where there are none."""
        if self._maps or not self._rows:
            self._localize()
        return pd.concat(self._rows, ignore_index=True)

    def _localize(self) -> None:
        none = torch.zeros(0, 1, 1), self._boxes.head(0)
        maps, units = (torch.cat(self._maps), pd.concat(self._units)) if self._maps else none
        place = maps, units, self._boxes, self._size_px
        found = localize_units(*place, are_probabilities=self._are_probabilities)
        if self._keep is not None:
            rows = maps, found, self._boxes, self._size_px
            for unit_map in compact_maps(*rows, are_probabilities=self._are_probabilities):
                self._keep(unit_map)
        self._rows.append(found)
        self._maps, self._units = [], []
