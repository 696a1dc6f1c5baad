"""Table 2.1 of the thesis: large open data sets of chest radiographs, as printed and as they are."""

import csv
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files

from bench.data.checks.statistics import EVERY, expected_counts
from bench.data.sources.tables import fixed_findings
from bench.reporting.tables.table import Cell, Column, Reproduction, Row, Subject, Table
from bench.reporting.thesis.cells import Footnotes
from bench.reporting.thesis.forms import Form

_COLUMNS = ("Images", "Reports", "Labels")
_COUNTED = (0, 2)
"""Columns that bench counts."""

_OURS = (
    "Ours: what the complete download holds, counted from its official text files; bench data check compares "
    "what is on a disk with it."
)
_CAPTIONS: dict[Form, str] = {
    "ours": _OURS,
    "beside": f"{_OURS} Published: as the thesis prints it. The labels of VinDr-CXR are by hand, not from "
    "reports. Difference: ours − published; ≈ reproduced: equal; ↑ higher; ↓ lower; — missing.",
    "compact": "Ours: what the complete download holds. ≈ equal; ↑ more, ↓ fewer than published.",
}


def datasets_table(form: Form) -> Table:
    """Returns the table: ours alone, ours beside published with the difference, or counts side by side."""
    footnotes = Footnotes()
    text = files("bench.reporting").joinpath("published", "datasets.csv").read_text(encoding="utf-8")
    rows = []
    for printed in csv.DictReader(text.splitlines()):
        label = printed["row"]
        ours, published, difference = _lines(printed, footnotes)
        if form == "compact":
            cells = [(replace(ours[i], verdict=difference[i].verdict), published[i]) for i in _COUNTED]
            rows.append(Row(label, (*cells[0], *cells[1])))
            continue
        rows.append(Row(label, ours, kind="ours"))
        if form == "beside":
            rows.append(Row("published", published, of=label, kind="published"))
            rows.append(Row("difference", difference, of=label, kind="difference"))
    columns = tuple(map(Column, _COLUMNS))
    if form == "compact":
        columns = tuple(Column(whose, _COLUMNS[i]) for i in _COUNTED for whose in ("ours", "published"))
    is_beside = ", ours beside published" if form == "beside" else ""
    return Table(
        key=f"table-2-1-{form}",
        subject=Subject("datasets", number="2.1"),
        title=f"Table 2.1 of the thesis{is_beside}. Large open data sets of chest radiographs",
        columns=columns,
        models=tuple(rows),
        caption=_CAPTIONS[form],
        footnotes=footnotes.all,
        is_narrow=form == "compact",
    )


def _lines(
    printed: Mapping[str, str], footnotes: Footnotes
) -> tuple[tuple[Cell, ...], tuple[Cell, ...], tuple[Cell, ...]]:
    """Returns the cells of a data set: ours, published, and the difference."""
    published = [int(printed["images"]), int(printed["labels"])]
    theirs = (_count(published[0]), Cell(None, text=printed["reports"]), _count(published[1]))
    missing, name = Cell(None, verdict="missing"), printed["bench_name"]
    if not name:
        hole = Cell(None, marks=footnotes.mark("Not a data set that a suite of bench can name."))
        return (hole,) * 3, theirs, (missing,) * 3
    uncounted = Cell(None, marks=footnotes.mark("Nothing that bench counts."))
    images = int(expected_counts(name).xs(EVERY, level="finding")["images"].sum())
    labels = len(fixed_findings(name) or ())
    differences = _difference(images - published[0]), missing, _difference(labels - published[1])
    return (_count(images), uncounted, _count(labels)), theirs, differences


def _count(value: int) -> Cell:
    return Cell(value, text=f"{value:,}")


def _difference(value: int) -> Cell:
    verdict: Reproduction = "higher" if value > 0 else "lower" if value < 0 else "reproduced"
    text = f"{value:+,}".replace("-", "−") if value else "0"
    return Cell(value, text=text, verdict=verdict)
