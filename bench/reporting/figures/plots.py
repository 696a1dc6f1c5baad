"""The figures of a report as data: its page draws them as SVG, papers and slides by matplotlib."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.reporting.tables.controls import CONSTANT
from bench.reporting.tables.table import Cell, Table
from bench.reporting.thesis.tables import THESIS_TABLES
from bench.suite.metrics import AVERAGES, PRIMARY, WEIGHTED

COLOURS = ("#0072b2", "#d55e00", "#00855f", "#b5508a", "#8a6d00", "#2f8fc4", "#5f5f5f")
"""Colours of models in their order, on white: distinct without seeing red or green."""

_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)
_MOST_STEPS = 6


@dataclass(frozen=True)
class Scale:
    """A linear scale of values from left to right: its ends, and the step between two ticks."""

    low: float
    high: float
    step: float

    def at(self, value: float) -> str:
        """Returns the place of a value, ``"12.34%"``; values beyond the ends are at the ends."""
        share = (value - self.low) / (self.high - self.low)
        return f"{100 * min(max(share, 0.0), 1.0):.2f}%"

    @property
    def middle(self) -> float:
        """The value halfway between the ends."""
        return (self.low + self.high) / 2

    @property
    def ticks(self) -> dict[float, str]:
        """The values of ticks, both ends among them, as numbers and as they are shown."""
        decimals = 2 if self.step < 0.1 else 1
        count = round((self.high - self.low) / self.step) + 1
        values = (self.low + i * self.step for i in range(count))
        return {value: f"{value:.{decimals}f}" for value in values}


def scale_of(values: Iterable[float]) -> Scale:
    """Returns the scale within [0, 1] that holds all of the values.

    Args:
        values: shares, at least one.
    """
    found = [min(max(value, 0.0), 1.0) for value in values]
    least, most = min(found), max(found)
    for step in _STEPS:
        low = min(math.floor(least / step + 1e-9), round(1 / step) - 1)
        high = max(math.ceil(most / step - 1e-9), low + 1)
        if high - low <= _MOST_STEPS:
            break
    return Scale(low * step, high * step, step)


@dataclass(frozen=True)
class ForestRow:
    """A model or a control, and how sure its weighted average is.

    Attributes:
        label: what is shown.
        narrow: the mean and its interval over seeds; of a control its value.
        wide: with the interval over seeds and patients, or over patients alone.
        published: the published mean; None if there is none.
    """

    label: str
    narrow: Cell
    wide: Cell
    published: float | None = None

    @property
    def mean(self) -> float | None:
        """The mean over seeds, or the value of a control."""
        return self.narrow.mean

    @property
    def value(self) -> str:
        """Its numbers as they are shown: the mean, and in brackets the ends of the wide interval."""
        if self.wide.printed_ends is None:
            return self.narrow.printed_mean
        return f"{self.wide.printed_mean} [{', '.join(self.wide.printed_ends)}]"

    @property
    def drawn(self) -> list[float]:
        """All values that are drawn of a model."""
        found = (self.mean, self.published, *(self.narrow.ends or ()), *(self.wide.ends or ()))
        return [value for value in found if value is not None]


@dataclass(frozen=True)
class Forest:
    """A forest plot of a table of intervals.

    Attributes:
        key: data set and resolution, as files' names say them.
        title: one line.
        scale: holds all of it.
        models: at least one.
        controls: those that have a value.
        is_over_both: whether any model's wide interval is over seeds and patients.
    """

    key: str
    title: str
    scale: Scale
    models: tuple[ForestRow, ...]
    controls: tuple[ForestRow, ...]
    is_over_both: bool

    @property
    def has_published(self) -> bool:
        """Whether any row has a published mean."""
        return any(row.published is not None for row in self.models)


def forest_of(table: Table, published: Mapping[str, float]) -> Forest | None:
    """Returns the forest plot of a table; None unless it is one of how sure the first metric is.

    Args:
        table: see `bench.reporting.tables.intervals`.
        published: means by the label of a row.
    """
    subject = table.subject
    if (subject.kind, subject.metric) != ("intervals", PRIMARY.name) or not table.models:
        return None
    models = []
    for row in table.models:
        seeds, over_patients, over_both = row.cells
        wide = over_patients if over_both.low is None else over_both
        models.append(ForestRow(row.label, seeds, wide, published.get(row.label)))
    controls = tuple(
        ForestRow(row.label, row.cells[1], row.cells[1])
        for row in table.references
        if row.cells[1].mean is not None
    )
    return Forest(
        subject.place_key,
        f"Weighted point accuracy, {subject.place}",
        scale_of(value for row in (*models, *controls) for value in row.drawn),
        tuple(models),
        controls,
        any(row.cells[2].low is not None for row in table.models),
    )


def published_means(suite: str, table: Table) -> Mapping[str, float]:
    """Returns the thesis' weighted averages of the rows of a table of intervals, by label.

    Args:
        suite: its name; only those of the thesis have any.
        table: of intervals of one metric at one resolution.
    """
    meant = (table.subject.metric, WEIGHTED, table.subject.resolution, suite)
    return {
        slot.source.suite_row: slot.published.value.mean
        for thesis in THESIS_TABLES
        for slot in thesis.slots()
        if (slot.quantity.metric, slot.quantity.name, slot.resolution, slot.suite) == meant
        and slot.published is not None
    }


@dataclass(frozen=True)
class Finding:
    """A finding, and what models and the best constant point reach.

    Attributes:
        name: what is shown.
        points: the cell of each model that has a value, by the model's number.
        constant: None if it is not known.
    """

    name: str
    points: Mapping[int, Cell]
    constant: float | None


@dataclass(frozen=True)
class FindingPlot:
    """Each finding's accuracy by every model.

    Attributes:
        key: data set and resolution, as files' names say them.
        title: one line.
        models: labels, at least one.
        findings: at least one.
    """

    key: str
    title: str
    models: tuple[str, ...]
    findings: tuple[Finding, ...]

    scale = Scale(0.0, 1.0, 0.2)
    """All shares."""


def finding_plot_of(table: Table) -> FindingPlot | None:
    """Returns the figure by finding; None unless the table is of the first metric and has findings."""
    columns = [i for i, column in enumerate(table.columns) if column.name and column.name not in AVERAGES]
    is_meant = (table.subject.kind, table.subject.metric) == ("metric", PRIMARY.name)
    if not is_meant or not table.models or not columns:
        return None
    constant = next((row.cells for row in table.references if row.label == CONSTANT), None)
    findings = []
    for i in columns:
        points = {number: row.cells[i] for number, row in enumerate(table.models)}
        known = {number: cell for number, cell in points.items() if cell.mean is not None}
        findings.append(Finding(table.headings[i], known, None if constant is None else constant[i].mean))
    return FindingPlot(
        table.subject.place_key,
        f"Point accuracy by finding, {table.subject.place}",
        tuple(row.label for row in table.models),
        tuple(findings),
    )
