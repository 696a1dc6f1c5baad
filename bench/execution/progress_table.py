"""Trials and how far they are: as a table for a terminal of any width, and as lines for a log."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.amounts import rough_duration
from bench.execution.progress import TrialProgress

_BAR_WIDTH = 16


@dataclass(frozen=True)
class TrialRow:
    """One trial.

    Attributes:
        title: what people call it.
        state: shown if there is no progress: waiting, running but silent, finished, failed, blocked.
        progress: how far it is; None if it does not run, or has not said.
        left_s: time that it still takes at most; None if that is not known.
    """

    title: str
    state: str
    progress: TrialProgress | None = None
    left_s: float | None = None

    def figures(self) -> dict[str, str]:
        """Returns the known figures of the trial in words, by the table's headings."""
        known = {"state": self.state}
        if self.progress is not None:
            known["state"] = self.progress.phase
            if self.progress.step:
                known["step"] = f"{self.progress.step}/{self.progress.num_steps}"
            if self.progress.loss is not None:
                known["loss"] = f"{self.progress.loss:.4f}"
            if self.progress.learning_rate:
                known["rate"] = f"{self.progress.learning_rate:g}"
            if self.progress.images_per_s:
                known["images/s"] = f"{self.progress.images_per_s:.0f}"
        if self.left_s is not None:
            known["left at most"] = rough_duration(self.left_s)
        return known

    def bar(self) -> RenderableType:
        """Returns a bar of how much of the trial is done, or nothing."""
        if self.progress is None:
            return ""
        return ProgressBar(total=1.0, completed=self.progress.fraction, width=_BAR_WIDTH)


class _Column(NamedTuple):
    heading: str
    min_width: int
    from_console_width: int


_COLUMNS = (
    _Column("state", 12, 0),
    _Column("step", 7, 110),
    _Column("", _BAR_WIDTH, 130),
    _Column("loss", 6, 90),
    _Column("rate", 7, 90),
    _Column("images/s", 8, 72),
    _Column("left at most", 12, 0),
)
"""In their order; narrower terminals go without some."""


def progress_table(rows: Sequence[TrialRow], console_width: int, caption: str) -> Table:
    """Returns a table with a line per trial, and as many columns as fit a terminal of that width."""
    columns = [column for column in _COLUMNS if console_width >= column.from_console_width]
    table = Table(box=None, pad_edge=False, expand=True, caption=Text(caption), caption_justify="left")
    table.add_column("trial", ratio=1, no_wrap=True, overflow="ellipsis")
    for column in columns:
        table.add_column(
            column.heading,
            min_width=column.min_width,
            justify="left" if column.heading in ("state", "") else "right",
            no_wrap=True,
        )
    for row in rows:
        cells: dict[str, RenderableType] = {**row.figures(), "": row.bar()}
        table.add_row(Text(row.title), *(cells.get(column.heading, "") for column in columns))
    return table


def progress_line(row: TrialRow) -> str:
    """Returns the same of a running trial in a line."""
    figures = row.figures()
    named = {
        "step {}": "step",
        "loss {}": "loss",
        "learning rate {}": "rate",
        "{} images/s": "images/s",
        "{} left at most": "left at most",
    }
    words = [text.format(figures[key]) for text, key in named.items() if key in figures]
    return f"{row.title}: " + ", ".join([figures["state"], *words])
