"""Numbers that the thesis prints, read from its tables in `published/thesis.csv`."""

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from bench.statistics.equivalence import PublishedMean

AREA_TABLES = {"nih": "5.1", "vindr": "5.5"}
"""The table that prints average box areas of a data set."""

AREA_ROW = "Average box area"

NUM_SEEDS = 5
"""Behind each published mean that has an interval (thesis §5.3)."""

Key = tuple[str, str, str, str, str]
"""Table, section, row, resolution and column."""


@dataclass(frozen=True)
class PublishedCell:
    """A cell as it is printed.

    Attributes:
        mean: e.g. "0.62".
        half_width: of the 95% interval over five seeds, e.g. "0.01"; empty if none was published.
    """

    mean: str
    half_width: str

    @property
    def value(self) -> PublishedMean:
        """The cell as numbers."""
        return PublishedMean(float(self.mean), float(self.half_width) if self.half_width else None, NUM_SEEDS)

    @property
    def decimals(self) -> int:
        """How many are printed."""
        return len(self.mean.partition(".")[2])


def published_cell(
    table: str, row: str, column: str, *, section: str = "", resolution: int = 256
) -> PublishedCell | None:
    """Returns what the thesis prints, or None if it prints nothing there.

    Args:
        table: number of the table, e.g. "5.1".
        row: what the row is called.
        column: what the column is called.
        section: which part of the table, where it has several.
        resolution: side of the input, px.
    """
    return published_cells().get((table, section, row, str(resolution), column))


def published_mean(
    table: str, row: str, column: str, *, section: str = "", resolution: int = 256
) -> float | None:
    """Returns the mean that the thesis prints, or None if it prints none there; see `published_cell`."""
    cell = published_cell(table, row, column, section=section, resolution=resolution)
    return None if cell is None else float(cell.mean)


def published_area(dataset: str, finding: str) -> float | None:
    """Returns the average box area of the finding in the thesis, as a share of the image; None if none."""
    table = AREA_TABLES.get(dataset)
    return None if table is None else published_mean(table, AREA_ROW, finding)


def area_difference(dataset: str, finding: str, area: float | None) -> float | None:
    """Returns an average box area less the thesis'; None if one of them is missing."""
    published = published_area(dataset, finding)
    return None if area is None or published is None else area - published


def area_differs(dataset: str, finding: str, area: float | None) -> bool:
    """Returns whether an average box area, rounded to the two decimals of the thesis, differs from it."""
    published = published_area(dataset, finding)
    return area is not None and published is not None and f"{area:.2f}" != f"{published:.2f}"


@functools.cache
def published_cells() -> Mapping[Key, PublishedCell]:
    """Returns every cell that has a mean."""
    text = files("bench.reporting").joinpath("published", "thesis.csv").read_text(encoding="utf-8")
    return {
        (cell["table"], cell["section"], cell["row"], cell["resolution"], cell["column"]): PublishedCell(
            cell["mean"], cell["ci95"]
        )
        for cell in csv.DictReader(text.splitlines())
        if cell["mean"]
    }
