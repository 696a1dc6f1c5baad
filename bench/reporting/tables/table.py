"""A table as data: cells know their value, interval, count and trials; writers render them."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal

from bench.statistics.interval import Interval
from bench.statistics.spread import ALPHA, ROUNDING
from bench.statistics.student import MeanInterval
from bench.suite.cam import CamMethod
from bench.suite.metrics import AVERAGES, METRICS, column_title

Reproduction = Literal["reproduced", "higher", "lower", "inconclusive", "missing"]

SYMBOLS: dict[Reproduction, str] = {
    "reproduced": "≈",
    "higher": "↑",
    "lower": "↓",
    "inconclusive": "?",
    "missing": "",
}
"""The symbol behind a difference, by its verdict; a missing difference is a dash already."""

DASH = "—"


_DECIMALS = 2
"""Decimals of most metrics."""

DIGITS = "The half-width has one significant digit, two where the first is 1, and the mean as many decimals."
"""Captions' words for `decimals_by_interval`."""


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
        low: lower end of the 95% interval; set only if the interval is asymmetric.
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
    decimals: int = _DECIMALS
    is_signed: bool = False
    is_underlined: bool = False
    verdict: Reproduction | None = None
    marks: str = ""

    @classmethod
    def of_mean(cls, interval: MeanInterval, **more: Any) -> "Cell":
        """Returns a mean over seeds with its half-width and number of seeds; `more` are other fields."""
        return cls(interval.mean, interval.half_width, interval.n, **more)

    @classmethod
    def of_interval(cls, interval: Interval, n: int | None = None) -> "Cell":
        """Returns the estimate with both ends of its interval; `n` stands for its number of seeds."""
        num_seeds = interval.num_seeds if n is None else n
        return cls(interval.mean, n=num_seeds, low=interval.low, high=interval.high)

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
    def ends(self) -> tuple[float, float] | None:
        """Both ends of the interval, as figures draw it: those around a mean cut at 0 and 1."""
        if self.mean is not None and self.half_width is not None:
            return max(self.mean - self.half_width, 0.0), min(self.mean + self.half_width, 1.0)
        return None if self.low is None or self.high is None else (self.low, self.high)

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
        return "" if self.verdict is None else SYMBOLS[self.verdict]

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
        of: label of the row that this one is a detail of, as "published" of "PYLON"; empty if it is none.
        kind: what programs call it; "model" or "reference" if empty.
        marks: raised behind the label.
        cam: the map that it is scored on; None if no single one is.
        metric: of the quantity that its cells show, where their columns do not say it; see `Quantity`.
        name: of the quantity, likewise.
    """

    label: str
    cells: tuple[Cell, ...]
    section: str = ""
    of: str = ""
    kind: str = ""
    marks: str = ""
    cam: CamMethod | None = None
    metric: str = ""
    name: str = ""


@dataclass(frozen=True)
class Column:
    """A heading, and the quantity that the cells below it show.

    Attributes:
        heading: what is shown.
        group: heading above it and its neighbours; empty if it has none.
        metric: of the quantity, where the rows do not say it; see `Quantity`.
        name: of the quantity, likewise.
        marks: raised behind the heading.
    """

    heading: str
    group: str = ""
    metric: str = ""
    name: str = ""
    marks: str = ""

    @classmethod
    def of_metric(cls, metric: str, name: str) -> "Column":
        """Returns the column of a metric's average, or of a finding."""
        return cls(column_title(name), metric=metric, name=name)


@dataclass(frozen=True)
class Footnote:
    """A sentence, and the letter that stands for it in cells or labels."""

    mark: str
    text: str


WORSE = "†"
"""Marks a value that is shown to be worse than its column's best; captions say how (`standing_caption`)."""

OUT_OF_RANGE = Footnote(
    "‡", "Its symmetric interval reaches beyond what is possible: 0 or 1, of a difference −1 or 1."
)


UNDECIDED = Footnote(
    "§",
    "No row is shown to beat the best control on this metric (paired, p < .05, Holm over rows): it does not "
    "tell these models from a map that sees no image, and a claim to be superior is not decidable by it.",
)
"""Marks a metric, in the summary by its sign and in its own table by the sentence."""


TableKind = Literal[
    "summary",
    "metric",
    "thresholds",
    "trust",
    "intervals",
    "comparisons",
    "sensitivity",
    "gallery",
    "claims",
    "thesis",
    "verdicts",
    "datasets",
]


