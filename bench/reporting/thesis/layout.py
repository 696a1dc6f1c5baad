"""The structure of the thesis' tables: a row and a column together say which value a cell shows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.reporting.published import PublishedCell, published_cell
from bench.reporting.tables.table import Quantity, Subject
from bench.suite.cam import NATIVE, CamMethod
from bench.suite.metrics import AVERAGES

Kind = Literal["model", "area", "reported"]
"""Trained and scored by a suite; a fact of the boxes; known from other papers only."""


@dataclass(frozen=True)
class PrintedQuantity(Quantity):
    """A value of records, and the name of its column in the published numbers: its heading if empty."""

    published: str = ""


@dataclass(frozen=True)
class RowSource:
    """Where a row's numbers come from, ours and the published ones.

    Attributes:
        label: in our tables.
        published: the row's name in the published numbers.
        section: its part of the published table.
        suites: the suite that has the trials, by resolution; of areas, the trials whose boxes are measured.
        model: what that suite calls the row; `label` if empty.
        kind: see `Kind`.
    """

    label: str
    published: str
    section: str = ""
    suites: Mapping[int, str] = field(default_factory=dict)
    model: str = ""
    kind: Kind = "model"

    @property
    def suite_row(self) -> str:
        """The label of the row in its suite."""
        return self.model or self.label


@dataclass(frozen=True)
class Slot:
    """The value that a cell shows: whose (`source`), which one, and at which side of the input (px)."""

    table: str
    source: RowSource
    quantity: PrintedQuantity
    resolution: int

    @property
    def suite(self) -> str | None:
        """The name of the suite that has its trials; None if no suite has any."""
        return self.source.suites.get(self.resolution)

    @property
    def is_empty(self) -> bool:
        """Whether there cannot be a value: no average box area is taken over findings."""
        return self.source.kind == "area" and self.quantity.is_average

    @property
    def published(self) -> PublishedCell | None:
        """The cell as the thesis prints it."""
        return published_cell(
            self.table,
            self.source.published,
            self.quantity.published or self.quantity.heading,
            section=self.source.section,
            resolution=self.resolution,
        )


@dataclass(frozen=True)
class Axis:
    """A row or a column: its heading, and what it says of its cells; the other axis says the rest.

    Attributes:
        label: heading.
        group: heading above it and its neighbours; empty if it has none.
        source: whose values, if this axis says that.
        quantity: which values, if this axis says that.
        resolution: side of the input, px, if this axis says that.
    """

    label: str
    group: str = ""
    source: RowSource | None = None
    quantity: PrintedQuantity | None = None
    resolution: int | None = None

    @property
    def metric(self) -> str:
        """The metric of its quantity; empty if it has none."""
        return self.quantity.metric if self.quantity is not None else ""

    @property
    def name(self) -> str:
        """The average or finding of its quantity; empty if it has none."""
        return self.quantity.name if self.quantity is not None else ""

    @property
    def cam(self) -> CamMethod | None:
        """The map that its values are on; None for values that no model has."""
        return NATIVE if self.source is None or self.source.kind == "model" else None

    @property
    def is_reported(self) -> bool:
        """Whether its values are known from other papers only."""
        return self.source is not None and self.source.kind == "reported"


@dataclass(frozen=True)
class ThesisTable:
    """A table of the thesis.

    Attributes:
        number: e.g. "5.1".
        what: begins its title.
        dataset: continues it.
        caption: what the numbers are.
        rows: in the thesis' order.
        columns: in the thesis' order.
        compact: names of the quantities that the compact form shows.
        best_within: among which cells of a quantity the best is bold: all of the table's or a section's.
        has_variance: whether values of high variance are underlined.
    """

    number: str
    what: str
    dataset: str
    caption: str
    rows: tuple[Axis, ...]
    columns: tuple[Axis, ...]
    compact: tuple[str, ...] = tuple(AVERAGES)
    best_within: Literal["table", "section"] = "table"
    has_variance: bool = False

    @property
    def key(self) -> str:
        """The beginning of its files' names."""
        return f"table-{self.number.replace('.', '-')}"

    @property
    def subject(self) -> Subject:
        """Its subject; without metric or resolution where it has several."""
        metrics = {slot.quantity.metric for slot in self.slots()}
        resolutions = {slot.resolution for slot in self.slots()}
        metric = metrics.pop() if len(metrics) == 1 else ""
        resolution = resolutions.pop() if len(resolutions) == 1 else 0
        return Subject("thesis", metric, self.dataset, resolution, self.number)

    @property
    def title(self) -> str:
        """One line."""
        resolution = self.subject.resolution
        return ", ".join([self.what, self.dataset, *([f"{resolution} px"] if resolution else [])])

    def slot(self, row: Axis, column: Axis) -> Slot:
        """Returns what the cell at `row` and `column` shows."""
        source, quantity = row.source or column.source, row.quantity or column.quantity
        resolution = row.resolution or column.resolution
        assert source is not None
        assert quantity is not None
        assert resolution is not None
        return Slot(self.number, source, quantity, resolution)

    def slots(self) -> Iterator[Slot]:
        """Yields every cell, row by row."""
        for row in self.rows:
            for column in self.columns:
                yield self.slot(row, column)
