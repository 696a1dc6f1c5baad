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
        unit, row, column = _ordered_maxima(maps)
        ends = np.searchsorted(unit, np.arange(len(maps.regions) + 1))
        num_sites = np.bincount(owner, minlength=len(maps.regions))
        found = np.zeros(len(maps.regions))
        is_in, first = _is_in(sites, owner, ends, row, column), 0
        for own, (num, num_maxima) in enumerate(zip(num_sites, np.diff(ends), strict=True)):
            last = first + num * num_maxima
            found[own] = _num_found(is_in[first:last].reshape(num, num_maxima).T)
            first = last
        return {"site_recall": found / np.maximum(num_sites, 1), "num_sites": num_sites}


def _ordered_maxima(maps: UnitMaps) -> tuple[Integers, Floats, Floats]:
    """Returns the unit of each local maximum, and its row and column in px of the grid; the highest first."""
    cells = maps.values if maps.cells is None else maps.cells
    values = np.where(maps.peaks["finite"][:, None, None], cells, 0)
    unit, *place = np.nonzero(local_maxima(values))
    order = np.lexsort((-values[unit, *place], unit))  # of equal ones the first in row-major order
    aligned = maps.protocol.align_corners
    row, column = (
        middles(num_cells, num_px, align_corners=aligned)[at[order]]
        for num_cells, num_px, at in zip(cells.shape[1:], maps.values.shape[1:], place, strict=True)
    )
    return unit[order], row, column


def _is_in(sites: Regions, owner: Integers, ends: Integers, row: Floats, column: Floats) -> Bools:
    """Returns for each site, one after the other, whether each of its unit's maxima lies in it.

    Those of unit i are at `ends[i]` to `ends[i + 1]`.
    """
    of_site = [np.arange(ends[unit], ends[unit + 1]) for unit in owner]
    pairs = np.repeat(np.arange(len(owner)), [len(own) for own in of_site])
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