@dataclass(frozen=True)
class Subject:
    """The subject of a table: what it shows, of which metric, data set and resolution.

    Attributes:
        kind: what it shows.
        metric: of `bench.suite.metrics.METRICS`; empty where it is of several, or of none.
        dataset: as tables call it; empty where it is of several.
        resolution: side of the network's input, px; 0 where it is of several.
        number: of the thesis' table, e.g. "5.1"; empty of others.
    """

    kind: TableKind
    metric: str = ""
    dataset: str = ""
    resolution: int = 0
    number: str = ""

    @property
    def place(self) -> str:
        """Data set and resolution, as titles say them: ``Phantom, 64 px``."""
        return f"{self.dataset}, {self.resolution} px"

    @property
    def place_key(self) -> str:
        """Data set and resolution, as files' names say them: ``Phantom-64px``."""
        return f"{re.sub(r'[^A-Za-z0-9.]+', '-', self.dataset).strip('-')}-{self.resolution}px"


@dataclass(frozen=True)
class Quantity:
    """A value that records have: a metric's average, or its value for a finding.

    Attributes:
        metric: of `bench.suite.metrics.METRICS`.
        name: of the metric's column, an average or a finding.
    """

    metric: str
    name: str

    @property
    def heading(self) -> str:
        """The heading of its column."""
        return column_title(self.name)

    @property
    def is_average(self) -> bool:
        """Whether it is over findings."""
        return self.name in AVERAGES

    @property
    def decimals(self) -> int:
        """How many it is printed with at least."""
        return METRICS[self.metric].decimals


@dataclass(frozen=True)
class Table:
    """Rows of models, then rows of reference (controls, facts), under common columns.

    Attributes:
        key: names files, e.g. "point_accuracy-phantom-64px".
        subject: metric, data set and resolution.
        title: one line.
        columns: one per cell of a row.
        models: one row per model.
        references: rows that no trial stands behind.
        caption: what the numbers are, and what ±, bold and † mean.
        notes: what is missing, and what else a reader should know.
        footnotes: what marks mean.
        is_narrow: whether it is made for one column of a page that has two.
    """

    key: str
    subject: Subject
    title: str
    columns: tuple[Column, ...]
    models: tuple[Row, ...]
    references: tuple[Row, ...] = ()
    caption: str = ""
    notes: tuple[str, ...] = ()
    footnotes: tuple[Footnote, ...] = ()
    is_narrow: bool = False

    @property
    def all_footnotes(self) -> tuple[Footnote, ...]:
        """Its footnotes, and that on intervals that leave the range, if there are any."""
        cells = (cell for row in (*self.models, *self.references) for cell in row.cells)
        return (*self.footnotes, *([OUT_OF_RANGE] if any(cell.leaves_range for cell in cells) else []))

    @property
    def headings(self) -> tuple[str, ...]:
        """The headings of its columns."""
        return tuple(column.heading for column in self.columns)

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The headings above its columns, each with how many it spans; none if no column has one."""
        found = [(name, len(list(same))) for name, same in groupby(column.group for column in self.columns)]
        return found if any(name for name, _ in found) else []

    def with_notes(self, notes: Iterable[str]) -> "Table":
        """Returns the table with more notes behind its own."""
        return replace(self, notes=(*self.notes, *notes))

    def with_columns(self, chosen: slice) -> "Table":
        """Returns the table with some of its columns."""

        def cut(rows: tuple[Row, ...]) -> tuple[Row, ...]:
            return tuple(replace(row, cells=row.cells[chosen]) for row in rows)

        own = self.columns[chosen]
        return replace(self, columns=own, models=cut(self.models), references=cut(self.references))

    @staticmethod
    def quantity(row: Row, column: Column) -> Quantity | None:
        """Returns which value of records a cell shows; None where it is no single one, as a difference is."""
        metric, name = row.metric or column.metric, row.name or column.name
        return Quantity(metric, name) if metric and name else None


def by_section(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """Returns the rows that follow each other in one section, with its heading."""
    return [(section, list(own)) for section, own in groupby(rows, lambda row: row.section)]


def decimals_by_interval(half_width: float | None, at_least: int = _DECIMALS) -> int:
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


def format_number(value: float, decimals: int = _DECIMALS, *, is_signed: bool = False) -> str:
    """Returns a share as the thesis prints it, ``0.46``, ``1.00``; a difference as ``+0.12``, ``−0.03``.

    A number that rounds to 0 has no sign.
    """
    text = f"{value:{'+' if is_signed else ''}.{decimals}f}"
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "−")


def format_p(p: float) -> str:
    """Returns a p with three decimals, ``<0.001`` where they would all be 0; a dash where there is none."""
    return DASH if math.isnan(p) else "<0.001" if p < 0.0005 else f"{p:.3f}"
