"""What a run writes for people when its trials have ended: report, curves, galleries."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError, account

if TYPE_CHECKING:
    from bench.cli.gallery_drawing import ImageReader
    from bench.reporting.build import Report
    from bench.results.record import Record
    from bench.results.store import ResultsStore, TrialFolder
    from bench.suite.load import LoadedSuite


def write_run_report(
    loaded: "LoadedSuite", store: "ResultsStore", images: "ImageReader", reports_dir: Path
) -> str:
    """Writes the suite's figures, then its report, the lock last; returns the report's page."""
    from bench.cli.gallery_drawing import draw_galleries
    from bench.reporting.build import render_report, write_report
    from bench.results.namesakes import take_folder

    report, title = render_report(loaded, store), loaded.suite.title or loaded.suite.name
    folder = reports_dir / report.name
    take_folder(folder, report.name, loaded.source)
    with _optional():
        draw_figures(loaded, store, report, reports_dir)
    with _optional():
        draw_galleries(title, loaded.grid, store, images, folder)
    write_report(report, reports_dir)
    return report.page


def draw_figures(
    loaded: "LoadedSuite",
    store: "ResultsStore",
    report: "Report",
    reports_dir: Path,
    *,
    for_paper: bool = False,
) -> list[Path]:
    """Writes the figures that need no images into the report's folder; returns the files.

    Args:
        loaded: the suite.
        store: where its results are.
        report: of the suite.
        reports_dir: has a folder for it.
        for_paper: PDFs too.

    Raises:
        ResultsError: results are damaged, or a file cannot be written.
    """
    from bench.reporting.report_figures import write_figures
    from bench.reporting.suite_curves_figure import write_suite_curves

    folder, title = reports_dir / report.name, loaded.suite.title or loaded.suite.name
    curves = write_suite_curves(title, loaded.grid, store, folder)
    return [
        *([] if curves is None else [curves]),
        *write_figures(report.name, report.tables, folder, for_paper=for_paper),
    ]


def draw_trial(record: "Record", folder: "TrialFolder", store: "ResultsStore", images: "ImageReader") -> None:
    """Draws the learning curve of a trial that has ended, and samples of its heatmaps, into its folder."""
    from bench.cli.gallery_drawing import draw_samples_of
    from bench.reporting.learning_curve_figure import write_learning_curve

    with _optional():
        write_learning_curve(record, folder)
    with _optional():
        draw_samples_of(record, store, images)


@contextmanager
def _optional() -> Iterator[None]:
    """Turns a figure that cannot be drawn into a warning: no result is lost."""
    try:
        yield
    except (BenchError, OSError) as error:
        logging.getLogger(__name__).warning("a figure is missing: %s", account(error))
