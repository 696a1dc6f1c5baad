"""The report of all nine tables: three forms, four formats, a page, and LaTeX that compiles alone."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.reporting.build import Report, table_files
from bench.reporting.lock import LOCK, render_lock
from bench.reporting.tables.differences import noted_by_cells
from bench.reporting.tables.table import Cell, Column, Row, Subject, Table, Verdict
from bench.reporting.thesis import datasets
from bench.reporting.thesis.cells import compared
from bench.reporting.thesis.forms import beside, compact, ours
from bench.reporting.thesis.layout import ThesisTable
from bench.reporting.thesis.measured import Measurements
from bench.reporting.thesis.tables import THESIS_TABLES
from bench.reporting.writers.html import to_html, to_page
from bench.reporting.writers.latex import to_document
from bench.reporting.writers.markdown import to_markdown
from bench.results.differences import require_same_data_of_all
from bench.results.store import ResultsStore

NAME = "thesis"
"""The report's folder."""

FORMS = {
    "ours": "Our trials, in the thesis' rows and columns",
    "beside": "Ours beside published, with the difference and what it says",
    "compact": "Averages only, for one column of a paper",
}

_TITLE = "The tables of the thesis"
_INTRODUCTION = (
    "Tables 2.1, 5.1 to 5.6, 6.1 and 6.2 of K. Preechakul, Redesigning weakly supervised localization "
    "architectures for medical images (Chulalongkorn University, academic year 2020), from whatever trials "
    "exist. Each is here in three forms, and as Markdown, LaTeX, HTML and CSV."
)
_VERDICTS: tuple[Verdict, ...] = ("reproduced", "higher", "lower", "inconclusive", "missing")


def render_thesis(suites_dir: Path, store: ResultsStore) -> Report:
    """Returns the report, computed from the results folder and the suites' files alone.

    Args:
        suites_dir: where the thesis' suites are; one that is missing leaves holes.
        store: the results folder.

    Raises:
        SuiteError: a suite is there and is not usable.
        ResultsError: a record or a table of results cannot be read, or results that stand together had
            different data.
    """
    measurements = Measurements(suites_dir, store)
    tables: dict[str, list[Table]] = {
        "ours": [datasets.ours(), *(ours(table, measurements) for table in THESIS_TABLES)],
        "beside": [datasets.beside(), *(beside(table, measurements) for table in THESIS_TABLES)],
        "compact": [datasets.compact(), *(compact(table, measurements) for table in THESIS_TABLES)],
    }
    require_same_data_of_all(measurements.suites, store)
    tables = {form: [noted_by_cells(table, store) for table in made] for form, made in tables.items()}
    summary = _summary(measurements)
    files = {
        f"{form}/{name}": text
        for form, of_form in tables.items()
        for table in of_form
        for name, text in (table_files(table) | {f"{table.key}.html": to_html(table)}).items()
    }
    sections = {"What was reproduced": [summary]} | {FORMS[form]: tables[form] for form in FORMS}
    page = _page(sections)
    files |= {
        "README.md": page,
        "index.html": to_page(_TITLE, sections, _INTRODUCTION),
        "tables.tex": to_document(_by_file(tables, ("ours", "beside")), _TITLE),
        "tables-compact.tex": to_document(_by_file(tables, ("compact",)), _TITLE),
    }
    files[LOCK] = render_lock(NAME, measurements.suites, store, files)
    return Report(NAME, (summary, *(table for form in FORMS for table in tables[form])), page, files)


def summary_lines(report: Report) -> Iterator[str]:
    """Yields for each table how many of its published cells were reproduced and so on, as text."""
    summary = report.tables[0]
    for row in summary.models:
        cells = zip(_VERDICTS, row.cells, strict=False)
        counts = (f"{cell.printed_mean} {verdict}" for verdict, cell in cells if cell.mean)
        yield f"  {row.label}: {', '.join(counts)}"


def _by_file(tables: Mapping[str, Sequence[Table]], forms: Sequence[str]) -> dict[str, Table]:
    return {f"{form}/{table.key}.tex": table for form in forms for table in tables[form]}


def _page(sections: dict[str, list[Table]]) -> str:
    parts = [f"# {_TITLE}\n", f"{_INTRODUCTION}\n"]
    for heading, tables in sections.items():
        parts += [f"## {heading}\n", *map(to_markdown, tables)]
    return "\n".join(parts)


def _summary(measurements: Measurements) -> Table:
    """Counts the verdicts of each table's published cells."""
    return Table(
        key="verdicts",
        subject=Subject("verdicts"),
        title="Published cells by what our trials say of them",
        columns=tuple(map(Column, (*_VERDICTS, "all"))),
        models=tuple(
            Row(f"Table {table.number}", tuple(_counts(_verdicts_of(table, measurements))))
            for table in THESIS_TABLES
        ),
        references=(),
        caption="Each cell is tested by itself, without regard to how many there are. Table 2.1 has no "
        "trials; rows that are only reported are not counted.",
        notes=(),
    )


def _verdicts_of(table: ThesisTable, measurements: Measurements) -> Iterable[Verdict]:
    for slot in table.slots():
        if slot.published is not None and slot.source.kind != "reported":
            yield compared(slot, measurements.of(slot)).verdict


def _counts(verdicts: Iterable[Verdict]) -> Iterable[Cell]:
    counts = Counter(verdicts)
    return (Cell(value, text=str(value)) for value in (*(counts[v] for v in _VERDICTS), counts.total()))
