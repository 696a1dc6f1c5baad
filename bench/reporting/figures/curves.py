"""Curves of training: one trial's losses and learning rate, and the validation losses of a suite."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.reporting.check import CURVES
from bench.reporting.figures.files import save
from bench.results.record import EpochRow, Record
from bench.results.store import ResultsStore, TrialFolder
from bench.suite.dataset_specs import title_of
from bench.suite.grid import Grid

_DPI = 130
_LOSS = "loss (binary cross-entropy)"


@contextmanager
def _style(title_size: int) -> Iterator[None]:
    """Draws in the block over faint lines, titles on the left."""
    sizes: dict[Any, Any] = {"font.size": 9, "axes.titlesize": title_size, "axes.titlelocation": "left"}
    with sns.axes_style("whitegrid", {"grid.color": "0.9"}), mpl.rc_context(sizes):
        yield


def write_learning_curve(record: Record, folder: TrialFolder) -> None:
    """Draws the learning curve of a trial that has ended into its folder; nothing if no epoch has.

    Raises:
        ResultsError: the history is damaged, or the figure cannot be written.
    """
    rows = folder.read_history()
    if rows:
        best_epoch = record.outcome.best_epoch if record.outcome is not None else None
        failed = " · failed" if record.status == "failed" else ""
        title = record.trial.title(record.trial.label) + failed
        save(draw_learning_curve(title, rows, best_epoch), folder.learning_curve)


def draw_learning_curve(title: str, rows: Sequence[EpochRow], best_epoch: int | None) -> Figure:
    """Returns two panels over epochs: losses of training and validation, and the learning rate below.

    Args:
        title: of the trial.
        rows: its epochs, at least one; a loss that is None leaves a gap.
        best_epoch: is marked; None if there is none.
    """
    with _style(11):
        figure = Figure(figsize=(7.2, 5.4), dpi=_DPI, layout="constrained")
        losses, rates = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        train, validation, rate = sns.color_palette("colorblind")[:3]
        _draw_losses(losses, rows, best_epoch, train, validation)
        _draw_rates(rates, rows, rate)
        if best_epoch is not None:
            for axes in (losses, rates):
                axes.axvline(best_epoch, color="0.35", linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        losses.set_title(title)
        rates.set(xlabel="epoch", xlim=(rows[0].epoch - 0.5, rows[-1].epoch + 0.5))
        rates.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        sns.despine(figure, left=True)
        figure.align_ylabels()
    return figure


def _draw_losses(
    axes: Axes, rows: Sequence[EpochRow], best_epoch: int | None, train_colour: Any, validation_colour: Any
) -> None:
    epochs = np.array([row.epoch for row in rows])
    validation = _values([row.val_loss for row in rows])
    is_evaluated = np.isfinite(validation)  # not every epoch need be
    style: dict[str, Any] = {"marker": "o", "markersize": 3.5, "linewidth": 1.6}
    axes.plot(
        epochs, _values([row.train_loss for row in rows]), color=train_colour, label="training", **style
    )
    style |= {"color": validation_colour, "label": "validation"}
    axes.plot(epochs[is_evaluated], validation[is_evaluated], **style)
    best = epochs == best_epoch
    if best.any() and is_evaluated[best].all():
        axes.plot(
            epochs[best],
            validation[best],
            linestyle="none",
            marker="o",
            markersize=9,
            markerfacecolor="none",
            markeredgecolor="0.2",
            markeredgewidth=1.4,
            label=f"best: epoch {best_epoch}, {validation[best].item():.4f}",
        )
    axes.set_ylabel(_LOSS)
    axes.legend(loc="upper right", frameon=False)


def _values(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array(values, float)  # None is NaN


def _draw_rates(axes: Axes, rows: Sequence[EpochRow], colour: Any) -> None:
    """An epoch has one rate from its beginning to its end: a step as wide as the epoch."""
    edges = np.array([row.epoch - 0.5 for row in rows] + [rows[-1].epoch + 0.5])
    rates = np.array([row.learning_rate for row in rows])
    axes.stairs(rates, edges, baseline=None, color=colour, linewidth=1.8)
    axes.set_yscale("log")
    axes.set_ylim(rates.min() / 2, rates.max() * 2)
    axes.set_yticks(sorted(set(rates)), [f"{rate:g}" for rate in sorted(set(rates))])
    axes.minorticks_off()
    axes.set_ylabel("learning rate")


_WIDTH_IN, _HEIGHT_IN, _PANELS_PER_ROW = 5.2, 4.0, 3
_CHARACTERS_PER_IN = 12
"""Characters of the heading in its font, with something to spare."""

Curves = Mapping[str, Sequence[Sequence[EpochRow]]]
"""The epochs of each trial of each model, by the model's label."""


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
    with _style(10):
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


def _draw_panel(axes: Axes, panel: str, curves: Curves, colours: Mapping[str, Any]) -> None:
    for label, trials in curves.items():
        for rows in trials:
            points = [(row.epoch, row.val_loss) for row in rows if row.val_loss is not None]
            if not points:
                continue
            axes.plot(*zip(*points, strict=True), color=colours[label], linewidth=1, alpha=0.8)
            best = min(points, key=lambda point: point[1])
            axes.plot(*best, marker="o", markersize=5, markerfacecolor="white", color=colours[label])
    axes.set_title(panel)
    axes.set(xlabel="epoch", ylabel=_LOSS)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
