"""A table of the thesis in its full forms: ours alone, and ours beside published."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench.reporting.tables.standing import Standing
from bench.reporting.tables.table import Cell, Column, Footnote, Row, Table
from bench.reporting.thesis import captions
from bench.reporting.thesis.cells import (
    EMPTY,
    Footnotes,
    compared,
    difference_cell,
    margin_mark,
    measured_cell,
    published_cell,
    underlined,
)
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


REPORTED = Footnote("§", "Reported by its authors, not measured here.")


def ours(table: ThesisTable, measurements: Measurements) -> Table:
    """Returns the table with our numbers, and the reported ones of rows that nobody here measures.

    Raises:
        SuiteError: a suite is there and is not usable.
        ResultsError: a record or a table of boxes cannot be read.
    """
    footnotes = Footnotes()
    rows = []
    for axis in table.rows:
        if _is_reported(axis):
            rows.append(_reported_row(table, axis, footnotes))
        else:
            cells = _our_cells(table, axis, measurements, footnotes)
            rows.append(_row(axis, cells, "ours"))
    sentences = (
        table.caption,
        captions.INTERVAL,
        captions.best(table, measurements),
        captions.variance(table),
        captions.area(table, is_compared=False),
    )
    title = f"Table {table.number} of the thesis. {table.title}"
    return _assembled(table, "ours", title, rows, footnotes, sentences)


def beside(table: ThesisTable, measurements: Measurements) -> Table:
    """Returns the table with three lines a row: ours, published, and the difference with its verdict.

    Raises:
        SuiteError: a suite is there and is not usable.
        ResultsError: a record or a table of boxes cannot be read.
    """
    footnotes = Footnotes()
    rows = []
    for axis in table.rows:
        if _is_reported(axis):
            rows.append(_reported_row(table, axis, footnotes))
            continue
        slots = [table.slot(axis, column) for column in table.columns]
        published = tuple(_with_variance(table, published_cell(slot, footnotes)) for slot in slots)
        differences = tuple(difference_cell(slot, measurements.of(slot), footnotes) for slot in slots)
        rows += [
            _row(axis, _our_cells(table, axis, measurements, footnotes), "ours"),
            _row(axis, published, "published"),
            _row(axis, differences, "difference"),
        ]
    sentences = (
        table.caption,
        captions.INTERVAL,
        captions.PUBLISHED,
        captions.verdicts(table, measurements),
        captions.best(table, measurements),
        captions.variance(table),
        captions.area(table, is_compared=True),
    )
    title = f"Table {table.number} of the thesis, ours beside published. {table.title}"
    return _assembled(table, "beside", title, rows, footnotes, sentences)


def _assembled(
    table: ThesisTable,
    form: str,
    title: str,
    rows: Sequence[Row],
    footnotes: Footnotes,
    sentences: Sequence[str],
) -> Table:
    marks = (REPORTED,) if any(REPORTED.mark in row.marks for row in rows) else ()
    return Table(
        key=f"{table.key}-{form}",
        subject=table.subject,
        title=title,
        columns=tuple(Column(axis.label, axis.group, axis.metric, axis.name) for axis in table.columns),
        models=tuple(rows),
        references=(),
        caption=captions.joined(*sentences),
        notes=(),
        footnotes=(*marks, *footnotes.all),
    )


def _is_reported(axis: Axis) -> bool:
    return axis.source is not None and axis.source.kind == "reported"


def _reported_row(table: ThesisTable, axis: Axis, footnotes: Footnotes) -> Row:
    cells = tuple(published_cell(table.slot(axis, column), footnotes) for column in table.columns)
    return replace(_row(axis, cells, "ours"), kind="published", marks=REPORTED.mark)


def _row(axis: Axis, cells: tuple[Cell, ...], kind: Literal["ours", "published", "difference"]) -> Row:
    """Returns a line of a row; one that is not ours is a detail of that."""
    is_ours = kind == "ours"
    return Row(
        axis.label if is_ours else kind,
        cells,
        axis.group,
        of="" if is_ours else axis.label,
        kind=kind,
        cam=axis.cam if is_ours else None,
        metric=axis.metric,
        name=axis.name,
    )


def _our_cells(
    table: ThesisTable, row: Axis, measurements: Measurements, footnotes: Footnotes
) -> tuple[Cell, ...]:
    cells = []
    for column in table.columns:
        slot = table.slot(row, column)
        cell = measured_cell(slot, measurements.of(slot), footnotes)
        if cell.n:
            place = _standing(table, row, column, measurements)
            cell = replace(cell, is_best=place.is_best, p_to_best=place.p_to_best)
        cells.append(_with_variance(table, cell))
    return tuple(cells)


def _standing(table: ThesisTable, row: Axis, column: Axis, measurements: Measurements) -> Standing:
    """Returns the place of a cell among those of its quantity and the models it is compared with."""
    if row.quantity is None:
        others = [axis for axis in table.rows if table.best_within == "table" or axis.group == row.group]
        slots = [(axis.group + axis.label, table.slot(axis, column)) for axis in others]
        own = row.group + row.label
    else:
        slots = [(axis.group + axis.label, table.slot(row, axis)) for axis in table.columns]
        own = column.group + column.label
    rivals = {name: other for name, other in slots if other.source.kind == "model"}
    return measurements.standings(rivals).get(own, Standing())


def _with_variance(table: ThesisTable, cell: Cell) -> Cell:
    return underlined(cell) if table.has_variance else cell
