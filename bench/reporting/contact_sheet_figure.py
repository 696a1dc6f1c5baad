"""Draws images in a grid, each with its findings below and its boxes on it."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

_TILE_IN, _GAP_IN, _CAPTION_IN, _TITLE_IN = 2.56, 0.16, 0.50, 0.55
_MIN_DPI = 100
_GROUND, _TITLE, _CAPTION, _NAME = "#16181c", "#f2f2f2", "#dddddd", "#8a8f98"
_CAPTION_CHARACTERS, _CAPTION_LINES = 40, 2
_COLOURS = (
    "#4cc9f0",
    "#ff9f1c",
    "#5ad45a",
    "#ff5c5c",
    "#b388ff",
    "#ffe14d",
    "#ff7ad9",
    "#2ee6c5",
    "#c6e94a",
    "#8fa8ff",
    "#ffb3a7",
    "#d9a066",
    "#7fe3a3",
    "#e0b0ff",
    "#ffffff",
)
"""Of findings in their order: bright, so that they stand out from gray and carry black letters."""


@dataclass(frozen=True)
class LabelledBox:
    """A box in px of its image, and the index of its finding."""

    finding_index: int
    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True)
class Tile:
    """An image with what is known of it.

    Attributes:
        pixels: [side, side] in [0, 255], gray, 0 black.
        name: of the image.
        findings: indices of those that it has.
        boxes: drawn on it.
    """

    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.float32]
    name: str
    findings: tuple[int, ...]
    boxes: tuple[LabelledBox, ...] = ()


def draw_contact_sheet(title: str, tiles: Sequence[Tile], findings: Sequence[str]) -> Figure:
    """Returns the tiles in rows of equal length; images of 256 px or more are not made smaller.

    Args:
        title: one line above all.
        tiles: at least one, all of one side.
        findings: names of the findings that tiles give by index.
    """
    num_columns = int(np.ceil(np.sqrt(len(tiles))))
    num_rows = int(np.ceil(len(tiles) / num_columns))
    cell_width, cell_height = _TILE_IN + _GAP_IN, _TILE_IN + _CAPTION_IN
    width, height = num_columns * cell_width + _GAP_IN, num_rows * cell_height + _TITLE_IN
    dpi = max(_MIN_DPI, len(tiles[0].pixels) / _TILE_IN)
    figure = Figure(figsize=(width, height), dpi=dpi, facecolor=_GROUND)
    figure.text(_GAP_IN / width, 1 - _TITLE_IN / 2 / height, title, color=_TITLE, fontsize=12, va="center")
    for i, tile in enumerate(tiles):
        row, column = divmod(i, num_columns)
        left, bottom = _GAP_IN + column * cell_width, height - _TITLE_IN - row * cell_height - _TILE_IN
        place = (left / width, bottom / height, _TILE_IN / width, _TILE_IN / height)
        _draw_tile(figure.add_axes(place), tile, findings)
    return figure


def _draw_tile(axes: Axes, tile: Tile, findings: Sequence[str]) -> None:
    side = len(tile.pixels)
    extent = (0, side, side, 0)  # a box at 0 begins at the edge of the image, not within its first pixel
    axes.imshow(tile.pixels, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="nearest")
    axes.set_axis_off()
    for box in tile.boxes:
        _draw_box(axes, box, findings[box.finding_index], side)
    caption = ", ".join(findings[i] for i in tile.findings) or "none of the findings"
    lines = textwrap.wrap(caption, _CAPTION_CHARACTERS, max_lines=_CAPTION_LINES, placeholder=" …")
    below: dict[str, Any] = {"transform": axes.transAxes, "ha": "left", "va": "top", "linespacing": 1.15}
    axes.text(0, -0.02, "\n".join(lines), color=_CAPTION, fontsize=8, **below)
    axes.text(0, -0.02 - 0.055 * len(lines), tile.name, color=_NAME, fontsize=6.5, **below)


def _draw_box(axes: Axes, box: LabelledBox, finding: str, side: int) -> None:
    colour = _COLOURS[box.finding_index % len(_COLOURS)]
    outline = Rectangle((box.x, box.y), box.w, box.h, fill=False, edgecolor=colour, linewidth=1.4)
    axes.add_patch(outline)
    fits_above, is_far_right = box.y > 0.06 * side, box.x > 0.7 * side
    axes.text(
        min(box.x + box.w, side) if is_far_right else max(box.x, 0),
        box.y if fits_above else min(box.y + box.h, side),
        finding,
        color="black",
        fontsize=6.5,
        ha="right" if is_far_right else "left",
        va="bottom" if fits_above else "top",
        bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.2, "alpha": 0.9},
    )
