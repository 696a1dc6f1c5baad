"""Writes a table's cells as CSV, in full precision, with the trials behind each."""

import csv
import io

from bench.reporting.table import Table

COLUMNS = ("table", "row", "kind", "column", "mean", "half_width_95", "n", "expected", "best", "trial_ids")


def to_csv(table: Table) -> str:
    """Returns one line per cell; trial ids are separated by spaces, holes are empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for kind, rows in (("model", table.models), ("reference", table.references)):
        for row in rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                numbers = ["" if value is None else repr(value) for value in (cell.mean, cell.half_width)]
                ids = " ".join(cell.trial_ids)
                counts = [cell.n, cell.expected, int(cell.is_best)]
                writer.writerow([table.key, row.label, kind, column, *numbers, *counts, ids])
    return buffer.getvalue()
