"""Numbers that the thesis prints, read from its tables in `published/thesis.csv`."""

import csv
import functools
from importlib.resources import files

AREA_TABLES = {"nih": "5.1", "vindr": "5.5"}
"""The table that prints average box areas of a data set."""

AREA_ROW = "Average box area"


def published_mean(
    table: str, row: str, column: str, *, section: str = "", resolution: int = 256
) -> float | None:
    """Returns the mean that the thesis prints, or None if it prints none there.

    Args:
        table: number of the table, e.g. "5.1".
        row: what the row is called.
        column: what the column is called.
        section: which part of the table, where it has several.
        resolution: side of the input, px.
    """
    return _means().get((table, section, row, str(resolution), column))


def published_area(dataset: str, finding: str) -> float | None:
    """Returns the average box area of the finding in the thesis, as a share of the image; None if none."""
    table = AREA_TABLES.get(dataset)
    return None if table is None else published_mean(table, AREA_ROW, finding)


@functools.cache
def _means() -> dict[tuple[str, ...], float]:
    text = files("bench.reporting").joinpath("published", "thesis.csv").read_text(encoding="utf-8")
    return {
        tuple(cell[key] for key in ("table", "section", "row", "resolution", "column")): float(cell["mean"])
        for cell in csv.DictReader(text.splitlines())
        if cell["mean"]
    }
