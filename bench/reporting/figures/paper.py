"""Figures of a report for papers and slides: each table's forest plot, and each finding's accuracy.

They are drawn from the tables alone: the same tables and version of matplotlib give the same bytes. No lock
names them, since another version may draw otherwise.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from bench.reporting.figures.files import save
from bench.reporting.figures.plots import (
    COLOURS,
    Finding,
    FindingPlot,
    Forest,
    ForestRow,
    Scale,
    finding_plot_of,
    forest_of,
    published_means,
)
from bench.reporting.tables.controls import CONSTANT
from bench.reporting.tables.table import Table

COLUMN_IN, PAGE_IN = 3.4, 7.0
"""The width of one of a paper's two columns, and of both."""

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
_Style = dict[str, Any]

_AROUND_IN, _TITLE_IN, _LEGEND_LINE_IN = 0.3, 0.22, 0.15


def write_figures(
    name: str, tables: Sequence[Table], folder: Path, *, for_paper: bool = False
) -> Iterator[Path]:
    """Writes the forest plot and the one by finding of each data set and resolution; yields the files.

    Args:
        name: of the suite.
        tables: of its report.
        folder: of its report.
        for_paper: PDFs too, not the PNG alone.

    Raises:
        ResultsError: a file cannot be written.
    """
    papers = ((".pdf", COLUMN_IN), ("-wide.pdf", PAGE_IN)) if for_paper else ()
    for table in tables:
        draw: Callable[..., Figure]
        if (forest := forest_of(table, published_means(name, table))) is not None:
            what, draw = "forest", partial(draw_forest, forest)
        elif (plot := finding_plot_of(table)) is not None:
            what, draw = "findings", partial(draw_findings, plot)
        else:
            continue
        for ending, width_in in (*papers, (".png", PAGE_IN)):
            path = folder / f"{what}-{table.subject.place_key}{ending}"
            save(draw(width_in=width_in, is_titled=ending == ".png"), path)
            yield path


def _letters_pt(width_in: float) -> float:
    """Returns the size of letters in a figure of that width."""
    return 6.5 if width_in < PAGE_IN else 8


def _paper_style(width_in: float) -> dict[Any, Any]:
    """Returns the settings in which a figure of that width is drawn: its letters are read at that size."""
    sizes = ("font.size", "xtick.labelsize", "ytick.labelsize", "legend.fontsize")
    return _STYLE | dict.fromkeys(sizes, _letters_pt(width_in))


def _paper_axes(width_in: float, height_in: float, scale: Scale, title: str | None) -> tuple[Figure, Axes]:
    """Returns a figure and its axes: shares from left to right over faint lines, no frame.

    Args:
        width_in: of the figure.
        height_in: of the figure without its title.
        scale: of the shares.
        title: above all, on slides; in a paper the caption says it.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03)
    height_in += _TITLE_IN * (title is not None)
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


_PITCH_IN, _PADDING_IN = 0.105, 0.1
_LETTER_WIDTH, _HANDLE_LETTERS = 0.56, 7
_DASHED: _Style = {"color": SOFT, "linewidth": 0.8, "linestyle": (0, (3, 2))}


def draw_findings(plot: FindingPlot, width_in: float, *, is_titled: bool = False) -> Figure:
    """Returns the figure: a lane for each finding, in it a mark and an interval for each model.

    Args:
        plot: what it shows.
        width_in: of the figure.
        is_titled: whether it says above what it shows.
    """
    num_models, num_findings = len(plot.models), len(plot.findings)
    pitch = _PITCH_IN * num_models + _PADDING_IN
    num_letters = max(map(len, (*plot.models, CONSTANT))) + _HANDLE_LETTERS
    fitting = int(width_in * 72 / (num_letters * _LETTER_WIDTH * _letters_pt(width_in)))
    num_columns = min(max(fitting, 1), num_models + 1)
    num_lines = -(-(num_models + 1) // num_columns)
    height = pitch * num_findings + _AROUND_IN + _LEGEND_LINE_IN * num_lines
    with mpl.rc_context(_paper_style(width_in)):
        figure, axes = _paper_axes(width_in, height, plot.scale, plot.title if is_titled else None)
        for lane, finding in enumerate(plot.findings):
            _draw_lane(axes, lane, finding, num_models, _PADDING_IN / pitch)
        axes.set_ylim(num_findings, 0)
        axes.set_yticks([i + 0.5 for i in range(num_findings)], [finding.name for finding in plot.findings])
        handles = [
            Line2D([], [], linewidth=1.4, label=label, markersize=4.5, markeredgewidth=0, **_mark_of(i))
            for i, label in enumerate(plot.models)
        ]
        if any(finding.constant is not None for finding in plot.findings):
            handles.append(Line2D([], [], label=CONSTANT.lower(), **_DASHED))
        figure.legend(handles=handles, loc="outside lower center", ncols=num_columns)
    return figure


def _mark_of(model: int) -> _Style:
    """Returns marker and colour of a model by its number: those of the page's figures, 49 different pairs."""
    turn, index = divmod(model, len(_MARKERS))
    return {"marker": _MARKERS[index], "color": COLOURS[(index + turn) % len(COLOURS)]}


