"""Write a suite's tables from the results folder, and print them."""

import argparse
import sys

from bench.cli import arguments as shared

EXAMPLES = """\
examples:
  bench report suites/demo.yaml
  bench report suites/nih_mini.yaml --results-dir /mnt/results --reports-dir paper/tables
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser)
    shared.add_results_dir(parser)
    shared.add_reports_dir(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Writes and prints the tables."""
    loaded = shared.load(arguments)
    loaded = loaded.narrowed(shared.select(arguments, loaded))

    from bench.reporting.build import render_report, write_report

    report = render_report(loaded, shared.open_store(arguments))
    folder = write_report(report, arguments.reports_dir)
    print(report.page)
    print(f"tables: {folder}", file=sys.stderr)
    return 0
