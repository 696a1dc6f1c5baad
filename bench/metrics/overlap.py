"""Overlap of a heatmap and boxes: IoBB and IoU, and what counts as a hit by them.

Protocol (thesis Table 5.2, after Wang 2017):
- the map is the one that peaks are looked for in: probabilities, enlarged to the network's input size. Its
  prediction is the pixels above 0.5 once it is divided by its maximum, strictly above;
- a box covers whole pixels: x, y, w and h are truncated to integers, each by itself; the far edges are not
  part of it, and what lies outside of the image is not either. Several boxes of a unit are their union. A
  peak's boxes are other ones, untruncated and with their edges (see `bench.metrics.boxes`);
- IoBB = |prediction ∩ boxes| / |prediction|, IoU = |prediction ∩ boxes| / |prediction ∪ boxes|. Both are 0
  without a prediction (a map that is zero everywhere) and for a map that is not finite: misses;
- a hit is IoBB > T or IoU > T, strictly, with T = 0.5; the literature's T(IoBB) of 0.1 and 0.25 are other T,
  of the same prediction (Wang 2017; code). A union is no smaller than a prediction, so that IoU ≤ IoBB and
  the second condition decides nothing; it is in the thesis' title of the table.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

THRESHOLD = 0.5
"""Share of a map's maximum above which a pixel is predicted."""

LEAST = 0.5
"""T(IoBB): what IoBB or IoU of a hit exceeds, whatever the threshold of the map."""

Shape = tuple[int, int]
"""Rows and columns of an image."""

Rectangles = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def levels(maxima: npt.NDArray[np.float32], threshold: float = THRESHOLD) -> npt.NDArray[np.float32]:
    """Returns [n] float32: a value is predicted if it is above its map's level.

    That is value > threshold × maximum exactly, for every float32 value: the product is rounded down, never
    up. Division by the maximum would round each quotient; at 0.5 it gives the same pixels.

    Args:
        maxima: [n] maximum of each map; of NaN the level is NaN, which nothing is above.
        threshold: share of the maximum, in [0, 1).
    """
    exact = maxima.astype(np.float64) * threshold
    nearest = exact.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest > exact, below, nearest)


def rectangles(boxes: Floats, shape: Shape) -> Rectangles:
    """Returns [m, 4] top, left, bottom, right of `boxes` [m, 4] (x, y, w, h): far edges exclusive, px.

    All are in an image of `shape`; a box without a pixel in it is empty: its bottom is its top, or its right
    its left.
    """
    x, y, w, h = np.trunc(boxes).astype(np.int64).reshape(-1, 4).T
    return np.stack([y, x, y + h, x + w], axis=1).clip(0, shape * 2)


def disjoint(overlapping: Rectangles) -> Rectangles:
    """Returns [k, 4] rectangles that cover the same pixels as `overlapping` [m, 4], each pixel once.

    They are cut into strips at every top and bottom; within a strip those that touch are one. Empty ones are
    left out.
    """
    whole = overlapping[areas(overlapping) > 0]
    if len(whole) < 2:
        return whole
    found: list[tuple[int, int, int, int]] = []
    edges = np.unique(whole[:, [0, 2]])
    for upper, lower in pairwise(edges):
        strip = whole[(whole[:, 0] <= upper) & (lower <= whole[:, 2])]
        found += [(int(upper), start, int(lower), end) for start, end in _merged(strip[:, [1, 3]].tolist())]
    return np.array(found, dtype=np.int64)


def _merged(intervals: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Returns the union of half-open intervals as disjoint ones, in order."""
    union: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(end, union[-1][1]))
        else:
            union.append((start, end))
    return union


def regions(boxes: Floats, unit_of: npt.NDArray[np.int64], num_units: int, shape: Shape) -> Rectangles:
    """Returns [num_units, k, 4]: each unit's boxes as disjoint rectangles, filled up with empty ones.

    Args:
        boxes: [m, 4] x, y, w, h, px.
        unit_of: [m] unit of each box.
        num_units: number of units.
        shape: of the image.
    """
    every, counts = rectangles(boxes, shape), np.bincount(unit_of, minlength=num_units)
    several = {int(unit): disjoint(every[unit_of == unit]) for unit in np.flatnonzero(counts > 1)}
    found = np.zeros((num_units, max([1, *map(len, several.values())]), 4), dtype=np.int64)
    is_single = counts[unit_of] == 1
    found[unit_of[is_single], 0] = every[is_single]
    for unit, parts in several.items():
        found[unit, : len(parts)] = parts
    return found


def areas(parts: Rectangles) -> Counts:
    """Returns [...] pixels of each rectangle of [..., 4]."""
    top, left, bottom, right = np.moveaxis(parts, -1, 0)
    size: Counts = np.maximum(bottom - top, 0) * np.maximum(right - left, 0)
    return size


def ratios(num_both: Counts, num_predicted: Counts, num_boxed: Counts) -> tuple[Floats, Floats]:
    """Returns IoBB [n] and IoU [n] in [0, 1] from numbers of pixels; 0 where nothing is predicted.

    Args:
        num_both: [n] pixels that are predicted and in a box.
        num_predicted: [n] predicted pixels.
        num_boxed: [n] pixels in a box.
    """
    either = num_predicted + num_boxed - num_both
    return num_both / np.maximum(num_predicted, 1), num_both / np.maximum(either, 1)


def is_hit(iobb: Floats, iou: Floats, least: float = LEAST) -> npt.NDArray[np.bool_]:
    """Returns [n] whether IoBB or IoU is above `least`; the first decides (see the module's docstring)."""
    hit: npt.NDArray[np.bool_] = (iobb > least) | (iou > least)
    return hit