def _draw_lane(axes: Axes, lane: int, finding: Finding, num_models: int, padding: float) -> None:
    """Draws a finding between the heights `lane` and `lane` + 1, of which `padding` is left free."""
    axes.axhline(lane, color=LINE, linewidth=0.6, zorder=1)
    if finding.constant is not None:
        axes.plot([finding.constant] * 2, [lane + 0.08, lane + 0.92], zorder=2, **_DASHED)
    for model, cell in finding.points.items():
        y = lane + padding / 2 + (1 - padding) * (model + 0.5) / num_models
        mark = _mark_of(model)
        assert cell.mean is not None, "a model that is drawn has a value"
        if cell.ends is not None:
            style: _Style = {"linewidth": 1.4, "alpha": 0.6, "solid_capstyle": "butt", "zorder": 3}
            axes.plot(cell.ends, [y, y], color=mark["color"], **style)
        axes.plot(cell.mean, y, linestyle="none", markersize=4, markeredgewidth=0, zorder=4, **mark)


_ROW_IN = 0.2
_BROAD, _THIN, _MARK, _CAP = 3.4, 0.9, 4.2, 4.2
_PUBLISHED: _Style = {
    "marker": "D",
    "markersize": _MARK - 0.6,
    "markerfacecolor": "white",
    "markeredgecolor": INK,
    "markeredgewidth": 0.9,
}
_CONTROL: _Style = {"markerfacecolor": "white", "markeredgecolor": SOFT, "markersize": _MARK - 0.4}
_DASHED_LINE: _Style = {"color": SOFT, "linewidth": 0.8, "linestyle": (0, (3, 3))}
_OVER_SEEDS: _Style = {"color": "#8cb4d6", "linewidth": _BROAD, "solid_capstyle": "butt"}
_GAP = 0.35
"""Between models and controls, in rows."""


def draw_forest(forest: Forest, width_in: float, *, is_titled: bool = False) -> Figure:
    """Returns the figure: a row for each row of the table in its order, controls below a line, as in tables.

    Args:
        forest: what it shows.
        width_in: of the figure.
        is_titled: whether it says above what it shows.
    """
    rows = (*forest.models, *forest.controls)
    num_models = len(forest.models)
    places = [i + _GAP * (i >= num_models) for i in range(len(rows))]
    num_lines = 1 if width_in >= PAGE_IN else 2
    height = _ROW_IN * (places[-1] + 1) + _AROUND_IN + _LEGEND_LINE_IN * num_lines
    with mpl.rc_context(_paper_style(width_in)):
        figure, axes = _paper_axes(width_in, height, forest.scale, forest.title if is_titled else None)
        for row, y in zip(forest.models, places, strict=False):
            _draw_model(axes, row, y)
        for row, y in zip(forest.controls, places[num_models:], strict=True):
            _draw_control(axes, row, y)
        _label(axes, rows, places, num_models)
        handles = _forest_handles(forest)
        figure.legend(handles=handles, loc="outside lower center", ncols=-(-len(handles) // num_lines))
    return figure


def _draw_model(axes: Axes, row: ForestRow, y: float) -> None:
    if row.mean is None:
        return
    if row.narrow.ends is not None:
        axes.plot(row.narrow.ends, [y, y], zorder=2, **_OVER_SEEDS)
    if row.wide.ends is not None:
        axes.plot(row.wide.ends, [y, y], "|-", color=INK, linewidth=_THIN, markersize=_CAP, zorder=3)
    axes.plot(row.mean, y, "o", color=COLOURS[0], markersize=_MARK, zorder=4)
    if row.published is not None:
        axes.plot(row.published, y, zorder=5, **_PUBLISHED)


def _draw_control(axes: Axes, row: ForestRow, y: float) -> None:
    assert row.mean is not None, "a control that is drawn has a value"
    if row.label == CONSTANT:
        axes.axvline(row.mean, zorder=1, **_DASHED_LINE)
    if row.wide.ends is not None:
        axes.plot(row.wide.ends, [y, y], "|-", color=SOFT, linewidth=_THIN, markersize=_CAP, zorder=3)
    axes.plot(row.mean, y, "o", zorder=4, **_CONTROL)


def _label(axes: Axes, rows: tuple[ForestRow, ...], places: list[float], num_models: int) -> None:
    """Writes names on the left and numbers on the right, and a line above the controls."""
    right = axes.twinx()
    right.spines[:].set_visible(False)
    right.tick_params(axis="y", length=0)
    for side, words in ((axes, [row.label for row in rows]), (right, [row.value for row in rows])):
        side.set_ylim(places[-1] + 0.6, -0.6)
        side.set_yticks(places, words)
        for text in side.get_yticklabels()[num_models:]:
            text.set(fontstyle="italic", color=SOFT)
    if num_models < len(places):
        axes.axhline(num_models - 0.5 + _GAP / 2, color=LINE, linewidth=0.6, zorder=1)


def _forest_handles(forest: Forest) -> list[Line2D]:
    over = "95% over seeds and patients" if forest.is_over_both else "95% over patients"
    handles = [
        Line2D([], [], color=COLOURS[0], marker="o", markersize=_MARK, linewidth=0, label="mean"),
        Line2D([], [], label="95% over seeds", **_OVER_SEEDS),
        Line2D([], [], color=INK, linewidth=_THIN, label=over),
        Line2D([], [], label=CONSTANT.lower(), **_DASHED_LINE),
    ]
    if forest.has_published:
        handles.append(Line2D([], [], linewidth=0, label="published", **_PUBLISHED))
    return handles
