"""Draws galleries: as a page beside the report's, and as figures, black on white as in a paper.

A report is computed from records alone, which hold no radiographs; a gallery is drawn from images, which need
not be where the report is computed. So the report links to this page, and no lock names it.
"""

import base64
import io
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from bench.reporting.figures.overlay import Gray
from bench.reporting.figures.paper import INK, SOFT
from bench.reporting.gallery.content import Colour, Gallery, GalleryRow, Heatmap
from bench.reporting.writers.html import PAGE, render

_LARGEST_PX, _QUALITY, _EFFORT = 256, 75, 6
"""Size and quality of an image within the page, as WebP: half the bytes of JPEG; it is shown no larger."""


def gallery_page(title: str, galleries: Sequence[Gallery], sources: str) -> str:
    """Returns the page of all galleries of a suite: images within it, marks as vectors, words as text.

    Args:
        title: of the suite.
        galleries: at least one.
        sources: a digest of what they were drawn from.
    """
    return render(
        "gallery.html",
        title=f"{title}: gallery",
        galleries=galleries,
        sources=sources,
        report=PAGE,
        data_uri=_data_uri,
    )


def _data_uri(pixels: Gray | Colour) -> str:
    image = Image.fromarray(pixels)
    if image.width > _LARGEST_PX:
        image = image.resize((_LARGEST_PX, _LARGEST_PX), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=_QUALITY, method=_EFFORT)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"


MODELS_PER_PAGE, ROWS_PER_PAGE = 5, 5
"""As many as can be read on a printed page."""

SAMPLES_PER_LINE = 4

_CELL_IN, _GAP_IN, _LINE_ABOVE_IN, _MARGIN_IN, _HEADING_IN = 1.6, 0.1, 0.2, 0.12, 0.24
_TITLE_IN, _CAPTION_LINE_IN = 0.32, 0.135
_DPI_RANGE = (92, 160)
"""Within it, such that an image is not made smaller."""

_CHARACTERS_PER_IN = 19
_NAME_CHARACTERS = 32
_HEADING_CHARACTERS = 21
_BOX, _EDGE = "#ffffff", "#000000"
_HIT, _MISS = "#3ddbff", "#ffffff"


def draw_gallery(gallery: Gallery) -> Iterator[Figure]:
    """Yields the gallery's pages: at most `MODELS_PER_PAGE` models and `ROWS_PER_PAGE` rows on each.

    The first column of every page is the radiograph alone with its boxes.
    """
    num_rows, num_models = len(gallery.rows), len(gallery.models)
    pages = list(product(range(0, num_rows, ROWS_PER_PAGE), range(0, num_models, MODELS_PER_PAGE)))
    for number, (row, model) in enumerate(pages, start=1):
        title = f"{gallery.title} ({number} of {len(pages)})" if len(pages) > 1 else gallery.title
        yield _draw_page(
            title, gallery, slice(row, row + ROWS_PER_PAGE), slice(model, model + MODELS_PER_PAGE)
        )


