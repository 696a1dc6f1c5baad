"""The forest plot of a table of intervals as a figure for papers and slides."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.reporting.control_rows import CONSTANT
from bench.reporting.paper_figure import INK, LINE, PAGE_IN, SOFT, paper_axes, paper_style
from bench.reporting.plots import COLOURS, Forest, ForestRow

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
_DASHED: dict[str, Any] = {"color": SOFT, "linewidth": 0.8, "linestyle": (0, (3, 3))}
_BROAD_COLOUR = "#8cb4d6"
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
    height = _ROW_IN * (places[-1] + 1) + _AROUND_IN + _LEGEND_LINE_IN * num_lines + _TITLE_IN * is_titled
    with paper_style(width_in):
        title = forest.title if is_titled else None
        figure, axes = paper_axes(width_in, height, forest.scale, title)
        for row, y in zip(rows[:num_models], places, strict=False):
            _draw_model(axes, row, y)
        for row, y in zip(forest.controls, places[num_models:], strict=True):
            _draw_control(axes, row, y)
        _label(axes, rows, places, num_models)
        handles = _handles(forest)
        figure.legend(handles=handles, loc="outside lower center", ncols=-(-len(handles) // num_lines))
    return figure


def _draw_model(axes: Axes, row: ForestRow, y: float) -> None:
    if row.mean is None:
        return
    if row.seeds is not None:
        axes.plot(row.seeds, [y, y], color=_BROAD_COLOUR, linewidth=_BROAD, solid_capstyle="butt", zorder=2)
    if row.wide is not None:
        axes.plot(row.wide, [y, y], "|-", color=INK, linewidth=_THIN, markersize=_CAP, zorder=3)
    axes.plot(row.mean, y, "o", color=COLOURS[0], markersize=_MARK, zorder=4)
    if row.published is not None:
        axes.plot(row.published, y, zorder=5, **_PUBLISHED)


def _draw_control(axes: Axes, row: ForestRow, y: float) -> None:
    assert row.mean is not None, "a control that is drawn has a value"
    if row.label == CONSTANT:
        axes.axvline(row.mean, zorder=1, **_DASHED)
    if row.wide is not None:
        axes.plot(row.wide, [y, y], "|-", color=SOFT, linewidth=_THIN, markersize=_CAP, zorder=3)
    face: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": SOFT, "markersize": _MARK - 0.4}
    axes.plot(row.mean, y, "o", zorder=4, **face)


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


def _handles(forest: Forest) -> list[Line2D]:
    over = _BOTH if forest.is_over_both else _PATIENTS
    handles = [
        Line2D([], [], color=COLOURS[0], marker="o", markersize=_MARK, linewidth=0, label="mean"),
        Line2D([], [], color=_BROAD_COLOUR, linewidth=_BROAD, solid_capstyle="butt", label=_SEEDS),
        Line2D([], [], color=INK, linewidth=_THIN, label=over),
        Line2D([], [], label=CONSTANT.lower(), **_DASHED),
    ]
    if forest.has_published:
        handles.append(Line2D([], [], linewidth=0, label="published", **_PUBLISHED))
    return handles
