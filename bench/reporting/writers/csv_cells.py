"""Writes a table's cells as CSV, in full precision, with the trials behind each.

Text is as it is, so that programs read what was written: `bench show` finds a row by its label. A spreadsheet
takes a label that begins with = for a formula; labels are from suites, which say what is run anyway.
"""

import csv
import io

from bench.reporting.tables.table import Cell, Column, Row, Table

COLUMNS = (
    "table",
    "row",
    "kind",
    "column",
    "mean",
    "half_width_95",
    "n",
    "expected",
    "best",
    "trial_ids",
    "section",
    "group",
    "low_95",
    "high_95",
    "printed",
    "underlined",
    "verdict",
    "marks",
    "p_to_best",
    "what",
    "metric",
    "average_or_finding",
    "dataset",
    "resolution",
    "cam",
)


def to_csv(table: Table) -> str:
    """Returns one line per cell; trial ids are separated by spaces, holes are empty.

    The row of a detail is the row that it is of, and its kind tells what of it. A cell shows the average or
    finding of the metric, as records have it for the map; one without shows no single value of records.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for kind, rows in (("model", table.models), ("reference", table.references)):
        for row in rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                writer.writerow(
                    [*_cell(table.key, row, row.kind or kind, column, cell), *_of(table, row, column)]
                )
    return buffer.getvalue()


def _of(table: Table, row: Row, column: Column) -> list[str | int]:
    subject, quantity = table.subject, table.quantity(row, column)
    metric, name = (quantity.metric, quantity.name) if quantity is not None else (subject.metric, "")
    return [subject.kind, metric, name, subject.dataset, subject.resolution or "", row.cam or ""]


def _cell(table: str, row: Row, kind: str, column: Column, cell: Cell) -> list[str | int]:
    mean, half_width, low, high = (
        "" if value is None else repr(value) for value in (cell.mean, cell.half_width, cell.low, cell.high)
    )
    counted: list[str | int] = [cell.n, cell.expected, int(cell.is_best), " ".join(cell.trial_ids)]
    shown: list[str | int] = [cell.text or "", int(cell.is_underlined), cell.verdict or ""]
    p_to_best = "" if cell.p_to_best is None else repr(cell.p_to_best)
    named = [table, row.of or row.label, kind, column.heading, mean, half_width]
    return [
        *named,
        *counted,
        row.section,
        column.group,
        low,
        high,
        *shown,
        row.marks + cell.raised,
        p_to_best,
    ]
