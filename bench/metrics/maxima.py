"""Local maxima of heatmaps: what they are, and where they lie.

They are looked for in a map as the model returns it. A cell is a local maximum if it is higher than those
of its eight neighbours that come before it in row-major order, no lower than those that come after it, and
higher than the lowest cell of the map. So the first of equal neighbours counts, and a constant map has
none. The enlarged map has its maxima there, too: between the middles of cells it is bilinear. But it is
rounded, which makes false ones where cells are nearly equal. A maximum lies at the middle of its cell.

Of a model's map logits are compared. The sigmoid rises, so that maxima of probabilities are the same, but
for those of float32: above a logit of about 16.6 they are 1, and a plateau hides what is in it.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from bench.metrics.regions import Bools, Floats, Integers, Regions

_ALL, _FIRST, _LAST = slice(None), slice(None, -1), slice(1, None)
_PAIRS = (
    ((_ALL, _FIRST), (_ALL, _LAST)),
    ((_FIRST, _ALL), (_LAST, _ALL)),
    ((_FIRST, _FIRST), (_LAST, _LAST)),
    ((_FIRST, _LAST), (_LAST, _FIRST)),
)
"""Rows and columns of the cells that have a neighbour in a direction, and of that neighbour, a later one."""


def drop_lower(found: Any, maps: Any) -> None:
    """Keeps of the cells that are found those that are no lower than a neighbour; see the module.

    Args:
        found: bool [n, h, w], changed in place; an array of numpy or a tensor of torch.
        maps: numbers [n, h, w] of the same kind.
    """
    for earlier, later in _PAIRS:
        is_higher = maps[:, *later] > maps[:, *earlier]
        own, other = found[:, *later], found[:, *earlier]
        own &= is_higher
        other &= ~is_higher


def local_maxima(maps: npt.NDArray[np.float32]) -> Bools:
    """Returns [n, h, w] which cells of finite maps are local maxima."""
    found: Bools = maps > maps.min(axis=(1, 2), keepdims=True)
    drop_lower(found, maps)
    return found


def middles(num_cells: int, num_px: int, *, align_corners: bool = False) -> Floats:
    """Returns the middle of each cell of a side that is enlarged to so many px: index of a px, not whole."""
    cells = np.arange(num_cells, dtype=np.float64)
    if align_corners:
        return cells * (num_px - 1) / max(num_cells - 1, 1)
    return (cells + 0.5) * num_px / num_cells - 0.5


def highest_inside(regions: Regions, rows: Floats, columns: Floats, logits: Floats) -> Floats:
    """Returns [n] the highest logit of the maxima that lie in the region of their unit; NaN if none does.

    Args:
        regions: of n units.
        rows: [n, k] where the maxima of each unit's map lie, px of the regions' raster.
        columns: [n, k].
        logits: [n, k]; NaN if there is no such maximum.
    """
    units: Integers = np.repeat(np.arange(len(regions)), rows.shape[1])
    is_in = regions.contains(units, rows.ravel(), columns.ravel()).reshape(rows.shape)
    highest = np.where(is_in & ~np.isnan(logits), logits, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(np.isneginf(highest), np.nan, highest)
