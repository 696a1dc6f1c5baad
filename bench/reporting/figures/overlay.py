"""Draws a finding's heatmap over the radiograph that it is of."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter

_LONG_SIDE_IN, _MARGIN_IN, _BAR_IN, _TICKS_IN = 6.4, 0.2, 0.13, 0.62
_TITLE_LINE_IN, _LINE_IN, _ABOVE_IMAGE_IN = 0.27, 0.19, 0.27
_TITLE_CHARACTERS_PER_IN, _CHARACTERS_PER_IN = 8.5, 13
_MIN_WIDTH_IN = 5.0
_DPI_RANGE = (120, 200)
_GROUND, _TITLE, _SUBTITLE = "#16181c", "#f2f2f2", "#a3a8b0"
_MARK, _MARK_EDGE = "#00e5ff", "black"
_OPACITY = 0.5
"""Opacity of the highest value; the lowest is clear, so that the image is seen where the map is low."""

Gray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Overlay:
    """A map on its image.

    Attributes:
        image: uint8 [h, w], the radiograph, of any size.
        width_px: columns of the image as its file has it: what is drawn is in these px.
        height_px: rows of it.
        heatmap: float32 [side, side], probabilities, of the whole image.
        peak: (x, y) in px of the image; None if the map is not finite.
    """

    image: Gray
    width_px: int
    height_px: int
    heatmap: npt.NDArray[np.float32]
    peak: tuple[float, float] | None


def draw_overlay(overlay: Overlay, title: str, subtitle: Sequence[str]) -> Figure:
    """Returns the image in its own aspect, the map on it, its peak marked, and a bar that gives its values.

    Colours run over the map's own range, whatever that is: the bar says which probabilities they stand for.

    Args:
        overlay: what is drawn.
        title: above all.
        subtitle: lines below it.
    """
    scale = _LONG_SIDE_IN / max(overlay.width_px, overlay.height_px)
    image_width, image_height = overlay.width_px * scale, overlay.height_px * scale
    width = max(image_width + 2 * _MARGIN_IN + _MARGIN_IN + _BAR_IN + _TICKS_IN, _MIN_WIDTH_IN)
    titles = textwrap.wrap(title, int(_TITLE_CHARACTERS_PER_IN * width))
    lines = [part for line in subtitle for part in textwrap.wrap(line, int(_CHARACTERS_PER_IN * width))]
    top = _TITLE_LINE_IN * len(titles) + _LINE_IN * len(lines) + _ABOVE_IMAGE_IN
    height = image_height + top + _MARGIN_IN
    dpi = float(np.clip(max(overlay.image.shape) / _LONG_SIDE_IN, *_DPI_RANGE))
    figure = Figure(figsize=(width, height), dpi=dpi, facecolor=_GROUND)
    left = _MARGIN_IN / width
    figure.text(left, 1 - 0.13 / height, "\n".join(titles), color=_TITLE, fontsize=13, va="top")
    below = 1 - (0.16 + _TITLE_LINE_IN * len(titles)) / height
    figure.text(left, below, "\n".join(lines), color=_SUBTITLE, fontsize=8.5, va="top", linespacing=1.35)
    bottom = _MARGIN_IN / height
    axes = figure.add_axes((left, bottom, image_width / width, image_height / height))
    heat = _draw_map(axes, overlay)
    if heat is not None:
        bar_left = (2 * _MARGIN_IN + image_width) / width
        _draw_bar(figure, figure.add_axes((bar_left, bottom, _BAR_IN / width, image_height / height)), heat)
    return figure


def _draw_map(axes: Axes, overlay: Overlay) -> AxesImage | None:
    """Returns what was drawn of the map; None if it is not finite."""
    place = (0, overlay.width_px, overlay.height_px, 0)
    axes.imshow(overlay.image, cmap="gray", vmin=0, vmax=255, extent=place, interpolation="antialiased")
    axes.set_axis_off()
    if overlay.peak is None:
        return None
    low, high = float(overlay.heatmap.min()), float(overlay.heatmap.max())
    heat = axes.imshow(
        overlay.heatmap,
        cmap=heat_colours(),
        vmin=low,
        vmax=high if high > low else low + 1e-6,  # a constant map is clear
        extent=place,
        interpolation="bilinear",
    )
    x, y = overlay.peak
    half_x, half_y = (size / len(overlay.heatmap) / 2 for size in (overlay.width_px, overlay.height_px))
    for colour, size, line_width in ((_MARK_EDGE, 15, 3.6), (_MARK, 14, 1.7)):
        axes.plot(
            x + half_x,  # the middle of the pixel of the input that is the peak
            y + half_y,
            marker="o",
            markersize=size,
            markerfacecolor="none",
            markeredgecolor=colour,
            markeredgewidth=line_width,
            clip_on=False,
        )
    axes.set(xlim=(0, overlay.width_px), ylim=(overlay.height_px, 0))
    return heat


def _draw_bar(figure: Figure, axes: Axes, heat: AxesImage) -> None:
    as_it_is = FuncFormatter(lambda value, _: f"{value:.4g}")  # not less an offset, where values are close
    bar = figure.colorbar(heat, cax=axes, format=as_it_is)
    bar.outline.set_visible(False)
    axes.set_facecolor("#6a6a6a")  # as over tissue of middle brightness
    axes.tick_params(colors=_SUBTITLE, labelsize=7.5, length=2.5)
    axes.set_title("prob.", color=_SUBTITLE, fontsize=7.5, pad=4, loc="left")


def heat_colours() -> ListedColormap:
    """Returns plasma, whose lightness rises evenly and which has no gray, from clear to mostly opaque."""
    colours = mpl.colormaps["plasma"](np.linspace(0.05, 0.97, 256))
    colours[:, 3] = _OPACITY * np.linspace(0, 1, 256) ** 0.75
    return ListedColormap(colours)
