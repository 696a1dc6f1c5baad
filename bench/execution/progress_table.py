"""What trials are doing, as a table for a terminal of any width, and as lines for a log."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Literal

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.execution.progress import TRAINING_SHARE, Progress
from bench.results.store import ResultsStore, TrialFolder
from bench.suite.trial import Trial

_MIN_DONE = 0.02
"""Trials of which a pace can be told."""


def trial_left_s(trial: Trial, progress: Progress, folder: TrialFolder) -> float | None:
    """Returns the time to the trial's cap on epochs, s; None where it is not known.

    From the median of the epochs that have ended, in whatever run, else from the speed of the one that runs.
    """
    if progress.num_steps == 0:
        return None
    rows = folder.epochs()
    if rows:
        epoch_s = median(row.duration_s for row in rows)
    elif progress.images_per_s:
        epoch_s = progress.num_steps * trial.recipe.batch_size / progress.images_per_s
    else:
        return None
    return epoch_s * trial.recipe.max_epochs / TRAINING_SHARE * (1 - progress.fraction)


def all_left_s(running: Sequence[tuple[float, float]], others: Sequence[float], num_slots: int) -> float:
    """Returns the time until all trials have ended, s: as if slots were never idle.

    Args:
        running: of each whose time left is known: that time, s, and the share of the trial that is left.
        others: of each whose time is not known, running or waiting: the share that is left. A whole one
            takes the mean of those that are known.
        num_slots: trials that run at once.
    """
    whole_s = mean(left_s / share for left_s, share in running)
    lefts = [left_s for left_s, _ in running]
    return max((sum(lefts) + whole_s * sum(others)) / num_slots, *lefts)


def time_left(elapsed_s: float, done: float, total: float, earlier: float) -> float | None:
    """Returns the seconds that are left at the pace so far; None while that is hardly known.

    Args:
        elapsed_s: what this run has taken.
        done: what is done, in trials.
        total: what there is to do, in trials.
        earlier: what of `done` an earlier run did, and this one took no time for.
    """
    by_this_run = done - earlier
    return elapsed_s * (total - done) / by_this_run if by_this_run > _MIN_DONE else None


def earlier_share(store: ResultsStore, trial: Trial) -> float:
    """Returns how much of the trial an interrupted run has done, in epochs."""
    folder = store.folder(trial.id)
    if not folder.last_checkpoint.exists():
        return 0.0
    return min(TRAINING_SHARE * len(folder.epochs()) / trial.recipe.max_epochs, TRAINING_SHARE)


_BAR_WIDTH = 16


@dataclass(frozen=True)
class TrialRow:
    """One trial.

    Attributes:
        title: what people call it.
        state: what it is if it does not run: waiting, running but silent, finished, failed, blocked.
        progress: what it does; None if it does not run, or has not said.
        left: how long it still takes at most, in words; empty if that is not known.
    """

    title: str
    state: str
    progress: Progress | None = None
    left: str = ""

    @property
    def step(self) -> str:
        """Which step of the epoch, or nothing."""
        progress = self.progress
        return f"{progress.step}/{progress.num_steps}" if progress and progress.step else ""

    @property
    def loss(self) -> str:
        """The training loss so far, or nothing."""
        return f"{self.progress.loss:.4f}" if self.progress and self.progress.loss is not None else ""

    @property
    def learning_rate(self) -> str:
        """The epoch's, or nothing."""
        return f"{self.progress.learning_rate:g}" if self.progress and self.progress.learning_rate else ""

    @property
    def speed(self) -> str:
        """Images per second, or nothing."""
        return f"{self.progress.images_per_s:.0f}" if self.progress and self.progress.images_per_s else ""

    @property
    def bar(self) -> RenderableType:
        """How much of the trial is done, or nothing."""
        if self.progress is None:
            return ""
        return ProgressBar(total=1.0, completed=self.progress.fraction, width=_BAR_WIDTH)


@dataclass(frozen=True)
class _Column:
    heading: str
    min_width: int
    cell: Callable[[TrialRow], RenderableType]
    from_console_width: int = 0
    justify: Literal["left", "right"] = "right"


_COLUMNS = (
    _Column("state", 12, lambda row: row.progress.phase if row.progress else row.state, justify="left"),
    _Column("step", 7, lambda row: row.step, from_console_width=110),
    _Column("", _BAR_WIDTH, lambda row: row.bar, from_console_width=130, justify="left"),
    _Column("loss", 6, lambda row: row.loss, from_console_width=90),
    _Column("rate", 7, lambda row: row.learning_rate, from_console_width=90),
    _Column("images/s", 8, lambda row: row.speed, from_console_width=72),
    _Column("left at most", 12, lambda row: row.left),
)
"""In their order; narrower terminals go without some."""


def progress_table(rows: Sequence[TrialRow], console_width: int, caption: str) -> Table:
    """Returns a table with a line per trial, as many columns as the terminal's width in characters bears."""
    columns = [column for column in _COLUMNS if console_width >= column.from_console_width]
    table = Table(box=None, pad_edge=False, expand=True, caption=Text(caption), caption_justify="left")
    table.add_column("trial", ratio=1, no_wrap=True, overflow="ellipsis")
    for column in columns:
        table.add_column(column.heading, min_width=column.min_width, justify=column.justify, no_wrap=True)
    for row in rows:
        table.add_row(Text(row.title), *(column.cell(row) for column in columns))
    return table


def progress_line(row: TrialRow) -> str:
    """Returns the same of a trial that runs, in a line."""
    named = {
        "step {}": row.step,
        "loss {}": row.loss,
        "learning rate {}": row.learning_rate,
        "{} images/s": row.speed,
        "{} left at most": row.left,
    }
    words = [text.format(value) for text, value in named.items() if value]
    return f"{row.title}: " + ", ".join([row.progress.phase if row.progress else row.state, *words])
