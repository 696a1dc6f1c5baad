"""Site recall: the share of a unit's separate sites that hold a local maximum of its heatmap.

Sites are boxes, or connected parts of masks (`bench.metrics.regions.Regions.sites`). Local maxima are taken
from the highest down, as many as there are sites. One that lies only in sites that are found already does
not count, as further marks on a lesion do not in FROC. Were all maxima taken, noise would find everything:
a fine map of it has a maximum in every box. Of a unit with one site it is whether the middle of the highest
cell lies in it: point accuracy, but for where the enlarged map peaks near that cell.

A map that is constant has no maximum and finds nothing, nor does one that is not finite. A unit whose mask
is too small to have a pixel of the raster has no site, and is missed.

Source: Figure 8.2 of the thesis shows heatmaps of several lesions; the number is ours.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.metrics.maxima import local_maxima, middles
from bench.metrics.measure import MeanMeasure, UnitMaps
from bench.metrics.regions import Bools, Floats, Integers, Regions


class SiteRecall(MeanMeasure):
    """A unit's statistic is the share of its sites that are found."""

    columns = ("site_recall", "num_sites")
    is_hit = False

    def of_maps(self, maps: UnitMaps) -> Mapping[str, npt.NDArray[Any]]:
        """Returns site_recall, float64 in [0, 1], and num_sites."""
        sites, owner = maps.regions.sites()
        cells, map_of = maps.distinct if maps.cells is None else (maps.cells, np.arange(len(maps.cells)))
        ends, row, column = _ordered_maxima(cells, maps)
        is_in = _is_in(sites, map_of[owner], ends, row, column)
        num_sites = np.bincount(owner, minlength=len(maps.regions))
        found, first = np.zeros(len(maps.regions)), 0
        for unit, (num, num_maxima) in enumerate(zip(num_sites, np.diff(ends)[map_of], strict=True)):
            last = first + num * num_maxima
            found[unit] = _num_found(is_in[first:last].reshape(num, num_maxima).T)
            first = last
        return {"site_recall": found / np.maximum(num_sites, 1), "num_sites": num_sites}


def _ordered_maxima(cells: npt.NDArray[np.float32], maps: UnitMaps) -> tuple[Integers, Floats, Floats]:
    """Returns which are the local maxima of each map of cells, and where: row and column, px of the grid.

    Those of map i are at `ends[i]` to `ends[i + 1]`, the highest first, of equal ones in row-major order.
    """
    is_finite = np.all(np.isfinite(cells), axis=(1, 2), keepdims=True)
    values = np.where(is_finite, cells, 0)
    number, *place = np.nonzero(local_maxima(values))
    order = np.lexsort((-values[number, *place], number))
    aligned = maps.protocol.align_corners
    row, column = (
        middles(num_cells, num_px, align_corners=aligned)[at[order]]
        for num_cells, num_px, at in zip(cells.shape[1:], maps.values.shape[1:], place, strict=True)
    )
    return np.searchsorted(number, np.arange(len(cells) + 1)), row, column


def _is_in(sites: Regions, map_of: Integers, ends: Integers, row: Floats, column: Floats) -> Bools:
    """Returns for each site, one after the other, whether each maximum of its map lies in it.

    Args:
        sites: s of them.
        map_of: [s] which map each has.
        ends: see `_ordered_maxima`.
        row: see there.
        column: see there.
    """
    of_site = [np.arange(ends[number], ends[number + 1]) for number in map_of]
    pairs = np.repeat(np.arange(len(sites)), [len(own) for own in of_site])
    maxima = np.concatenate([np.zeros(0, np.int64), *of_site])
    return sites.contains(pairs, row[maxima], column[maxima])


def _num_found(is_in: Bools) -> int:
    """Returns how many sites are found, of [maxima, sites], which maximum, the highest first, is in which."""
    found, places = np.zeros(is_in.shape[1], dtype=bool), is_in.shape[1]
    for own in is_in:
        if places == 0:
            break
        places -= int(not own.any() or (own & ~found).any())
        found |= own
    return int(found.sum())


MEASURE = SiteRecall()
