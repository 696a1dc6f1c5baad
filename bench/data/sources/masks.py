"""Masks as annotation files have them: polygons, run lengths, PNGs; read to one kind of rows.

A row is one outline of a finding on an image; several of them are one region, their union. x, y, w, h are the
bounds of its pixels in px of the image's frame, and reach beyond that where the outline does, which the check
of the data set finds; pixels out there are no part of the mask.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from bench.data.sources.tables import SIDES
from bench.errors import DataError
from bench.metrics.regions import MASK, Bools, Patch, bounds, encode_patch

NOTHING = Patch(0, 0, np.zeros((0, 0), dtype=bool))

_LEAST_CORNERS = 3


class Mark(NamedTuple):
    """One box or outline of a finding.

    Attributes:
        where: it stands in its file, for sentences.
        image: as its file names it.
        finding: as its file names it.
        sides: x, y, w, h.
        mask: text of the mask; None of a box.
        is_ignored: whether it says where the finding may be, and not where it is.
    """

    where: str | int
    image: str
    finding: str
    sides: tuple[float, float, float, float]
    mask: str | None = None
    is_ignored: bool = False


def outlined(where: str | int, image: str, finding: str, pixels: Patch, size: tuple[int, int]) -> Mark:
    """Returns the mark of an image of `size` (width, height) px that has these pixels."""
    x, y, w, h = bounds(pixels.pixels)
    is_empty = w == 0
    sides = (0, 0, 0, 0) if is_empty else (pixels.left + x, pixels.top + y, w, h)
    return Mark(where, image, finding, sides, encode_patch(pixels, *size))


def as_rows(marks: Iterable[Mark]) -> pd.DataFrame:
    """Returns columns image, finding, x, y, w, h, mask, is_ignored, indexed by where each mark stands."""
    given = list(marks)
    rows = [(mark.image, mark.finding, *map(float, mark.sides), mark.mask, mark.is_ignored) for mark in given]
    columns = ["image", "finding", *SIDES, MASK, "is_ignored"]
    index = pd.Index([mark.where for mark in given], dtype=object)
    return pd.DataFrame(rows, columns=columns, index=index).astype(
        {MASK: object, **dict.fromkeys(SIDES, float)}
    )


def from_polygons(polygons: Sequence[Sequence[float]], width: int, height: int) -> Patch:
    """Returns the pixels of polygons, which are one region, on an image of so many px.

    The pixels of the edges are part of it, and corners are cut to whole px, as CheXlocalize's authors draw
    theirs (cheXlocalize, annotation_to_segmentation.py).

    Args:
        polygons: x and y of one corner after the other.
        width: of the image, px.
        height: of the image, px.

    Raises:
        ValueError: a polygon has no third corner, or x without y, or one is a whole image away.
    """
    corners = []
    for polygon in polygons:
        if len(polygon) % 2:
            raise ValueError(f"a polygon has {len(polygon)} numbers, so one x has no y")
        if len(polygon) < 2 * _LEAST_CORNERS:
            raise ValueError(f"a polygon has {len(polygon) // 2} corners, and needs {_LEAST_CORNERS}")
        corners.append(np.floor(polygon).reshape(-1, 2))
    if not corners:
        return NOTHING
    every = np.concatenate(corners)
    low, high = every.min(axis=0), every.max(axis=0)
    if (low < (-width, -height)).any() or (high > (2 * width, 2 * height)).any():
        raise ValueError(f"a polygon lies more than a whole image outside of {width} × {height} px")
    left, top = low.astype(int).tolist()
    canvas = Image.new("1", tuple((high - low + 1).astype(int).tolist()))
    for own in corners:
        ImageDraw.Draw(canvas).polygon((own - low).ravel().tolist(), fill=1, outline=1)
    return Patch(top, left, np.asarray(canvas))


def from_counts(counts: Sequence[int], width: int, height: int) -> Patch:
    """Returns the pixels of run lengths down one column after the other.

    The lengths are those of COCO, outside and inside in turn; SIIM's pairs (a start relative to the end of
    the run before, and a length) are the same numbers. What they leave of the image is outside.

    Raises:
        ValueError: a length is negative, or they are more than the image has px.
    """
    lengths = np.array(counts, dtype=np.int64)
    if (lengths < 0).any():
        raise ValueError(f"a run has {lengths.min()} px")
    if lengths.sum() > width * height:
        raise ValueError(f"runs add up to {lengths.sum()} px, and the image has {width} × {height}")
    if not lengths[1::2].any():
        return NOTHING
    ends = np.cumsum(lengths)
    first = int(ends[0]) // height
    last = -(-int(ends[1::2][-1]) // height)
    lengths[0] -= first * height
    inside = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)[: (last - first) * height]
    pixels = np.zeros((last - first) * height, dtype=bool)
    pixels[: len(inside)] = inside
    return Patch(0, first, pixels.reshape(last - first, height).T)


def coco_counts(text: str) -> list[int]:
    """Returns the run lengths that COCO's compressed text holds.

    Each is written in groups of five bits, the lowest first, from "0" on; a sixth bit says that another group
    follows. From the fourth on a number is the difference to the one two before.

    Source: cocoapi, maskApi.c, rleFrString.

    Raises:
        ValueError: it holds another letter, or ends within a number.
    """
    counts: list[int] = []
    value = shift = 0
    for letter in text:
        code = ord(letter) - ord("0")
        if not 0 <= code < 64:
            raise ValueError(f"{letter!r} is no letter of compressed run lengths")
        value |= (code & 0b11111) << shift
        shift += 5
        if code & 0b100000:
            continue
        if code & 0b10000:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("compressed run lengths end within a number")
    return counts


def from_gray(pixels: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> Patch:
    """Returns the pixels of a mask that is drawn as an image of two values, of which 0 is outside.

    Raises:
        ValueError: it has more values.
    """
    values = np.unique(pixels)
    if len(values[values > 0]) > 1:
        raise ValueError(f"has {len(values)} gray values; a mask has two, of which 0 is outside")
    found: Bools = pixels > 0
    return Patch(0, 0, found)


def damaged(error: ValueError, place: object) -> DataError:
    """Returns the error of a mask that cannot be read."""
    return DataError(f"the mask cannot be read: {error}", place=place)
