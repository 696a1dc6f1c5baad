"""Draws a gallery on pages: radiographs in rows, models in columns, black on white as in a paper."""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bench.reporting.gallery import Colour, Gallery, GalleryRow, Heatmap
from bench.reporting.headings import heading_of
from bench.reporting.overlay_figure import Gray

MODELS_PER_PAGE, ROWS_PER_PAGE = 5, 5
"""As many as can be read on a printed page."""

_CELL_IN, _GAP_IN, _LINE_ABOVE_IN, _MARGIN_IN, _HEADING_IN = 1.6, 0.1, 0.2, 0.12, 0.24
_TITLE_IN, _CAPTION_LINE_IN = 0.32, 0.135
_DPI_RANGE = (92, 160)
"""Within it, such that an image is not made smaller."""

_CHARACTERS_PER_IN = 19
_NAME_CHARACTERS = 32
_INK, _SOFT = "#1c1f24", "#5b636e"
_BOX, _EDGE = "#ffffff", "#000000"
_HIT, _MISS = "#3ddbff", "#ffffff"


def draw_gallery(gallery: Gallery) -> Iterator[Figure]:
    """Yields the gallery's pages: at most `MODELS_PER_PAGE` models and `ROWS_PER_PAGE` rows on each.

    The first column of every page is the radiograph alone with its boxes.
    """
    num_models, num_rows = len(gallery.models), len(gallery.rows)
    starts = product(range(0, num_rows, ROWS_PER_PAGE), range(0, num_models, MODELS_PER_PAGE))
    pages = list(starts)
    for number, (row, model) in enumerate(pages, start=1):
        title = f"{gallery.title} ({number} of {len(pages)})" if len(pages) > 1 else gallery.title
        rows, models = slice(row, row + ROWS_PER_PAGE), slice(model, model + MODELS_PER_PAGE)
        yield _draw_page(title, gallery.caption, gallery.models[models], gallery.rows[rows], models)


def _draw_page(
    title: str, caption: str, models: Sequence[str], rows: Sequence[GalleryRow], shown: slice
) -> Figure:
    width = (1 + len(models)) * (_CELL_IN + _GAP_IN) - _GAP_IN + 2 * _MARGIN_IN
    lines = textwrap.wrap(caption, int(_CHARACTERS_PER_IN * width))
    top = _MARGIN_IN + _TITLE_IN + _CAPTION_LINE_IN * len(lines) + _HEADING_IN
    pitch = _CELL_IN + _LINE_ABOVE_IN + _GAP_IN / 2
    height = top + pitch * len(rows) + _MARGIN_IN
    dpi = float(np.clip(len(rows[0].radiograph) / _CELL_IN, *_DPI_RANGE))
    figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white")
    left = _MARGIN_IN / width
    figure.text(left, 1 - _MARGIN_IN / height, title, fontsize=11, fontweight="bold", color=_INK, va="top")
    below = 1 - (_MARGIN_IN + _TITLE_IN) / height
    figure.text(left, below, "\n".join(lines), fontsize=6.5, color=_SOFT, va="top", linespacing=1.35)

    def place(row: int, column: int) -> tuple[float, float, float, float]:
        x, y = _MARGIN_IN + column * (_CELL_IN + _GAP_IN), top + row * pitch + _LINE_ABOVE_IN
        return x / width, 1 - (y + _CELL_IN) / height, _CELL_IN / width, _CELL_IN / height

    for column, label in enumerate(("Radiograph", *models)):
        middle = place(0, column)[0] + _CELL_IN / 2 / width
        heading = textwrap.shorten(label, 30, placeholder=" …")
        y = 1 - (top - 0.04) / height
        figure.text(middle, y, heading, fontsize=8.5, fontweight="bold", color=_INK, ha="center")
    for i, row in enumerate(rows):
        axes = figure.add_axes(place(i, 0))
        _draw_image(axes, row.radiograph, row)
        _label(axes, heading_of(row.finding))
        _name(axes, row.image)
        for j, heatmap in enumerate(row.heatmaps[shown], start=1):
            axes = figure.add_axes(place(i, j))
            _draw_image(axes, heatmap.overlay, row)
            _draw_peak(axes, heatmap)
            sign = "●" if heatmap.is_hit else "×"
            _label(axes, f"{sign} {heatmap.outcome}", f"{heatmap.score:.2f}", is_bold=heatmap.is_hit)
    return figure


def _draw_image(axes: Axes, pixels: Gray | Colour, row: GalleryRow) -> None:
    side = len(pixels)
    extent = (0, side, side, 0)  # a box at 0 begins at the edge of the image, not within its first pixel
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="bicubic")
    axes.set_axis_off()
    for x, y, w, h in row.boxes:
        for colour, line_width in ((_EDGE, 2.4), (_BOX, 1.1)):
            axes.add_patch(Rectangle((x, y), w, h, fill=False, edgecolor=colour, linewidth=line_width))


def _draw_peak(axes: Axes, heatmap: Heatmap) -> None:
    if heatmap.peak is None:
        return
    x, y = ([value] for value in heatmap.peak)
    if heatmap.is_hit:
        axes.plot(x, y, "o", markersize=6, color=_HIT, markeredgecolor=_EDGE, markeredgewidth=1.1)
    else:
        for colour, line_width in ((_EDGE, 3.6), (_MISS, 1.7)):
            axes.plot(x, y, "x", markersize=7, color=colour, markeredgewidth=line_width)


def _name(axes: Axes, image: str) -> None:
    """Writes the image's name at its lower edge, the end of one that is too long."""
    text = image if len(image) <= _NAME_CHARACTERS else f"…{image[1 - _NAME_CHARACTERS :]}"
    ground = {"facecolor": _EDGE, "edgecolor": "none", "alpha": 0.55, "pad": 1.5}
    axes.text(0.02, 0.025, text, transform=axes.transAxes, fontsize=5.5, color="white", bbox=ground)


def _label(axes: Axes, left: str, right: str = "", *, is_bold: bool = True) -> None:
    """Writes above the image."""
    weight = "bold" if is_bold else "normal"
    axes.text(0, 1.025, left, transform=axes.transAxes, fontsize=7.5, color=_INK, fontweight=weight)
    if right:
        axes.text(1, 1.025, right, transform=axes.transAxes, fontsize=6.5, color=_SOFT, ha="right")
