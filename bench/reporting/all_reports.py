"""Writes all reports: of each suite that has results, and of the thesis' tables."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.errors import ResultsError
from bench.reporting.build import render_report, write_report
from bench.reporting.check import check_report
from bench.reporting.thesis.report import render_thesis, summary_lines
from bench.reporting.thesis.tables import THESIS_TABLES
from bench.results.differences import require_same_data
from bench.results.invocation import other_suite, take_folder
from bench.results.store import ResultsStore
from bench.suite.find import shipped_suites, suites_in
from bench.suite.load import LoadedSuite, load_suite


def write_all(suites: Mapping[str, Path], store: ResultsStore, reports_dir: Path) -> Iterator[str]:
    """Writes a report of each suite that has a record, then the thesis' tables; yields what was written.

    The tables are written where the suites are the thesis', or where its shipped suites have records.

    Args:
        suites: files by name; all are read before anything is written.
        store: the results folder.
        reports_dir: gets a folder for each report.

    Raises:
        SuiteError: a suite is not usable.
        ResultsError: a table of results cannot be read, or a report of another suite is in the way.
        OSError: the folder cannot be written.
    """
    loaded, without = _load(suites, store), []
    for suite in loaded:
        if not _has_records(suite, store):
            without.append(suite.suite.name)
            continue
        report = render_report(suite, store)
        take_folder(reports_dir / report.name, report.name, suite.source)
        folder = write_report(report, reports_dir)
        yield f"{report.name}: {len(report.tables)} tables in {folder}"
        yield from report.problems
    if without:
        yield f"without results: {', '.join(without)}"
    of_thesis = _thesis_suites(suites, store)
    if of_thesis is None:
        return
    thesis = render_thesis(of_thesis, store)
    if (other := other_suite(reports_dir / thesis.name, thesis.name, None)) is not None:
        raise ResultsError(
            f"is the report of {other}; give that suite another name", place=reports_dir / thesis.name
        )
    folder = write_report(thesis, reports_dir)
    yield f"thesis: {len(thesis.tables) - 1} tables in {folder}"
    yield from summary_lines(thesis)


def check_all(suites: Mapping[str, Path], store: ResultsStore, reports_dir: Path) -> Iterator[str]:
    """Yields a sentence for each difference between what `write_all` would write and what is there.

    Args:
        suites: as in `write_all`.
        store: the results folder.
        reports_dir: has a folder for each report.

    Raises:
        SuiteError: a suite is not usable.
        ResultsError: a record or a table of results cannot be read.
    """
    for suite in _load(suites, store):
        if _has_records(suite, store):
            yield from check_report(render_report(suite, store), reports_dir, suite.source)
    of_thesis = _thesis_suites(suites, store)
    if of_thesis is not None:
        yield from check_report(render_thesis(of_thesis, store), reports_dir)


def _thesis_suites(suites: Mapping[str, Path], store: ResultsStore) -> Mapping[str, Path] | None:
    """Returns the files of the thesis' suites, also shipped ones; None where none is named or was run."""
    names = {slot.suite for table in THESIS_TABLES for slot in table.slots()}
    known = suites_in(shipped_suites()) | dict(suites)
    found = {name: path for name, path in known.items() if name in names}
    if not names.isdisjoint(suites) or any(_has_records(load_suite(p), store) for p in found.values()):
        return found
    return None


def _load(suites: Mapping[str, Path], store: ResultsStore) -> list[LoadedSuite]:
    """Returns the suites; raises before anything is written if one of them cannot be reported."""
    loaded = [load_suite(path) for path in suites.values()]
    for suite in loaded:
        require_same_data(suite.points, store, suite.grid.accepted)
    return loaded


def _has_records(suite: LoadedSuite, store: ResultsStore) -> bool:
    return any(store.folder(trial.id).record.exists() for trial in suite.grid.trials)
