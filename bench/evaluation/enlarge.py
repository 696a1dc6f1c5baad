"""Heatmaps enlarged bilinearly so that pixels which are equal in exact arithmetic are equal on every machine.

torch weighs two cells, v(1−f) + wf. Where both are the same cell, beyond the middles of border cells, or hold
the same value, the sum is that value; but rounded it is so only where the processor fuses multiplication and
addition, which breaks ties elsewhere, a hit in twenty of a coarse map. Here such a pixel is given the value
itself, by copying: no arithmetic is left that a kernel could round. All other pixels are torch's own.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.models.bilinear import resize

_ROWS, _COLUMNS = 2, 3
_SMALL = 128
"""Rows and columns up to which torch weighs four cells at once, and not two pairs; so it is not asked to."""

_BLOCK = 2**15
"""Values that torch does not share out among threads."""

_LANES = 64
"""A multiple of the values that any processor's vector instructions take at a time."""


class _Axis(NamedTuple):
    """Where the pixels of a side lie between cells.

    Attributes:
        pixels: those that lie on the middle of a cell, or beyond that of the last.
        cells: those that they show.
        shown: of each of the pixels, which one of `cells`.
        pairs: of every pixel, the first of the two cells that it lies between.
    """

    pixels: Tensor
    cells: Tensor
    shown: Tensor
    pairs: Tensor


def enlarged(maps: Tensor, shape: tuple[int, int], *, align_corners: bool = False) -> Tensor:
    """Returns maps [n, k, rows, columns] of finite maps [n, k, h, w], in which peaks are looked for.

    Values are torch's own, with the same bits, but for pixels that show a single value.
    """
    uneasy = _with_plateaus(maps)
    if sum(shape) <= _SMALL or len(uneasy) == len(maps):
        return _by_axes(maps, shape, align_corners=align_corners)
    large = resize(maps, shape, align_corners=align_corners)
    for axis, other in ((_COLUMNS, _ROWS), (_ROWS, _COLUMNS)):
        size, across = shape[axis - _ROWS], shape[other - _ROWS]
        if size != maps.shape[axis]:
            single = _axis(maps.shape[axis], size, align_corners, maps.device)
            shown = _along(maps.index_select(axis, single.cells), other, across, align_corners=align_corners)
            large.index_copy_(axis, single.pixels, shown.index_select(axis, single.shown))
    if len(uneasy):
        large.index_copy_(0, uneasy, _by_axes(maps[uneasy], shape, align_corners=align_corners))
    return large


def sigmoid(maps: Tensor) -> Tensor:
    """Returns the sigmoid in float32, equal for equal logits.

    On a CPU the last values of a tensor, or of a thread's share, which fill no vector, are computed by
    another exponential, an ulp away. So they are filled up, and nothing is shared out.
    """
    if maps.device.type != "cpu":
        return torch.sigmoid(maps)
    flat = maps.reshape(-1)
    filled = F.pad(flat, (0, -len(flat) % _LANES)) if len(flat) % _LANES else flat
    found = torch.empty_like(filled)
    for block, own in zip(torch.split(filled, _BLOCK), torch.split(found, _BLOCK), strict=True):
        torch.sigmoid(block, out=own)
    return found[: len(flat)].view(maps.shape)


def _by_axes(maps: Tensor, shape: tuple[int, int], *, align_corners: bool) -> Tensor:
    """Returns the maps enlarged one axis after the other, as torch does it, with the same bits but slower."""
    wide = _along(maps, _COLUMNS, shape[1], align_corners=align_corners)
    return _along(wide, _ROWS, shape[0], align_corners=align_corners)


def _along(maps: Tensor, axis: int, size: int, *, align_corners: bool) -> Tensor:
    """Returns the maps with `size` pixels along one axis."""
    num_cells = maps.shape[axis]
    if size == num_cells:
        return maps
    shape = [size if one == axis else maps.shape[one] for one in (_ROWS, _COLUMNS)]
    large = resize(maps, shape, align_corners=align_corners)
    single = _axis(num_cells, size, align_corners, maps.device)
    before, after = _neighbours(maps, axis)
    is_equal = before == after
    if is_equal.any():
        value = before.index_select(axis, single.pairs)
        large = torch.where(is_equal.index_select(axis, single.pairs), value, large)
    return large.index_copy_(axis, single.pixels, maps.index_select(axis, single.cells[single.shown]))


def _with_plateaus(maps: Tensor) -> Tensor:
    """Returns the numbers of maps with equal neighbours, but of 0 and of 1: torch has those exactly."""
    if not len(maps) or all(_all_differ(maps, step) for step in (1, maps.shape[_COLUMNS])):
        return torch.empty(0, dtype=torch.long, device=maps.device)
    found = torch.zeros(len(maps), dtype=torch.bool, device=maps.device)
    for axis in (_ROWS, _COLUMNS):
        before, after = _neighbours(maps, axis)
        found |= ((before == after) & (before != 0) & (before != 1)).flatten(1).any(dim=1)
    return found.nonzero().flatten()


def _all_differ(maps: Tensor, step: int) -> bool:
    """Returns whether values differ from those so far behind them, beyond ends of rows too: it is quick."""
    flat = maps.reshape(-1)
    before, after = flat[:-step], flat[step:]
    return len(after) == 0 or bool((before - after).abs_().amin() > 0)


def _neighbours(maps: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    count = maps.shape[axis] - 1
    return maps.narrow(axis, 0, count), maps.narrow(axis, 1, count)


@lru_cache(maxsize=64)
def _axis(num_cells: int, size: int, align_corners: bool, device: torch.device) -> _Axis:
    """Returns the places of pixels, in whole numbers: position = numerator / denominator cells."""
    if align_corners:
        numerators, denominator = [pixel * (num_cells - 1) for pixel in range(size)], max(size - 1, 1)
    else:
        numerators, denominator = [(2 * pixel + 1) * num_cells - size for pixel in range(size)], 2 * size
    last = num_cells - 1
    inside = [min(max(numerator, 0), last * denominator) for numerator in numerators]
    single = {
        pixel: at // denominator
        for pixel, at in enumerate(inside)
        if at % denominator == 0 and numerators[pixel] >= 0  # before the first, torch's second weight is 0
    }
    cells = sorted(set(single.values()))
    shown = [cells.index(cell) for cell in single.values()]
    pairs = [min(at // denominator, max(last - 1, 0)) for at in inside]
    return _Axis(
        *(
            torch.tensor(index, dtype=torch.long, device=device)
            for index in (list(single), cells, shown, pairs)
        )
    )
