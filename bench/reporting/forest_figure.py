"""The forest plot of a table of intervals as a figure for papers and slides."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.reporting.control_rows import CONSTANT
from bench.reporting.forest_plot import forest_scale, wide_interval
from bench.reporting.lanes import COLOURS
from bench.reporting.paper_figure import INK, LINE, PAGE_IN, SOFT, paper_axes, paper_style
from bench.reporting.table import Row, Table

_ROW_IN, _AROUND_IN, _TITLE_IN, _LEGEND_LINE_IN = 0.2, 0.3, 0.22, 0.15
_SEEDS, _BOTH, _PATIENTS = "95% over seeds", "95% over seeds and patients", "95% over patients"
_BROAD, _THIN, _MARK, _CAP = 3.4, 0.9, 4.2, 4.2
_PUBLISHED: dict[str, Any] = {
    "marker": "D",
    "markersize": _MARK - 0.6,
    "markerfacecolor": "white",
    "markeredgecolor": INK,
    "markeredgewidth": 0.9,
}
_BROAD_COLOUR = "#8cb4d6"
_GAP = 0.35
"""Between models and controls, in rows."""


def draw_forest(
    table: Table, published: Mapping[str, float], width_in: float, *, is_titled: bool = False
) -> Figure:
    """Returns the figure: a row for each row of the table in its order, controls below a line, as in tables.

    Args:
        table: of intervals (see `bench.reporting.interval_table`), with at least one row of a model.
        published: means by the label of a row.
        width_in: of the figure.
        is_titled: whether it says above what it shows.
    """
    controls = [row for row in table.references if row.cells[1].mean is not None]
    places = [float(i) for i in range(len(table.models))]
    places += [len(places) + _GAP + i for i in range(len(controls))]
    shown = {row.label: published[row.label] for row in table.models if row.label in published}
    title = f"Weighted point accuracy, {table.subject.place}" if is_titled else None
    num_lines = 1 if width_in >= PAGE_IN else 2
    height = _ROW_IN * (places[-1] + 1) + _AROUND_IN + _LEGEND_LINE_IN * num_lines + _TITLE_IN * is_titled
    with paper_style(width_in):
        figure, axes = paper_axes(width_in, height, forest_scale(table, shown), title)
        values = [_draw_model(axes, row, y, shown) for row, y in zip(table.models, places, strict=False)]
        below = places[len(table.models) :]
        values += [_draw_control(axes, row, y) for row, y in zip(controls, below, strict=True)]
        _label(axes, [row.label for row in (*table.models, *controls)], values, places, len(table.models))
        handles = _handles(table, has_published=bool(shown))
        figure.legend(handles=handles, loc="outside lower center", ncols=-(-len(handles) // num_lines))
    return figure


def _draw_model(axes: Axes, row: Row, y: float, published: Mapping[str, float]) -> str:
    """Draws a row and returns its numbers: those of its page."""
    seeds, wide = row.cells[0], wide_interval(row)
    if seeds.mean is None:
        return seeds.printed_mean
    if seeds.half_width is not None:
        ends = [min(max(seeds.mean + sign * seeds.half_width, 0), 1) for sign in (-1, 1)]
        axes.plot(ends, [y, y], color=_BROAD_COLOUR, linewidth=_BROAD, solid_capstyle="butt", zorder=2)
    if wide.low is not None and wide.high is not None:
        axes.plot([wide.low, wide.high], [y, y], "|-", color=INK, linewidth=_THIN, markersize=_CAP, zorder=3)
    axes.plot(seeds.mean, y, "o", color=COLOURS[0], markersize=_MARK, zorder=4)
    if row.label in published:
        axes.plot(published[row.label], y, zorder=5, **_PUBLISHED)
    if wide.printed_ends is None:
        return seeds.printed_mean
    return f"{wide.printed_mean} [{', '.join(wide.printed_ends)}]"


def _draw_control(axes: Axes, row: Row, y: float) -> str:
    cell = row.cells[1]
    assert cell.mean is not None, "a control that is drawn has a value"
    if row.label == CONSTANT:
        axes.axvline(cell.mean, color=SOFT, linewidth=0.8, linestyle=(0, (3, 3)), zorder=1)
    if cell.low is not None and cell.high is not None:
        axes.plot([cell.low, cell.high], [y, y], "|-", color=SOFT, linewidth=_THIN, markersize=_CAP, zorder=3)
    axes.plot(
        cell.mean, y, "o", markerfacecolor="white", markeredgecolor=SOFT, markersize=_MARK - 0.4, zorder=4
    )
    if cell.printed_ends is None:
        return cell.printed_mean
    return f"{cell.printed_mean} [{', '.join(cell.printed_ends)}]"


def _label(axes: Axes, names: list[str], values: list[str], places: list[float], num_models: int) -> None:
    """Writes names on the left and numbers on the right, and a line above the controls."""
    right = axes.twinx()
    right.spines[:].set_visible(False)
    right.tick_params(axis="y", length=0)
    for side, words in ((axes, names), (right, values)):
        side.set_ylim(places[-1] + 0.6, -0.6)
        side.set_yticks(places, words)
        for text in side.get_yticklabels()[num_models:]:
            text.set(fontstyle="italic", color=SOFT)
    if num_models < len(places):
        axes.axhline(num_models - 0.5 + _GAP / 2, color=LINE, linewidth=0.6, zorder=1)


def _handles(table: Table, *, has_published: bool) -> list[Line2D]:
    has_both = any(row.cells[2].low is not None for row in table.models)
    handles = [
        Line2D([], [], color=COLOURS[0], marker="o", markersize=_MARK, linewidth=0, label="mean"),
        Line2D([], [], color=_BROAD_COLOUR, linewidth=_BROAD, solid_capstyle="butt", label=_SEEDS),
        Line2D([], [], color=INK, linewidth=_THIN, label=_BOTH if has_both else _PATIENTS),
        Line2D([], [], color=SOFT, linewidth=0.8, linestyle=(0, (3, 3)), label=CONSTANT.lower()),
    ]
    if has_published:
        handles.append(Line2D([], [], linewidth=0, label="published", **_PUBLISHED))
    return handles
