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

SAMPLES_PER_LINE = 4

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


def draw_samples(gallery: Gallery) -> Figure:
    """Returns the heatmaps of a gallery of one model, `SAMPLES_PER_LINE` side by side."""
    num_columns = min(SAMPLES_PER_LINE, len(gallery.rows))
    num_lines = -(-len(gallery.rows) // num_columns)
    sheet = _Sheet(gallery.title, gallery.caption, gallery.rows, (num_lines, num_columns))
    for i, row in enumerate(gallery.rows):
        (heatmap,) = row.heatmaps
        axes = sheet.axes(*divmod(i, num_columns))
        _draw_heatmap(axes, heatmap, row)
        _label(axes, heading_of(row.finding), f"{_said(heatmap)} {heatmap.score:.2f}")
        _name(axes, row.image)
    return sheet.figure


def _draw_page(
    title: str, caption: str, models: Sequence[str], rows: Sequence[GalleryRow], shown: slice
) -> Figure:
    sheet = _Sheet(title, caption, rows, (len(rows), 1 + len(models)), _HEADING_IN)
    for column, label in enumerate(("Radiograph", *models)):
        sheet.head(column, label)
    for i, row in enumerate(rows):
        axes = sheet.axes(i, 0)
        _draw_image(axes, row.radiograph, row)
        _label(axes, heading_of(row.finding))
        _name(axes, row.image)
        for j, heatmap in enumerate(row.heatmaps[shown], start=1):
            axes = sheet.axes(i, j)
            _draw_heatmap(axes, heatmap, row)
            _label(axes, _said(heatmap), f"{heatmap.score:.2f}", is_bold=heatmap.is_hit)
    return sheet.figure


class _Sheet:
    """A figure with title and caption, and below them room for images in lines and columns."""

    def __init__(
        self,
        title: str,
        caption: str,
        rows: Sequence[GalleryRow],
        shape: tuple[int, int],
        heading_in: float = 0.0,
    ) -> None:
        num_lines, num_columns = shape
        self._width = width = num_columns * (_CELL_IN + _GAP_IN) - _GAP_IN + 2 * _MARGIN_IN
        lines = textwrap.wrap(caption, int(_CHARACTERS_PER_IN * width))
        self._top = _MARGIN_IN + _TITLE_IN + _CAPTION_LINE_IN * len(lines) + heading_in
        self._pitch = _CELL_IN + _LINE_ABOVE_IN + _GAP_IN / 2
        self._height = height = self._top + self._pitch * num_lines + _MARGIN_IN
        dpi = float(np.clip(len(rows[0].radiograph) / _CELL_IN, *_DPI_RANGE))
        self.figure = figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white")
        left, below = _MARGIN_IN / width, 1 - (_MARGIN_IN + _TITLE_IN) / height
        y = 1 - _MARGIN_IN / height
        figure.text(left, y, title, fontsize=11, fontweight="bold", color=_INK, va="top")
        figure.text(left, below, "\n".join(lines), fontsize=6.5, color=_SOFT, va="top", linespacing=1.35)

    def axes(self, line: int, column: int) -> Axes:
        """Returns the room of an image."""
        x = _MARGIN_IN + column * (_CELL_IN + _GAP_IN)
        y = self._height - (self._top + line * self._pitch + _LINE_ABOVE_IN) - _CELL_IN
        width, height = self._width, self._height
        return self.figure.add_axes((x / width, y / height, _CELL_IN / width, _CELL_IN / height))

    def head(self, column: int, label: str) -> None:
        """Writes above a column."""
        middle = (_MARGIN_IN + column * (_CELL_IN + _GAP_IN) + _CELL_IN / 2) / self._width
        heading, y = textwrap.shorten(label, 30, placeholder=" …"), 1 - (self._top - 0.04) / self._height
        self.figure.text(middle, y, heading, fontsize=8.5, fontweight="bold", color=_INK, ha="center")


def _draw_heatmap(axes: Axes, heatmap: Heatmap, row: GalleryRow) -> None:
    _draw_image(axes, heatmap.overlay, row)
    _draw_peak(axes, heatmap)


def _said(heatmap: Heatmap) -> str:
    return f"{'●' if heatmap.is_hit else '×'} {heatmap.outcome}"


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
