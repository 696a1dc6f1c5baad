"""A table as data: cells know their value, interval, count and trials; writers render them."""

from dataclasses import dataclass

from bench.statistics.interval import Interval


@dataclass(frozen=True)
class Cell:
    """One value.

    Attributes:
        mean: mean over seeds, or the value of a control; None is a hole.
        half_width: half the width of its 95% interval, if it has one.
        n: seeds behind the mean.
        expected: seeds that the suite asks for; 0 for rows that have none.
        trial_ids: trials behind the mean.
        is_best: best of its column, or tied with the best.
        low: lower end of the 95% interval, where it is not the mean's neighbourhood by half_width.
        high: upper end of it.
        text: what is shown in place of a mean, where a cell is no measured value.
        decimals: of the mean and its interval.
        is_signed: whether a plus sign is shown, as of differences.
    """

    mean: float | None
    half_width: float | None = None
    n: int = 0
    expected: int = 0
    trial_ids: tuple[str, ...] = ()
    is_best: bool = False
    low: float | None = None
    high: float | None = None
    text: str | None = None
    decimals: int = 2
    is_signed: bool = False

    @classmethod
    def of_interval(cls, interval: Interval, *, as_half_width: bool = False) -> "Cell":
        """Returns the estimate with its interval: as both ends, or as half of its width."""
        low, high = interval.low, interval.high
        half_width = (high - low) / 2 if as_half_width and low is not None and high is not None else None
        return cls(interval.mean, half_width, n=interval.num_seeds, low=low, high=high)

    @property
    def is_short(self) -> bool:
        """Whether seeds are missing behind a value that is there."""
        return self.mean is not None and self.n < self.expected

    def formatted_ends(self, separator: str) -> str:
        """Returns both ends of the interval, which has to have them."""
        assert self.low is not None
        assert self.high is not None
        ends = (self.low, self.high)
        return separator.join(format_number(end, self.decimals, is_signed=self.is_signed) for end in ends)


@dataclass(frozen=True)
class Row:
    """A label and one cell per column."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Rows of models, then rows of reference (controls, facts), under common columns.

    Attributes:
        key: names files, e.g. "point_accuracy-phantom-64px".
        title: one line.
        columns: headings, one per cell of a row.
        models: one row per model.
        references: rows that no trial stands behind.
        caption: what the numbers are, and what ± and bold mean.
        notes: what is missing, and what else a reader should know.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    models: tuple[Row, ...]
    references: tuple[Row, ...]
    caption: str
    notes: tuple[str, ...]


DASH = "—"


def format_number(value: float, decimals: int = 2, *, is_signed: bool = False) -> str:
    """Returns a share as the thesis prints it, ``0.46``, ``1.00``; a difference as ``+0.12``, ``−0.03``."""
    text = f"{value:{'+' if is_signed else ''}.{decimals}f}"
    return text.replace("-", "−")
