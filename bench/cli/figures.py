"""Draw the figures of a suite's report as files for papers and slides, from the results folder alone.

Into the report's folder: the forest plot of intervals (forest-…) and the accuracy by finding (findings-…),
each as PDF of one column (3.4 in) and of both (…-wide.pdf, 7 in), without title, since a paper has captions;
and as PNG with title, as the end of `bench run` draws them. And learning_curves.png, all validation losses.
Rows are those of the tables.
"""

import argparse

from bench.cli import arguments as shared

EXAMPLES = """\
examples:
  bench figures suites/demo.yaml
  bench figures suites/nih_256.yaml --only model=pylon,model=baseline --reports-dir paper/figures
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser)
    shared.add_results_dir(parser)
    shared.add_reports_dir(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Draws, and prints the files."""
    from bench.errors import ResultsError

    loaded = shared.load(arguments)
    loaded = loaded.narrowed(shared.select(arguments, loaded))

    from bench.cli.run_report import draw_figures
    from bench.reporting.build import render_report
    from bench.results.namesakes import take_folder

    store = shared.open_store(arguments)
    report = render_report(loaded, store)
    folder = shared.report_folder(arguments.reports_dir, loaded)
    files = draw_figures(loaded, store, report, arguments.reports_dir, for_paper=True)
    if not files:
        raise ResultsError(
            f"{loaded.suite.name}: no trial in {store.root} has been trained yet, so there is nothing to "
            "draw; `bench run` trains them"
        )
    take_folder(folder, loaded.suite.name, loaded.source)
    for path in files:
        print(path)
    return 0
