"""The ground truth of units: tables of boxes and masks, and the regions that these are on a raster of pixels.

A box is (x, y, w, h): left, top, width, height in float pixels of a named frame, untruncated. A pixel is its
integer index (row, column). A table of boxes has the columns image_index, class_index, x, y, w, h: several
rows of one image and class are one region, their union. Those of a data set have width_px and height_px too:
the size of the image's own frame, in which its boxes were published. Where a data set outlines findings, a
column mask holds the text of a mask, or None; x, y, w, h are then the mask's bounds.

Whether a peak is in a region, and which pixels a region covers, are two conventions of the literature:
- `contains`: x ≤ column ≤ x + w and y ≤ row ≤ y + h, edges included, boxes untruncated (thesis §5.4, code);
  `LocalizationProtocol` says what can be chosen otherwise;
- `rasterise`, `areas` and `count`: x, y, w and h are truncated to integers, each by itself; the far edges are
  not part of the region, and what lies outside of the image is not either.

Regions to ignore are none of these: a unit that has one is left out when a data set is read.

A mask has no edges: by both conventions a pixel of the raster is in it if the pixel of the image's own frame
that is nearest is. Several boxes and masks of a unit are one region, their union.

The text of a mask is the lengths of runs in row-major order, separated by spaces: how many
pixels lie outside of the mask, then how many lie in it, and so on in turn. They are pixels of the image's own
frame, and add up to its area.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.protocol import THESIS, LocalizationProtocol

COLUMNS = ("image_index", "class_index", "x", "y", "w", "h")
FRAME = ("width_px", "height_px")
MASK = "mask"
UNIT = ["image_index", "class_index"]

Bools = npt.NDArray[np.bool_]


Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

Shape = tuple[int, int]
"""Rows and columns of a raster."""


def scaled(boxes: pd.DataFrame, factor: float) -> pd.DataFrame:
    """Returns the table with x, y, w, h multiplied by `factor`: the same boxes in another frame."""
    return boxes.assign(**{column: boxes[column] * factor for column in ("x", "y", "w", "h")})


def decode(text: str, width: int, height: int) -> Bools:
    """Returns the mask [height, width] that the text holds.

    Raises:
        ValueError: it holds something else than lengths, or they are not those of such a mask.
    """
    lengths = np.array([int(word) for word in text.split()], dtype=np.int64)
    if (lengths < 0).any() or lengths.sum() != width * height:
        num_px = width * height
        raise ValueError(f"runs of a mask add up to {lengths.sum()} px; its image has {num_px} px")
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(height, width)


def bounds(mask: Bools) -> tuple[int, int, int, int]:
    """Returns x, y, w, h of the smallest box that covers the mask [height, width]; zeros of an empty one."""
    rows, columns = (np.flatnonzero(np.any(mask, axis=axis)) for axis in (1, 0))
    if not len(rows):
        return 0, 0, 0, 0
    (top, bottom), (left, right) = ((int(at[0]), int(at[-1]) + 1) for at in (rows, columns))
    return left, top, right - left, bottom - top


_DECIMALS = 9
"""Boxes of another raster are rounded to so many decimals of a px: scaled there and back, an edge stays."""


@dataclass(frozen=True)
class Patch:
    """Some pixels of a raster: the smallest part of it, or one around that, which holds them.

    Attributes:
        top: first row.
        left: first column.
        pixels: [h, w] which are meant.
    """

    top: int
    left: int
    pixels: Bools

    @property
    def place(self) -> tuple[slice, slice]:
        """Its rows and columns on the raster."""
        height, width = self.pixels.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def encode(mask: Bools) -> str:
    """Returns the text of a mask [height, width]."""
    height, width = mask.shape
    return encode_patch(Patch(0, 0, mask), width, height)


def encode_patch(patch: Patch, width: int, height: int) -> str:
    """Returns the text of the mask of an image that has these pixels; those outside of it are cut off."""
    (top, left), (bottom, right) = np.clip(
        [(patch.top, patch.left), np.add((patch.top, patch.left), patch.pixels.shape)], 0, (height, width)
    )
    inside = patch.pixels[top - patch.top : bottom - patch.top, left - patch.left : right - patch.left]
    edges = np.diff(np.pad(inside, ((0, 0), (1, 1))), axis=1)
    rows, columns = np.divmod(np.flatnonzero(edges), edges.shape[1])  # nonzero is slower
    at, times = np.unique((rows + top) * width + columns + left, return_counts=True)
    changes = at[
        (times == 1) & (at < width * height)
    ]  # a run goes on in the next row where one ends and begins
    return " ".join(map(str, np.diff(changes, prepend=0, append=width * height).tolist()))


def num_pixels(text: str) -> int:
    """Returns how many px the text of a mask has."""
    return sum(map(int, text.split()[1::2]))


@dataclass(frozen=True)
class Regions:
    """The regions of n units; see the module's docstring.

    Attributes:
        boxes: [n, k, 4] x, y, w, h in px of the raster, filled up with NaN.
        rectangles: [n, k, 4] top, left, bottom, right (exclusive) of the pixels that each box covers;
            a box that covers none, as of NaN, has its bottom at its top or its right at its left.
        masks: by unit, of those that have masks, the union of them on the raster.
        pixels: [n, 2] width and height of a pixel of the raster, in px of the image's own frame.
        shape: of the raster.
        protocol: what counts as being in a region.
    """

    boxes: Floats
    rectangles: Integers
    masks: Mapping[int, Patch]
    pixels: Floats
    shape: Shape
    protocol: LocalizationProtocol

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, units: slice | Integers) -> "Regions":
        """Returns the regions of some of the units."""
        numbers = np.arange(len(self))[units].tolist()
        masks = {place: self.masks[unit] for place, unit in enumerate(numbers) if unit in self.masks}
        own = self.boxes[units], self.rectangles[units], masks, self.pixels[units]
        return Regions(*own, self.shape, self.protocol)

    def contains(self, units: Integers, rows: Floats | Integers, columns: Floats | Integers) -> Bools:
        """Returns [m] whether each point is in the region of its unit.

        Args:
            units: [m] unit of each point.
            rows: [m] row of each point, px of the raster; need not be whole.
            columns: [m] column of each point.
        """
        found = np.zeros(len(units), dtype=bool)
        for position in range(self.boxes.shape[1]):
            found |= self._in_box(rows, columns, self.boxes[units, position], self.pixels[units])
        for unit, patch in self.masks.items():
            own = np.flatnonzero(units == unit)
            if len(own):
                found[own] |= self._in_mask(rows[own], columns[own], patch, self.pixels[unit])
        return found

    def rasterise(self) -> Bools:
        """Returns [n, rows, columns] which pixels each region covers."""
        found = np.zeros((len(self), *self.shape), dtype=bool)
        for own, patch in zip(found, self.covered, strict=True):
            own[patch.place] = patch.pixels
        return found

    def areas(self) -> Integers:
        """Returns [n] how many pixels each region covers."""
        return np.array([np.count_nonzero(patch.pixels) for patch in self.covered], dtype=np.int64)

    def count(self, pixels: Bools) -> Integers:
        """Returns [n] how many of the `pixels` [n, rows, columns] that each region covers are set."""
        found = [
            np.count_nonzero(own[patch.place] & patch.pixels)
            for own, patch in zip(pixels, self.covered, strict=True)
        ]
        return np.array(found, dtype=np.int64)

    def sites(self) -> tuple["Regions", Integers]:
        """Returns the sites of all regions, [s], as regions of their own, and [s] which unit's each is.

        A site is a box, whether it overlaps another or not, or a connected part of the union of a unit's
        masks (corners connect). A unit's sites follow each other. A mask of no pixel has none.
        """
        boxes, rectangles, owners = [], [], []
        masks: dict[int, Patch] = {}
        for unit in range(len(self)):
            parts = self._connected(unit)
            own = np.flatnonzero(~np.isnan(self.boxes[unit, :, 0]))
            boxes += [*self.boxes[unit, own], *np.full((len(parts), 4), np.nan)]
            rectangles += [*self.rectangles[unit, own], *np.zeros((len(parts), 4), np.int64)]
            owners += [unit] * (len(own) + len(parts))
            masks |= {len(owners) - len(parts) + number: part for number, part in enumerate(parts)}
        owner = np.array(owners, dtype=np.int64)
        sides = np.array(boxes, np.float64).reshape(-1, 1, 4)
        edges = np.array(rectangles, np.int64).reshape(-1, 1, 4)
        return Regions(sides, edges, masks, self.pixels[owner], self.shape, self.protocol), owner

    def outlines(self) -> tuple[Floats, Integers]:
        """Returns boxes x, y, w, h around all sites, [s, 4] px of the raster, and [s] the unit of each."""
        sites, owner = self.sites()
        boxes = sites.boxes[:, 0].copy()
        for site, patch in sites.masks.items():
            x, y, w, h = bounds(patch.pixels)
            boxes[site] = patch.left + x, patch.top + y, w, h
        return boxes, owner

    def _connected(self, unit: int) -> list[Patch]:
        """Returns the connected parts of a unit's masks; none where it has no mask, or one without pixels."""
        if unit not in self.masks:
            return []
        from scipy.ndimage import label  # data sets import this file, and need no scipy

        patch = self.masks[unit]
        parts, num_parts = label(patch.pixels, np.ones((3, 3)))
        return [Patch(patch.top, patch.left, parts == number) for number in range(1, num_parts + 1)]

    def hits(self) -> tuple[Patch, ...]:
        """Returns of each region the pixels that it contains: peaks there are hits."""
        return tuple(self._hit_by(unit) for unit in range(len(self)))

    def _in_box(
        self, rows: Floats | Integers, columns: Floats | Integers, boxes: Floats, pixels: Floats
    ) -> Bools:
        """Returns [m] which points are in their boxes [m, 4]; none is in NaN."""
        x, y, w, h = boxes.T
        found: Bools
        if self.protocol.tolerance_px == 0:
            below = np.less_equal if self.protocol.edges == "inclusive" else np.less
            found = (x <= columns) & below(columns, x + w) & (y <= rows) & below(rows, y + h)
            return found
        right = np.maximum(np.maximum(x - columns, columns - (x + w)), 0) * pixels[:, 0]
        down = np.maximum(np.maximum(y - rows, rows - (y + h)), 0) * pixels[:, 1]
        found = np.hypot(right, down) <= self.protocol.tolerance_px
        return found

    def _in_mask(
        self, rows: Floats | Integers, columns: Floats | Integers, patch: Patch, pixel: Floats
    ) -> Bools:
        """Returns [m] which points are in the mask, or near enough to one of its pixels on the raster."""
        raster = np.zeros(self.shape, dtype=bool)
        raster[patch.place] = patch.pixels
        at = tuple(np.floor(np.asarray(points) + 0.5).astype(np.int64) for points in (rows, columns))
        is_on = (at[0] >= 0) & (at[0] < self.shape[0]) & (at[1] >= 0) & (at[1] < self.shape[1])
        found = np.zeros(len(rows), dtype=bool)
        if self.protocol.tolerance_px > 0 and raster.any():
            from scipy.ndimage import distance_transform_edt  # data sets import this file, and need no scipy

            raster = distance_transform_edt(~raster, sampling=pixel[::-1]) <= self.protocol.tolerance_px
        found[is_on] = raster[at[0][is_on], at[1][is_on]]
        return found

    @cached_property
    def covered(self) -> tuple[Patch, ...]:
        """The pixels that each region covers."""
        found = []
        for unit, rectangles in enumerate(self.rectangles.tolist()):
            parts = [
                Patch(top, left, np.ones((bottom - top, right - left), dtype=bool))
                for top, left, bottom, right in rectangles
                if top < bottom and left < right
            ]
            found.append(_union([*parts, self.masks[unit]] if unit in self.masks else parts))
        return tuple(found)

    def _hit_by(self, unit: int) -> Patch:
        reach = self.protocol.tolerance_px / self.pixels[unit]
        x, y, w, h = self.boxes[unit][~np.isnan(self.boxes[unit, :, 0])].T
        lows, highs = [np.stack([y, x], axis=1)], [np.stack([y + h, x + w], axis=1)]
        if unit in self.masks:
            patch = self.masks[unit]
            corner = np.array([[patch.top, patch.left]], float)
            lows.append(corner)
            highs.append(corner + patch.pixels.shape)
        low, high = (np.concatenate(sides) for sides in (lows, highs))
        low, high = np.floor(low - reach[::-1]), np.ceil(high + reach[::-1]) + 1
        (top, left), (bottom, right) = (
            np.clip(sides, 0, self.shape).astype(int) for sides in (low.min(axis=0), high.max(axis=0))
        )
        rows, columns = np.mgrid[top:bottom, left:right].reshape(2, -1)
        is_in = self.contains(np.full(len(rows), unit), rows, columns)
        return Patch(int(top), int(left), is_in.reshape(bottom - top, right - left))