def draw_samples(gallery: Gallery) -> Figure:
    """Returns the heatmaps of a gallery of one model, `SAMPLES_PER_LINE` side by side."""
    num_columns = min(SAMPLES_PER_LINE, len(gallery.rows))
    num_lines = -(-len(gallery.rows) // num_columns)
    sheet = _Sheet(gallery.title, gallery.caption, gallery.rows, (num_lines, num_columns))
    for i, row in enumerate(gallery.rows):
        (heatmap,) = row.heatmaps
        cell = sheet.cell(*divmod(i, num_columns), row)
        cell.draw_heatmap(heatmap)
        cell.label(row.heading, f"{heatmap.marked_outcome} {heatmap.score:.2f}")
        cell.name()
    return sheet.figure


def _draw_page(title: str, gallery: Gallery, shown_rows: slice, shown: slice) -> Figure:
    rows, models = gallery.rows[shown_rows], gallery.models[shown]
    sheet = _Sheet(title, gallery.caption, rows, (len(rows), 1 + len(models)), _HEADING_IN)
    for column, label in enumerate(("Radiograph", *models)):
        sheet.head(column, label)
    for i, row in enumerate(rows):
        cell = sheet.cell(i, 0, row)
        cell.draw_image(row.radiograph)
        cell.label(row.heading)
        cell.name()
        for j, heatmap in enumerate(row.heatmaps[shown], start=1):
            cell = sheet.cell(i, j, row)
            cell.draw_heatmap(heatmap)
            cell.label(heatmap.marked_outcome, f"{heatmap.score:.2f}", is_bold=heatmap.is_hit)
    return sheet.figure


class _Sheet:
    """A figure with title and caption, and below them images in lines and columns.

    All of it is one axes in inches from the upper left corner: an axes for each image would take most of the
    time that a sheet takes.
    """

    def __init__(
        self,
        title: str,
        caption: str,
        rows: Sequence[GalleryRow],
        shape: tuple[int, int],
        heading_in: float = 0.0,
    ) -> None:
        num_lines, num_columns = shape
        width = num_columns * (_CELL_IN + _GAP_IN) - _GAP_IN + 2 * _MARGIN_IN
        lines = textwrap.wrap(caption, int(_CHARACTERS_PER_IN * width))
        self._top = _MARGIN_IN + _TITLE_IN + _CAPTION_LINE_IN * len(lines) + heading_in
        self._pitch = _CELL_IN + _LINE_ABOVE_IN + _GAP_IN / 2
        height = self._top + self._pitch * num_lines + _MARGIN_IN
        dpi = float(np.clip(len(rows[0].radiograph) / _CELL_IN, *_DPI_RANGE))
        self.figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white")
        self._axes = axes = self.figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        axes.text(_MARGIN_IN, _MARGIN_IN, title, fontsize=11, fontweight="bold", color=INK, va="top")
        text, below = "\n".join(lines), _MARGIN_IN + _TITLE_IN
        axes.text(_MARGIN_IN, below, text, fontsize=6.5, color=SOFT, va="top", linespacing=1.35)

    def cell(self, line: int, column: int, row: GalleryRow) -> "_Cell":
        """Returns the place of an image of the row."""
        x = _MARGIN_IN + column * (_CELL_IN + _GAP_IN)
        return _Cell(self._axes, x, self._top + line * self._pitch + _LINE_ABOVE_IN, row)

    def head(self, column: int, label: str) -> None:
        """Writes above a column."""
        middle = _MARGIN_IN + column * (_CELL_IN + _GAP_IN) + _CELL_IN / 2
        heading = textwrap.shorten(label, 30, placeholder=" …")
        size = min(8.5, 8.5 * _HEADING_CHARACTERS / len(heading))
        self._axes.text(
            middle, self._top - 0.04, heading, fontsize=size, fontweight="bold", color=INK, ha="center"
        )


@dataclass(frozen=True)
class _Cell:
    """The place of an image on a sheet.

    Attributes:
        axes: of the sheet, in inches.
        x: of its left edge.
        y: of its upper edge.
        row: whose image it is.
    """

    axes: Axes
    x: float
    y: float
    row: GalleryRow

    def draw_image(self, pixels: Gray | Colour) -> None:
        """Draws the radiograph, or what is laid over it, and the boxes."""
        # A box at 0 begins at the edge of the image, not within its first pixel.
        extent = (self.x, self.x + _CELL_IN, self.y + _CELL_IN, self.y)
        self.axes.imshow(
            pixels, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="bicubic", aspect="auto"
        )
        for x, y, w, h in self.row.boxes:
            for colour, line_width in ((_EDGE, 2.4), (_BOX, 1.1)):
                where, width, height = self._place(x, y), w * self._in_per_px, h * self._in_per_px
                box = Rectangle(where, width, height, fill=False, edgecolor=colour, linewidth=line_width)
                self.axes.add_patch(box)

    def draw_heatmap(self, heatmap: Heatmap) -> None:
        """Draws a map with its peak: a disc is a hit, a cross a miss."""
        self.draw_image(heatmap.overlay)
        if heatmap.peak is None:
            return
        x, y = self._place(*heatmap.peak)
        if heatmap.is_hit:
            self.axes.plot(x, y, "o", markersize=6, color=_HIT, markeredgecolor=_EDGE, markeredgewidth=1.1)
        else:
            for colour, line_width in ((_EDGE, 3.6), (_MISS, 1.7)):
                self.axes.plot(x, y, "x", markersize=7, color=colour, markeredgewidth=line_width)

    def name(self) -> None:
        """Writes the image's name at its lower edge, the end of one that is too long."""
        image = self.row.image
        text = image if len(image) <= _NAME_CHARACTERS else f"…{image[1 - _NAME_CHARACTERS :]}"
        ground = {"facecolor": _EDGE, "edgecolor": "none", "alpha": 0.55, "pad": 1.5}
        x, y = self.x + 0.03, self.y + _CELL_IN - 0.04
        self.axes.text(x, y, text, fontsize=5.5, color="white", bbox=ground)

    def label(self, left: str, right: str = "", *, is_bold: bool = True) -> None:
        """Writes above the image."""
        weight, y = "bold" if is_bold else "normal", self.y - 0.04
        self.axes.text(self.x, y, left, fontsize=7.5, color=INK, fontweight=weight)
        if right:
            self.axes.text(self.x + _CELL_IN, y, right, fontsize=6.5, color=SOFT, ha="right")

    @property
    def _in_per_px(self) -> float:
        return _CELL_IN / len(self.row.radiograph)

    def _place(self, x_px: float, y_px: float) -> tuple[float, float]:
        return self.x + x_px * self._in_per_px, self.y + y_px * self._in_per_px
