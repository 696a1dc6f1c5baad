"""The report of all nine tables: three forms, four formats, a page, and LaTeX that compiles alone."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import get_args

from bench.reporting.build import Report, table_files
from bench.reporting.lock import LOCK, render_lock
from bench.reporting.tables.exposure import exposed_trials, with_exposures
from bench.reporting.tables.table import SYMBOLS, Cell, Column, Row, Subject, Table
from bench.reporting.thesis.cells import compared
from bench.reporting.thesis.datasets import datasets_table
from bench.reporting.thesis.forms import Form, table_in_form
from bench.reporting.thesis.measured import Measurements
from bench.reporting.thesis.tables import THESIS_TABLES
from bench.reporting.writers.html import to_html, to_page
from bench.reporting.writers.latex import to_document
from bench.reporting.writers.markdown import to_markdown
from bench.results.differences import difference_notes, points_of, require_same_data_of_all
from bench.results.store import ResultsStore

NAME = "thesis"
"""The report's folder."""

_FORMS: dict[Form, str] = {
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


def render_thesis(suites: Mapping[str, Path], store: ResultsStore) -> Report:
    """Returns the report, computed from the results folder and the suites' files alone.

    Args:
        suites: files by name, among them the thesis' suites; one that is missing leaves holes.
        store: the results folder.

    Raises:
        SuiteError: a suite is there and is not usable.
        ResultsError: a record or a table of results cannot be read, or results that stand together had
            different data.
    """
    measurements = Measurements(suites, store)
    made = {
        form: [datasets_table(form), *(table_in_form(table, form, measurements) for table in THESIS_TABLES)]
        for form in get_args(Form)
    }
    loaded = [suite.loaded for suite in measurements.suites]
    require_same_data_of_all(loaded, store)
    exposed = {key: why for suite in loaded for key, why in exposed_trials(suite.grid, store).items()}
    tables = {
        form: [with_exposures(_noted(table, store), exposed) for table in of_form]
        for form, of_form in made.items()
    }
    files = {
        f"{form}/{name}": text
        for form, of_form in tables.items()
        for table in of_form
        for name, text in (table_files(table) | {f"{table.key}.html": to_html(table)}).items()
    }
    sections = {"What was reproduced": [_summary(measurements)]}
    sections |= {heading: tables[form] for form, heading in _FORMS.items()}
    parts = [f"# {_TITLE}\n", f"{_INTRODUCTION}\n"]
    for heading, of_section in sections.items():
        parts += [f"## {heading}\n", *map(to_markdown, of_section)]
    paths = {f"{form}/{table.key}.tex": table for form, of_form in tables.items() for table in of_form}
    narrow = {path: table for path, table in paths.items() if table.is_narrow}
    files |= {
        "README.md": "\n".join(parts),
        "index.html": to_page(_TITLE, sections, _INTRODUCTION),
        "tables.tex": to_document({path: paths[path] for path in paths if path not in narrow}, _TITLE),
        "tables-compact.tex": to_document(narrow, _TITLE),
    }
    files[LOCK] = render_lock(NAME, loaded, store, files)
    return Report(NAME, tuple(chain(*sections.values())), files["README.md"], files)


def summary_lines(report: Report) -> Iterator[str]:
    """Yields for each table how many of its published cells were reproduced and so on, as text."""
    for row in report.tables[0].models:
        cells = zip(SYMBOLS, row.cells, strict=False)
        counts = (f"{cell.printed_mean} {verdict}" for verdict, cell in cells if cell.mean)
        yield f"  {row.label}: {', '.join(counts)}"


def _noted(table: Table, store: ResultsStore) -> Table:
    """Returns the table with what differs among the trials that its cells name."""
    ids = dict.fromkeys(key for row in table.models for cell in row.cells for key in cell.trial_ids)
    return table.with_notes(difference_notes(points_of(ids, store), store))


def _summary(measurements: Measurements) -> Table:
    """Counts the verdicts of each table's published cells."""
    rows = []
    for table in THESIS_TABLES:
        slots = (slot for slot in table.slots() if slot.published and slot.source.kind != "reported")
        counts = Counter(compared(slot, measurements.of(slot)).verdict for slot in slots)
        numbers = (*(counts[verdict] for verdict in SYMBOLS), counts.total())
        rows.append(Row(f"Table {table.number}", tuple(Cell(value, text=str(value)) for value in numbers)))
    return Table(
        key="verdicts",
        subject=Subject("verdicts"),
        title="Published cells by what our trials say of them",
        columns=tuple(map(Column, (*SYMBOLS, "all"))),
        models=tuple(rows),
        caption="Each cell is tested by itself, without regard to how many there are. Table 2.1 has no "
        "trials; rows that are only reported are not counted.",
    )