def units_of(boxes: pd.DataFrame) -> pd.DataFrame:
    """Returns image_index and class_index of each unit that has a box, sorted and numbered from 0."""
    return boxes[UNIT].drop_duplicates().sort_values(UNIT, ignore_index=True)


def regions_of(
    boxes: pd.DataFrame, size_px: int, shape: Shape | None = None, protocol: LocalizationProtocol = THESIS
) -> Regions:
    """Returns the region of each unit of a table of boxes, in the order of `UNIT`.

    Args:
        boxes: see the module, in the frame of size_px. With the sizes of the images' own frames if it has
            masks, or if the protocol needs them.
        size_px: side of the square that boxes are in px of.
        shape: of the raster; None is that square.
        protocol: what counts as being in a region.
    """
    raster = shape or (size_px, size_px)
    unit_of = np.asarray(boxes.groupby(UNIT).ngroup(), dtype=np.int64)
    sides = boxes[["x", "y", "w", "h"]].to_numpy(float)
    if raster != (size_px, size_px):
        sides = np.round(sides * (raster[::-1] * 2) / size_px, _DECIMALS)
    counts = np.bincount(unit_of)
    pixels = np.ones((len(counts), 2))
    if protocol.needs_frames:
        pixels = boxes.groupby(UNIT)[list(FRAME)].first().to_numpy(float) / raster[::-1]
    texts = boxes[MASK].to_numpy(object) if MASK in boxes else np.full(len(boxes), None)
    has_mask = np.array([isinstance(text, str) for text in texts], dtype=bool)
    masks: dict[int, list[Patch]] = {}
    for row in np.flatnonzero(has_mask):
        frame = boxes[list(FRAME)].iloc[row].round().astype(int)
        masks.setdefault(int(unit_of[row]), []).append(_on_raster(decode(texts[row], *frame), raster))
    padded = _padded(sides[~has_mask], unit_of[~has_mask], len(counts))
    if protocol.boxes == "truncated":
        padded = np.trunc(padded)
    x, y, w, h = np.moveaxis(np.trunc(np.nan_to_num(padded)).astype(np.int64), -1, 0)
    rectangles = np.stack([y, x, y + h, x + w], axis=-1).clip(0, raster * 2)
    unions = {unit: _union(parts) for unit, parts in masks.items()}
    return Regions(padded, rectangles, unions, pixels, raster, protocol)


