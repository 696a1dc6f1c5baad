"""Each finding's accuracy by every model as a figure for papers and slides."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.reporting.control_rows import CONSTANT
from bench.reporting.paper_figure import LINE, SOFT, letters_pt, mark_of, paper_axes, paper_style
from bench.reporting.plots import Finding, FindingPlot

_PITCH_IN, _PADDING_IN, _AROUND_IN, _TITLE_IN, _LEGEND_LINE_IN = 0.105, 0.1, 0.3, 0.22, 0.15
_LETTER_WIDTH, _HANDLE_LETTERS = 0.56, 7
_DASHED: dict[str, Any] = {"color": SOFT, "linewidth": 0.8, "linestyle": (0, (3, 2))}


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
    fitting = int(width_in * 72 / (num_letters * _LETTER_WIDTH * letters_pt(width_in)))
    num_columns = min(max(fitting, 1), num_models + 1)
    num_lines = -(-(num_models + 1) // num_columns)
    height = pitch * num_findings + _AROUND_IN + _LEGEND_LINE_IN * num_lines + _TITLE_IN * is_titled
    with paper_style(width_in):
        figure, axes = paper_axes(width_in, height, plot.scale, plot.title if is_titled else None)
        for lane, finding in enumerate(plot.findings):
            _draw_lane(axes, lane, finding, num_models, _PADDING_IN / pitch)
        axes.set_ylim(num_findings, 0)
        axes.set_yticks([i + 0.5 for i in range(num_findings)], [finding.name for finding in plot.findings])
        figure.legend(handles=_handles(plot), loc="outside lower center", ncols=num_columns)
    return figure


def _draw_lane(axes: Axes, lane: int, finding: Finding, num_models: int, padding: float) -> None:
    """Draws a finding between the heights `lane` and `lane` + 1, of which `padding` is left free."""
    axes.axhline(lane, color=LINE, linewidth=0.6, zorder=1)
    if finding.constant is not None:
        axes.plot([finding.constant] * 2, [lane + 0.08, lane + 0.92], zorder=2, **_DASHED)
    for point in finding.points:
        y = lane + padding / 2 + (1 - padding) * (point.model + 0.5) / num_models
        marker, colour = mark_of(point.model)
        if point.ends is not None:
            style: dict[str, Any] = {
                "color": colour,
                "linewidth": 1.4,
                "alpha": 0.6,
                "solid_capstyle": "butt",
            }
            axes.plot(point.ends, [y, y], zorder=3, **style)
        axes.plot(point.mean, y, marker, color=colour, markersize=4, markeredgewidth=0, zorder=4)


def _handles(plot: FindingPlot) -> list[Line2D]:
    handles = []
    for i, label in enumerate(plot.models):
        marker, colour = mark_of(i)
        style: dict[str, Any] = {"marker": marker, "color": colour, "markersize": 4.5, "markeredgewidth": 0}
        handles.append(Line2D([], [], linewidth=1.4, label=label, **style))
    if any(finding.constant is not None for finding in plot.findings):
        handles.append(Line2D([], [], label=CONSTANT.lower(), **_DASHED))
    return handles
