"""Each finding's accuracy by every model as a figure for papers and slides."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.reporting.control_rows import CONSTANT
from bench.reporting.finding_plot import SCALE, finding_columns
from bench.reporting.paper_figure import LINE, SOFT, letters_pt, mark_of, paper_axes, paper_style
from bench.reporting.table import Cell, Table

_PITCH_IN, _PADDING_IN, _AROUND_IN, _TITLE_IN, _LEGEND_LINE_IN = 0.105, 0.1, 0.3, 0.22, 0.15
_LETTER_WIDTH, _HANDLE_LETTERS = 0.56, 7
_DASHED = (0, (3, 2))


def draw_findings(table: Table, width_in: float, *, is_titled: bool = False) -> Figure:
    """Returns the figure: a lane for each finding, in it a mark and an interval for each model.

    Args:
        table: of point localization accuracy, with at least one model and one finding.
        width_in: of the figure.
        is_titled: whether it says above what it shows.
    """
    columns = finding_columns(table)
    constant = next((row.cells for row in table.references if row.label == CONSTANT), None)
    labels = [row.label for row in table.models]
    pitch = _PITCH_IN * len(labels) + _PADDING_IN
    num_letters = max(map(len, (*labels, CONSTANT))) + _HANDLE_LETTERS
    fitting = int(width_in * 72 / (num_letters * _LETTER_WIDTH * letters_pt(width_in)))
    num_columns = min(max(fitting, 1), len(labels) + 1)
    num_lines = -(-(len(labels) + 1) // num_columns)
    title = f"Point accuracy by finding, {table.subject.place}" if is_titled else None
    height = pitch * len(columns) + _AROUND_IN + _LEGEND_LINE_IN * num_lines + _TITLE_IN * is_titled
    with paper_style(width_in):
        figure, axes = paper_axes(width_in, height, SCALE, title)
        for lane, column in enumerate(columns):
            cells = [row.cells[column] for row in table.models]
            _draw_lane(axes, lane, cells, constant[column] if constant else None, _PADDING_IN / pitch)
        axes.set_ylim(len(columns), 0)
        axes.set_yticks([lane + 0.5 for lane in range(len(columns))], [table.headings[i] for i in columns])
        handles = _handles(labels, has_constant=constant is not None)
        figure.legend(handles=handles, loc="outside lower center", ncols=num_columns)
    return figure


def _draw_lane(axes: Axes, lane: int, cells: list[Cell], constant: Cell | None, padding: float) -> None:
    """Draws a finding between the heights `lane` and `lane` + 1, of which `padding` is left free."""
    axes.axhline(lane, color=LINE, linewidth=0.6, zorder=1)
    if constant is not None and constant.mean is not None:
        ends = [lane + 0.08, lane + 0.92]
        axes.plot([constant.mean] * 2, ends, color=SOFT, linewidth=0.8, linestyle=_DASHED, zorder=2)
    for i, cell in enumerate(cells):
        if cell.mean is None:
            continue
        y = lane + padding / 2 + (1 - padding) * (i + 0.5) / len(cells)
        marker, colour = mark_of(i)
        if cell.half_width is not None:
            ends = [min(max(cell.mean + sign * cell.half_width, 0), 1) for sign in (-1, 1)]
            axes.plot(ends, [y, y], color=colour, linewidth=1.4, alpha=0.6, zorder=3, solid_capstyle="butt")
        axes.plot(cell.mean, y, marker, color=colour, markersize=4, markeredgewidth=0, zorder=4)


def _handles(labels: list[str], *, has_constant: bool) -> list[Line2D]:
    handles = []
    for i, label in enumerate(labels):
        marker, colour = mark_of(i)
        style: dict[str, Any] = {"marker": marker, "color": colour, "markersize": 4.5, "markeredgewidth": 0}
        handles.append(Line2D([], [], linewidth=1.4, label=label, **style))
    if has_constant:
        handles.append(Line2D([], [], color=SOFT, linewidth=0.8, linestyle=_DASHED, label=CONSTANT.lower()))
    return handles
