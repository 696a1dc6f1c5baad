"""What figures for papers and slides share: widths, letters, and axes of shares without a frame."""

from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from bench.reporting.plots import COLOURS
from bench.reporting.scale import Scale

COLUMN_IN, PAGE_IN = 3.4, 7.0
"""Of a paper: the width of one of two columns, and of both."""

INK, SOFT, LINE = "#1c1f24", "#5b636e", "#d5d9df"

_DPI = 200
_MARKERS = ("o", "s", "D", "^", "v", "P", "h")
"""As shapes are in ``templates/figure_macros.html``, in the same order."""

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.2,
    "legend.borderaxespad": 0.2,
}


def paper_style(width_in: float) -> AbstractContextManager[None]:
    """Returns the block in which a figure of that width is drawn: its letters are read at that size."""
    size = letters_pt(width_in)
    sizes = dict.fromkeys(("font.size", "xtick.labelsize", "ytick.labelsize", "legend.fontsize"), size)
    return mpl.rc_context(_STYLE | sizes)


def paper_axes(width_in: float, height_in: float, scale: Scale, title: str | None) -> tuple[Figure, Axes]:
    """Returns a figure and its axes: shares from left to right over faint lines, no frame.

    Args:
        width_in: of the figure.
        height_in: of the figure.
        scale: of the shares.
        title: above all, on slides; in a paper the caption says it.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03)
    figure = Figure(figsize=(width_in, height_in), dpi=_DPI, layout=layout)
    axes = figure.subplots()
    axes.set_xticks([*scale.ticks], [*scale.ticks.values()])
    margin = 0.012 * (scale.high - scale.low)  # half a mark at an end
    axes.set_xlim(scale.low - margin, scale.high + margin)
    axes.grid(axis="x", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", length=0)
    axes.spines[:].set_visible(False)
    axes.spines["bottom"].set(visible=True, color=SOFT, linewidth=0.6)
    if title is not None:
        figure.suptitle(title, x=0.01, ha="left", fontsize=9.5, fontweight="bold")
    return figure, axes


def letters_pt(width_in: float) -> float:
    """Returns the size of letters in a figure of that width."""
    return 6.5 if width_in < PAGE_IN else 8


def mark_of(index: int) -> tuple[str, str]:
    """Returns marker and colour of the row at an index: those of the page's figures."""
    return _MARKERS[index % len(_MARKERS)], COLOURS[index % len(_MARKERS)]
