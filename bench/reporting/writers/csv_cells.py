"""Writes a table's cells as CSV, in full precision, with the trials behind each.

Text is as it is, so that programs read what was written: `bench show` finds a row by its label. A spreadsheet
takes a label that begins with = for a formula; labels are from suites, which say what is run anyway.
"""

import csv
import io
from collections.abc import Callable, Mapping
from typing import NamedTuple

from bench.reporting.tables.table import Cell, Column, Row, Table


class _Line(NamedTuple):
    """A cell with what it stands in."""

    table: Table
    kind: str
    row: Row
    column: Column
    cell: Cell


def _metric(line: _Line) -> str:
    quantity = line.table.quantity(line.row, line.column)
    return line.table.subject.metric if quantity is None else quantity.metric


def _average_or_finding(line: _Line) -> str:
    quantity = line.table.quantity(line.row, line.column)
    return "" if quantity is None else quantity.name


COLUMNS: Mapping[str, Callable[[_Line], object]] = {
    "table": lambda line: line.table.key,
    "row": lambda line: line.row.of or line.row.label,
    "kind": lambda line: line.row.kind or line.kind,
    "column": lambda line: line.column.heading,
    "mean": lambda line: line.cell.mean,
    "half_width_95": lambda line: line.cell.half_width,
    "n": lambda line: line.cell.n,
    "expected": lambda line: line.cell.expected,
    "best": lambda line: int(line.cell.is_best),
    "trial_ids": lambda line: " ".join(line.cell.trial_ids),
    "section": lambda line: line.row.section,
    "group": lambda line: line.column.group,
    "low_95": lambda line: line.cell.low,
    "high_95": lambda line: line.cell.high,
    "printed": lambda line: line.cell.text,
    "underlined": lambda line: int(line.cell.is_underlined),
    "verdict": lambda line: line.cell.verdict,
    "marks": lambda line: line.row.marks + line.column.marks + line.cell.raised,
    "p_to_best": lambda line: line.cell.p_to_best,
    "what": lambda line: line.table.subject.kind,
    "metric": _metric,
    "average_or_finding": _average_or_finding,
    "dataset": lambda line: line.table.subject.dataset,
    "resolution": lambda line: line.table.subject.resolution or None,
    "cam": lambda line: line.row.cam,
}
"""The value of each column of the file."""


def to_csv(table: Table) -> str:
    """Returns one line per cell; trial ids are separated by spaces, holes are empty.

    The row of a detail is the row that it is of, and its kind tells what of it. A cell shows the average or
    finding of the metric, as records have it for the map; one without shows no single value of records.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")  # a number by its repr, None as nothing
    writer.writerow(COLUMNS)
    for kind, rows in (("model", table.models), ("reference", table.references)):
        for row in rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                line = _Line(table, kind, row, column, cell)
                writer.writerow([value(line) for value in COLUMNS.values()])
    return buffer.getvalue()
