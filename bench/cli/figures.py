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
    from bench.api.reports import draw_for_paper

    loaded, store = shared.load(arguments), shared.open_store(arguments)
    files = draw_for_paper(loaded.narrowed(shared.select(arguments, loaded)), store, arguments.reports_dir)
    for path in files:
        print(path)
    return 0
