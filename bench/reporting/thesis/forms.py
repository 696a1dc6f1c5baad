"""A table of the thesis in its full forms: ours alone, and ours beside published."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from bench.reporting.standing import Standing
from bench.reporting.table import Cell, Column, Footnote, Row, Table
from bench.reporting.thesis import captions
from bench.reporting.thesis.cells import (
    Footnotes,
    difference_cell,
    measured_cell,
    published_cell,
    underlined,
)
from bench.reporting.thesis.layout import Axis, ThesisTable
from bench.reporting.thesis.measured import Measurements

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
