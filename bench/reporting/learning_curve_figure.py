"""Draws how a trial was trained: losses and learning rate by epoch."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.reporting.figures import save
from bench.results.record import EpochRow, Record
from bench.results.store import TrialFolder

_SIZE_IN, _DPI = (7.2, 5.4), 130
_TRAIN, _VALIDATION, _RATE = 0, 1, 2
"""Colours of the palette."""


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
    style: dict[Any, Any] = {
        "font.size": 9,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "legend.frameon": False,
    }
    with sns.axes_style("whitegrid", {"grid.color": "0.9"}), mpl.rc_context(style):
        figure = Figure(figsize=_SIZE_IN, dpi=_DPI, layout="constrained")
        losses, rates = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        colours = sns.color_palette("colorblind")
        _draw_losses(losses, rows, best_epoch, colours)
        _draw_rates(rates, rows, colours[_RATE])
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
    axes: Axes, rows: Sequence[EpochRow], best_epoch: int | None, colours: Sequence[tuple[float, ...]]
) -> None:
    epochs = np.array([row.epoch for row in rows])
    train, validation = _values([row.train_loss for row in rows]), _values([row.val_loss for row in rows])
    marker: dict[str, Any] = {"marker": "o", "markersize": 3.5, "linewidth": 1.6}
    axes.plot(epochs, train, color=colours[_TRAIN], label="training", **marker)
    evaluated = np.isfinite(validation)  # not every epoch need be
    axes.plot(
        epochs[evaluated], validation[evaluated], color=colours[_VALIDATION], label="validation", **marker
    )
    best = epochs == best_epoch
    if best.any() and evaluated[best].all():
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
    axes.set_ylabel("loss (binary cross-entropy)")
    axes.legend(loc="upper right")


def _draw_rates(axes: Axes, rows: Sequence[EpochRow], colour: tuple[float, ...]) -> None:
    """An epoch has one rate from its beginning to its end: a step as wide as the epoch."""
    edges = np.array([row.epoch - 0.5 for row in rows] + [rows[-1].epoch + 0.5])
    rates = np.array([row.learning_rate for row in rows])
    axes.stairs(rates, edges, baseline=None, color=colour, linewidth=1.8)
    axes.set_yscale("log")
    axes.set_ylim(rates.min() / 2, rates.max() * 2)
    axes.set_yticks(sorted(set(rates)), [f"{rate:g}" for rate in sorted(set(rates))])
    axes.minorticks_off()
    axes.set_ylabel("learning rate")


def _values(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values])
