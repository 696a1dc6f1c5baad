"""A table as data: cells know their value, interval, count and trials; writers render them."""

import math
from dataclasses import dataclass
from typing import Literal

from bench.statistics.interval import Interval
from bench.statistics.spread import ALPHA, ROUNDING

Verdict = Literal["reproduced", "higher", "lower", "inconclusive", "missing"]

VERDICT_SYMBOLS: dict[Verdict, str] = {
    "reproduced": "≈",
    "higher": "↑",
    "lower": "↓",
    "inconclusive": "?",
    "missing": "",
}
"""What stands behind a difference; one that is missing is a dash already."""

DASH = "—"

DIGITS = (
    "The half-width has one significant digit, two where the first is 1, and the mean as many decimals: two "
    "or three, of AUROC three or four."
)
"""What captions say of `decimals_by_interval`."""


@dataclass(frozen=True)
class Cell:
    """One value.

    Attributes:
        mean: mean over seeds, or the value of a control; None is a hole.
        half_width: half the width of its 95% interval, if it has one.
        n: seeds behind the mean.
        expected: seeds that the suite asks for; 0 for rows that have none.
        trial_ids: trials behind the mean.
        is_best: whether no mean of its column is better.
        p_to_best: that it is not different from its column's best, adjusted; None where it is not tested.
        low: lower end of the 95% interval, where it is not the mean's neighbourhood by half_width.
        high: upper end of it.
        text: what is shown in place of a mean, where a cell is no measured value.
        decimals: of the mean and its interval, at least; see `decimals_by_interval`.
        is_signed: whether a plus sign is shown, as of differences.
        is_underlined: high variance, where a table's caption says so.
        verdict: of a comparison with a published value.
        marks: raised behind the value: letters of footnotes.
    """

    mean: float | None
    half_width: float | None = None
    n: int = 0
    expected: int = 0
    trial_ids: tuple[str, ...] = ()
    is_best: bool = False
    p_to_best: float | None = None
    low: float | None = None
    high: float | None = None
    text: str | None = None
    decimals: int = 2
    is_signed: bool = False
    is_underlined: bool = False
    verdict: Verdict | None = None
    marks: str = ""

    @classmethod
    def of_interval(cls, interval: Interval) -> "Cell":
        """Returns the estimate with both ends of its interval."""
        return cls(interval.mean, n=interval.num_seeds, low=interval.low, high=interval.high)

    @property
    def shows_n(self) -> bool:
        """Whether n has to be shown: a value that is there has fewer or more seeds than expected."""
        return self.mean is not None and self.expected > 0 and self.n != self.expected

    @property
    def printed_mean(self) -> str:
        """The value as it is shown, without its interval: text, a number, or a dash."""
        if self.text is not None:
            return self.text
        return DASH if self.mean is None else self._printed(self.mean, is_signed=self.is_signed)

    @property
    def printed_half_width(self) -> str | None:
        """Half the interval's width as it is shown behind ±, if it is."""
        if self.text is not None or self.mean is None or self.half_width is None:
            return None
        return self._printed(self.half_width)

    @property
    def printed_ends(self) -> tuple[str, str] | None:
        """Both ends of the interval as they are shown in brackets, if they are."""
        if self.text is not None or self.mean is None or self.half_width is not None:
            return None
        if self.low is None or self.high is None:
            return None
        return (
            self._printed(self.low, is_signed=self.is_signed),
            self._printed(self.high, is_signed=self.is_signed),
        )

    @property
    def is_worse(self) -> bool:
        """Whether it is shown to be worse than its column's best."""
        return self.p_to_best is not None and self.p_to_best < ALPHA

    @property
    def leaves_range(self) -> bool:
        """Whether the interval that is shown reaches beyond 0 or 1, of a difference beyond −1 or 1."""
        ends = (self.low, self.high)
        if self.text is None and self.mean is not None and self.half_width is not None:
            ends = (self.mean - self.half_width, self.mean + self.half_width)
        least = -1 if self.is_signed else 0
        return any(end is not None and not least - ROUNDING <= end <= 1 + ROUNDING for end in ends)

    @property
    def raised(self) -> str:
        """All marks behind the value: of being worse, of an interval that leaves the range, of footnotes."""
        return WORSE * self.is_worse + OUT_OF_RANGE.mark * self.leaves_range + self.marks

    @property
    def symbol(self) -> str:
        """The verdict's symbol; empty if there is none."""
        return "" if self.verdict is None else VERDICT_SYMBOLS[self.verdict]

    def _printed(self, value: float, *, is_signed: bool = False) -> str:
        half_width = self.half_width
        if half_width is None and self.low is not None and self.high is not None:
            half_width = (self.high - self.low) / 2
        return format_number(value, decimals_by_interval(half_width, self.decimals), is_signed=is_signed)


