"""A table of the thesis for one column of a page: averages only, ours and published side by side."""

from dataclasses import dataclass, replace

from bench.reporting.table import Cell, Column, Footnote, Row, Table
from bench.reporting.thesis import captions
from bench.reporting.thesis.cells import (
    EMPTY,
    Footnotes,
    compared,
    margin_mark,
    measured_cell,
    published_cell,
)
from bench.reporting.thesis.forms import REPORTED
from bench.reporting.thesis.layout import Axis, Slot, ThesisTable
from bench.reporting.thesis.measured import Measurements
from bench.suite.cam import NATIVE

_CHOSEN = (
    "The thesis prints no averages here: of the findings that every row has, those of the largest and the "
    "smallest boxes."
)


@dataclass(frozen=True)
class _Line:
    """A row: where it stands, its metric, and its cells by the name of the quantity."""

    section: str
    label: str
    metric: str
    is_reported: bool
    slots: dict[str, Slot]


def compact(table: ThesisTable, measurements: Measurements) -> Table:
    """Returns the table with a verdict behind each of our values.

    Raises:
        SuiteError: a suite is there and is not usable.
        ResultsError: a record or a table of boxes cannot be read.
    """
    footnotes = Footnotes()
    rows = []
    headings: dict[str, str] = {}
    lines = _lines(table)
    for line in lines:
        cells: list[Cell] = []
        for name in table.compact:
            slot = line.slots[name]
            headings[name] = slot.quantity.heading
            ours = EMPTY if line.is_reported else _ours(slot, measurements, footnotes)
            cells += [ours, published_cell(slot, footnotes)]
        marks = REPORTED.mark if line.is_reported else ""
        rows.append(
            Row(
                line.label,
                tuple(cells),
                line.section,
                marks=marks,
                cam=None if line.is_reported else NATIVE,
                metric=line.metric,
            )
        )
    reported: tuple[Footnote, ...] = (REPORTED,) if any(line.is_reported for line in lines) else ()
    chosen = () if all(slot.quantity.is_average for slot in lines[0].slots.values()) else (_CHOSEN,)
    return Table(
        key=f"{table.key}-compact",
        subject=table.subject,
        title=f"Table {table.number} of the thesis. {table.title}",
        columns=tuple(
            Column(whose, headings[name], name=name if whose == "ours" else "")
            for name in table.compact
            for whose in ("ours", "published")
        ),
        models=tuple(rows),
        references=(),
        caption=captions.joined(captions.brief(table, measurements), *chosen),
        notes=(),
        footnotes=(*reported, *footnotes.all),
        is_narrow=True,
    )


def _lines(table: ThesisTable) -> list[_Line]:
    """The cells to show, by the sections and labels of the models that they belong to."""
    lines: dict[tuple[str, str], _Line] = {}
    metrics = list(dict.fromkeys(slot.quantity.metric for slot in table.slots()))
    for row in table.rows:
        for column in table.columns:
            slot = table.slot(row, column)
            if slot.quantity.name not in table.compact or slot.source.kind == "area":
                continue
            model = row if row.source is not None else column
            section = _section(model, column, has_metrics=len(metrics) > 1)
            line = _Line(section, model.label, slot.quantity.metric, slot.source.kind == "reported", {})
            lines.setdefault((section, model.label), line).slots[slot.quantity.name] = slot
    order = list(dict.fromkeys(line.section for line in lines.values()))
    return sorted(lines.values(), key=lambda line: (metrics.index(line.metric), order.index(line.section)))


def _section(model: Axis, column: Axis, *, has_metrics: bool) -> str:
    if has_metrics:
        return f"{column.group}, {model.group}"
    if model is not column and column.resolution is not None and column.group:
        return column.group
    return model.group


def _ours(slot: Slot, measurements: Measurements, footnotes: Footnotes) -> Cell:
    measured = measurements.of(slot)
    cell = measured_cell(slot, measured, footnotes)
    result = compared(slot, measured)
    return replace(cell, verdict=result.verdict, marks=cell.marks + margin_mark(result, footnotes))