def _padded(sides: Floats, unit_of: Integers, num_units: int) -> Floats:
    """Returns [num_units, k, 4] the boxes of each unit, filled up with NaN."""
    order = np.argsort(unit_of, kind="stable")
    counts = np.bincount(unit_of, minlength=num_units)
    own = unit_of[order]
    padded = np.full((num_units, max(int(counts.max(initial=0)), 1), 4), np.nan)
    padded[own, np.arange(len(own)) - (np.cumsum(counts) - counts)[own]] = sides[order]
    return padded


def _on_raster(mask: Bools, shape: Shape) -> Patch:
    """Returns the pixels of a raster of which the nearest of `mask` [height, width] is set."""
    rows, columns = (
        (2 * np.arange(n) + 1) * size // (2 * n) for n, size in zip(shape, mask.shape, strict=True)
    )
    found = mask[np.ix_(rows, columns)]
    x, y, w, h = bounds(found)
    return Patch(y, x, found[y : y + h, x : x + w])


def _union(patches: Iterable[Patch]) -> Patch:
    """Returns the pixels that are in any of the patches."""
    parts = list(patches)
    if len(parts) < 2:
        return parts[0] if parts else Patch(0, 0, np.zeros((0, 0), dtype=bool))
    places = [part.place for part in parts]
    top, left = (min(place[axis].start for place in places) for axis in (0, 1))
    bottom, right = (max(place[axis].stop for place in places) for axis in (0, 1))
    pixels = np.zeros((bottom - top, right - left), dtype=bool)
    for part in parts:
        own = Patch(part.top - top, part.left - left, part.pixels)
        pixels[own.place] |= part.pixels
    return Patch(top, left, pixels)