@dataclass(frozen=True)
class Row:
    """A label and one cell per column.

    Attributes:
        label: what is shown.
        cells: one per column.
        section: heading above the first of the rows that share it.
        of: label of the row that this one is a detail of, as "published" is of "PYLON"; empty if of none.
        kind: what programs call it; "model" or "reference" if empty.
        marks: raised behind the label.
    """

    label: str
    cells: tuple[Cell, ...]
    section: str = ""
    of: str = ""
    kind: str = ""
    marks: str = ""


@dataclass(frozen=True)
class Group:
    """A heading above neighbouring columns; an empty one spans columns that share none."""

    heading: str
    span: int


@dataclass(frozen=True)
class Footnote:
    """A sentence, and the letter that stands for it in cells or labels."""

    mark: str
    text: str


WORSE = "†"
"""Behind what is shown to be worse than its column's best; captions say how (`standing_caption`)."""

OUT_OF_RANGE = Footnote(
    "‡", "Its symmetric interval reaches beyond what is possible: 0 or 1, of a difference −1 or 1."
)


@dataclass(frozen=True)
class Table:
    """Rows of models, then rows of reference (controls, facts), under common columns.

    Attributes:
        key: names files, e.g. "point_accuracy-phantom-64px".
        title: one line.
        columns: headings, one per cell of a row.
        models: one row per model.
        references: rows that no trial stands behind.
        caption: what the numbers are, and what ±, bold and † mean.
        notes: what is missing, and what else a reader should know.
        groups: headings above the columns, which together span all of them; none if empty.
        footnotes: what marks mean.
        is_narrow: whether it is made for one column of a page that has two.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    models: tuple[Row, ...]
    references: tuple[Row, ...]
    caption: str
    notes: tuple[str, ...]
    groups: tuple[Group, ...] = ()
    footnotes: tuple[Footnote, ...] = ()
    is_narrow: bool = False

    @property
    def all_footnotes(self) -> tuple[Footnote, ...]:
        """Its footnotes, and that on intervals that leave the range, if there are any."""
        cells = (cell for row in (*self.models, *self.references) for cell in row.cells)
        return (*self.footnotes, *([OUT_OF_RANGE] if any(cell.leaves_range for cell in cells) else []))

    @property
    def group_of_columns(self) -> tuple[str, ...]:
        """The heading above each column; empty where there is none."""
        if not self.groups:
            return ("",) * len(self.columns)
        return tuple(group.heading for group in self.groups for _ in range(group.span))


def decimals_by_interval(half_width: float | None, at_least: int = 2) -> int:
    """Returns how many decimals a mean and its half-width have: as many as the half-width says are known.

    The half-width keeps one significant digit, two where the first is a 1 (rounding .014 to .01 would change
    it by a third), and the mean is rounded at the same place. So 0.0783 gives 2 decimals, 0.0130 gives 3.
    Never fewer than `at_least`, nor more than one beyond, so that columns can be read; `at_least` without a
    half-width, or with 0.
    """
    if half_width is None or not 0 < half_width < math.inf:
        return at_least
    exponent = math.floor(math.log10(half_width))
    has_two_digits = half_width < 2 * 10.0**exponent
    return min(max(int(has_two_digits) - exponent, at_least), at_least + 1)


def format_number(value: float, decimals: int = 2, *, is_signed: bool = False) -> str:
    """Returns a share as the thesis prints it, ``0.46``, ``1.00``; a difference as ``+0.12``, ``−0.03``.

    What rounds to 0 has no sign.
    """
    text = f"{value:{'+' if is_signed else ''}.{decimals}f}"
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "−")


def format_p(p: float) -> str:
    """Returns a p with three decimals, ``<0.001`` where they would all be 0; a dash where there is none."""
    return DASH if math.isnan(p) else "<0.001" if p < 0.0005 else f"{p:.3f}"
