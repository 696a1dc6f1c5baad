"""Draws validation losses of all trials of a suite in one chart: models by colour, a line per seed."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.reporting.current import CURVES
from bench.reporting.figures import save
from bench.results.record import EpochRow
from bench.results.store import ResultsStore
from bench.suite.grid import Grid
from bench.suite.schema import title_of

_WIDTH_IN, _HEIGHT_IN, _DPI, _PANELS_PER_ROW = 5.2, 4.0, 130, 3
_CHARACTERS_PER_IN = 12
"""Of the heading, in its font, with something to spare."""

Curves = Mapping[str, Sequence[Sequence[EpochRow]]]
"""Of each model, by its label, the epochs of each of its trials."""


def write_suite_curves(title: str, grid: Grid, store: ResultsStore, folder: Path) -> Path | None:
    """Draws the trials that have epochs into `folder` and returns the file; None if there are none.

    Raises:
        ResultsError: the figure cannot be written.
    """
    panels: dict[str, dict[str, list[Sequence[EpochRow]]]] = {}
    for trial_id, point in {point.trial.id: point for point in grid.points}.items():
        rows = store.folder(trial_id).epochs()
        if rows:
            panel = f"{title_of(point.trial.dataset)} {point.trial.resolution} px"
            panels.setdefault(panel, {}).setdefault(point.label, []).append(rows)
    if not panels:
        return None
    path = folder / CURVES
    save(draw_suite_curves(title, panels), path)
    return path


def draw_suite_curves(title: str, panels: Mapping[str, Curves]) -> Figure:
    """Returns a panel per data set and resolution, whose losses compare; a model has one colour in all.

    Args:
        title: of the suite.
        panels: curves by the panel's title, at least one.
    """
    labels = list(dict.fromkeys(label for curves in panels.values() for label in curves))
    palette = "colorblind" if len(labels) <= 10 else "husl"
    colours = dict(zip(labels, sns.color_palette(palette, len(labels)), strict=True))
    num_columns = min(len(panels), _PANELS_PER_ROW)
    num_rows = -(-len(panels) // num_columns)
    style: dict[Any, Any] = {"font.size": 9, "axes.titlesize": 10, "axes.titlelocation": "left"}
    with sns.axes_style("whitegrid", {"grid.color": "0.9"}), mpl.rc_context(style):
        size = (max(_WIDTH_IN * num_columns, 7), _HEIGHT_IN * num_rows)
        figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
        grid = figure.subplots(num_rows, num_columns, squeeze=False)
        for axes, (panel, curves) in zip(grid.flat, panels.items(), strict=False):
            _draw_panel(axes, panel, curves, colours)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        handles = [Line2D([], [], color=colours[label], label=label) for label in labels]
        figure.legend(handles=handles, loc="outside right center", frameon=False)
        heading = textwrap.wrap(title, int(size[0] * _CHARACTERS_PER_IN))
        lines = (*heading, "validation loss, a line per seed, ○ its best epoch")
        figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=10)
        sns.despine(figure, left=True)
    return figure


def _draw_panel(
    axes: Axes, panel: str, curves: Curves, colours: Mapping[str, tuple[float, float, float]]
) -> None:
    for label, trials in curves.items():
        for rows in trials:
            points = [(row.epoch, row.val_loss) for row in rows if row.val_loss is not None]
            if not points:
                continue
            axes.plot(*zip(*points, strict=True), color=colours[label], linewidth=1, alpha=0.8)
            best = min(points, key=lambda point: point[1])
            axes.plot(*best, marker="o", markersize=5, markerfacecolor="white", color=colours[label])
    axes.set_title(panel)
    axes.set(xlabel="epoch", ylabel="loss (binary cross-entropy)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
