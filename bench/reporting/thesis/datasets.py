"""Table 2.1 of the thesis: large open data sets of chest radiographs, as printed and as they are."""

import csv
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from bench.data.checks.statistics import EVERY, expected_counts
from bench.data.sources.tables import FIXED_FINDINGS
from bench.reporting.tables.table import Cell, Column, Row, Subject, Table, Verdict
from bench.reporting.thesis.cells import Footnotes

_TITLE = "Large open data sets of chest radiographs"
_COLUMNS = ("Images", "Reports", "Labels")
_OURS = (
    "Ours: what the complete download holds, counted from its official text files; bench data check compares "
    "what is on a disk with it."
)
_PUBLISHED = "Published: as the thesis prints it. The labels of VinDr-CXR are by hand, not from reports."
_VERDICTS = "Difference: ours − published; ≈ reproduced: equal; ↑ higher; ↓ lower; — missing."

_BRIEF = "Ours: what the complete download holds. ≈ equal; ↑ more, ↓ fewer than published."


@dataclass(frozen=True)
class DatasetFacts:
    """A row.

    Attributes:
        label: of the data set.
        images: as printed.
        reports: whether there are any, as printed.
        labels: how many there are, as printed.
        bench_name: what a suite calls it; empty if it has none.
    """

    label: str
    images: int
    reports: str
    labels: int
    bench_name: str

    @property
    def counted(self) -> tuple[int, int] | None:
        """Images and labels of the complete download, if bench knows it."""
        if not self.bench_name:
            return None
        images = expected_counts(self.bench_name).xs(EVERY, level="finding")["images"].sum()
        return int(images), len(FIXED_FINDINGS[self.bench_name])


@cache
def dataset_facts() -> tuple[DatasetFacts, ...]:
    """Returns the rows in the thesis' order."""
    text = files("bench.reporting").joinpath("published", "datasets.csv").read_text(encoding="utf-8")
    return tuple(
        DatasetFacts(row["row"], int(row["images"]), row["reports"], int(row["labels"]), row["bench_name"])
        for row in csv.DictReader(text.splitlines())
    )


def ours() -> Table:
    """Returns the table with what bench knows of complete downloads."""
    footnotes = Footnotes()
    rows = tuple(Row(facts.label, _ours(facts, footnotes), kind="ours") for facts in dataset_facts())
    return _table("ours", "Table 2.1 of the thesis", rows, _OURS, footnotes)


def beside() -> Table:
    """Returns the table with three lines a row: ours, published, and the difference."""
    footnotes = Footnotes()
    rows = []
    for facts in dataset_facts():
        rows += [
            Row(facts.label, _ours(facts, footnotes), kind="ours"),
            Row("published", _published(facts), of=facts.label, kind="published"),
            Row("difference", _differences(facts), of=facts.label, kind="difference"),
        ]
    caption = f"{_OURS} {_PUBLISHED} {_VERDICTS}"
    return _table("beside", "Table 2.1 of the thesis, ours beside published", tuple(rows), caption, footnotes)


def compact() -> Table:
    """Returns images and labels, ours and published side by side."""
    footnotes = Footnotes()
    rows = []
    for facts in dataset_facts():
        ours, published, verdicts = _ours(facts, footnotes), _published(facts), _differences(facts)
        cells = [
            cell for i in (0, 2) for cell in (replace(ours[i], verdict=verdicts[i].verdict), published[i])
        ]
        rows.append(Row(facts.label, tuple(cells)))
    table = _table("compact", "Table 2.1 of the thesis", tuple(rows), _BRIEF, footnotes)
    columns = tuple(Column(whose, _COLUMNS[i]) for i in (0, 2) for whose in ("ours", "published"))
    return replace(table, columns=columns, is_narrow=True)


def _table(form: str, name: str, rows: tuple[Row, ...], caption: str, footnotes: Footnotes) -> Table:
    return Table(
        key=f"table-2-1-{form}",
        subject=Subject("datasets", number="2.1"),
        title=f"{name}. {_TITLE}",
        columns=tuple(map(Column, _COLUMNS)),
        models=rows,
        references=(),
        caption=caption,
        notes=(),
        footnotes=footnotes.all,
    )


def _ours(facts: DatasetFacts, footnotes: Footnotes) -> tuple[Cell, Cell, Cell]:
    counted = facts.counted
    if counted is None:
        hole = Cell(None, marks=footnotes.mark("Not a data set that a suite of bench can name."))
        return hole, hole, hole
    uncounted = Cell(None, marks=footnotes.mark("Nothing that bench counts."))
    return _count(counted[0]), uncounted, _count(counted[1])


def _published(facts: DatasetFacts) -> tuple[Cell, Cell, Cell]:
    return _count(facts.images), Cell(None, text=facts.reports), _count(facts.labels)


def _differences(facts: DatasetFacts) -> tuple[Cell, Cell, Cell]:
    missing = Cell(None, verdict="missing")
    if facts.counted is None:
        return missing, missing, missing
    images, labels = facts.counted
    return _difference(images - facts.images), missing, _difference(labels - facts.labels)


def _count(value: int) -> Cell:
    return Cell(value, text=f"{value:,}")


def _difference(value: int) -> Cell:
    verdict: Verdict = "higher" if value > 0 else "lower" if value < 0 else "reproduced"
    text = f"{value:+,}".replace("-", "−") if value else "0"
    return Cell(value, text=text, verdict=verdict)
