"""A table as data: cells know their value, interval, count and trials; writers render them."""

from dataclasses import dataclass


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
    """

    mean: float | None
    half_width: float | None = None
    n: int = 0
    expected: int = 0
    trial_ids: tuple[str, ...] = ()
    is_best: bool = False

    @property
    def is_short(self) -> bool:
        """Whether seeds are missing behind a value that is there."""
        return self.mean is not None and self.n < self.expected


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


def format_number(value: float) -> str:
    """Returns a share in [0, 1] with two decimals, as the thesis prints them: ``0.46``, ``1.00``."""
    return f"{value:.2f}"
