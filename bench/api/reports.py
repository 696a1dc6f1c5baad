"""Writes a suite's report and the figures beside it, without images or models."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.api.suites import Seeds, SuiteLike, as_loaded, as_path, open_store, report_folder, select
from bench.errors import ResultsError
from bench.reporting.build import Report, render_report, write_report
from bench.reporting.figures.curves import write_suite_curves
from bench.reporting.figures.paper import write_figures
from bench.results.invocation import Invocations, take_folder
from bench.results.store import ResultsStore
from bench.suite.find import suite_word
from bench.suite.load import LoadedSuite


def report(
    suite: SuiteLike,
    *,
    only: str | Sequence[str] = (),
    seeds: Seeds = None,
    results_dir: str | Path = "results",
    reports_dir: str | Path = "reports",
) -> Report:
    """Writes a suite's tables below ``reports_dir/<suite>``, computed from the results folder; returns them.

    Args:
        suite: a file, or a loaded suite.
        only: conditions such as ``model=pylon``, for a report of a selection.
        seeds: only these, e.g. ``"0-2"`` or ``range(3)``.
        results_dir: where trials are.
        reports_dir: where tables are written, in a folder of the suite's name.

    Returns:
        The report: ``tables``; ``page``, all of them as Markdown; ``problems``, a sentence for each file of
        results that could not be read.

    Raises:
        SuiteError: the suite or the selection is not usable.
        ResultsError: results cannot be read or stand together although their data differed, or the folder
            belongs to another suite of the same name.
        OSError: the folder cannot be written.
    """
    loaded = as_loaded(suite)
    loaded = loaded.narrowed(select(loaded, only, seeds))
    folder = as_path(reports_dir)
    rendered = render_report(loaded, open_store(results_dir))
    take_folder(folder / rendered.name, rendered.name, loaded.source)
    write_report(rendered, folder)
    return rendered


def draw_for_paper(loaded: LoadedSuite, store: ResultsStore, reports_dir: Path) -> list[Path]:
    """Writes the figures that need no images, PDFs too, into the report's folder; returns the files.

    Raises:
        ResultsError: nothing has been trained, results are damaged, or a file cannot be written.
    """
    rendered, folder = render_report(loaded, store), report_folder(reports_dir, loaded)
    files = draw_figures(loaded, store, rendered, reports_dir, for_paper=True)
    if not files:
        raise ResultsError(
            f"no trial in {store.root} has been trained yet, so there is nothing to draw; `bench run` trains "
            "them",
            place=loaded.suite.name,
        )
    take_folder(folder, loaded.suite.name, loaded.source)
    return files


def draw_figures(
    loaded: LoadedSuite, store: ResultsStore, drawn: Report, reports_dir: Path, *, for_paper: bool = False
) -> list[Path]:
    """Writes the figures that need no images into the folder of the report `drawn`; returns the files.

    `for_paper` writes PDFs too.

    Raises:
        ResultsError: results are damaged, or a file cannot be written.
    """
    folder, title = reports_dir / drawn.name, loaded.suite.title or loaded.suite.name
    curves = write_suite_curves(title, loaded.grid, store, folder)
    return [
        *([] if curves is None else [curves]),
        *write_figures(drawn.name, drawn.tables, folder, for_paper=for_paper),
    ]


def record_copied(loaded: LoadedSuite, store: ResultsStore) -> None:
    """Records a run of the suite if it has trials with results that none of its runs has asked for."""
    invocations = Invocations(store)
    known = {trial.id for one in invocations.of(loaded.suite.name) for trial in one.trials}
    if known.issuperset(trial.id for trial in loaded.grid.trials if store.folder(trial.id).record.exists()):
        return
    with TemporaryDirectory() as reports:
        rendered = render_report(loaded, store)
        draw_figures(loaded, store, rendered, Path(reports))
        folder = write_report(rendered, Path(reports))
        invocation = invocations.begin(loaded, ("mlflow-sync", suite_word(loaded.source)))
        invocations.end(invocation, report=folder)
