"""Which value of records a cell of a written table shows."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.reporting.control_rows import GAIN
from bench.reporting.headings import heading_of
from bench.reporting.thesis.tables import THESIS_TABLES

METRICS = ("point_accuracy", "iobb_accuracy", "auroc")
"""Those of records, with which the names of their tables begin."""


@dataclass(frozen=True)
class Quantity:
    """A value of records.

    Attributes:
        metric: say, "point_accuracy".
        heading: what the value's column is called.
    """

    metric: str
    heading: str

    def name_in(self, keys: Iterable[str]) -> str | None:
        """Returns the value's name among keys such as ``point_accuracy/Mass``; None if it is not there."""
        prefix = f"{self.metric}/"
        names = (key.removeprefix(prefix) for key in keys if key.startswith(prefix))
        return next((name for name in names if heading_of(name) == self.heading), None)


def quantity_of(table: str, row: str, section: str, column: str, group: str) -> Quantity | None:
    """Returns what the cell of a table shows, or None if it is no single value of records.

    Args:
        table: the table's key, e.g. "auroc-nih-256px" or "table-5-1-ours".
        row: label.
        section: of the row; empty if it has none.
        column: heading.
        group: heading above it; empty if it has none.
    """
    metric = table.partition("-")[0]
    if metric in METRICS:
        return None if column == GAIN else Quantity(metric, column)
    thesis = next((thesis for thesis in THESIS_TABLES if table.startswith(f"{thesis.key}-")), None)
    if thesis is None:
        return None
    if column == "ours":  # of the compact form, whose sections and groups are others' groups and columns
        pairs = [
            (axis, other)
            for axis in thesis.rows
            for other in thesis.columns
            if thesis.slot(axis, other).quantity.heading == group and other.group in section
        ]
    else:
        rows = [axis for axis in thesis.rows if (axis.label, axis.group) == (row, section)]
        columns = [axis for axis in thesis.columns if (axis.label, axis.group) == (column, group)]
        pairs = [(axis, other) for axis in rows for other in columns]
    quantities = [thesis.slot(*pair).quantity for pair in pairs]
    found = {Quantity(quantity.metric, heading_of(quantity.name)) for quantity in quantities}
    return found.pop() if len(found) == 1 else None
