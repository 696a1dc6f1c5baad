"""Write a suite's tables from the results folder, and print them; or those of all suites and the thesis."""

import argparse
import sys
from pathlib import Path

from bench.cli import arguments as shared
from bench.errors import SuiteError

EXAMPLES = """\
examples:
  bench report suites/demo.yaml
  bench report suites/nih_mini.yaml --results-dir /mnt/results --reports-dir paper/tables
  bench report --all      every suite that has results, and the thesis' tables beside the published ones
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser, is_optional=True)
    parser.add_argument(
        "--all",
        action="store_true",
        help="of every suite in the folder of suites that has results, and the thesis' nine tables",
    )
    parser.add_argument(
        "--suites-dir",
        type=Path,
        default=Path("suites"),
        metavar="DIR",
        help="where --all finds suites (default: suites)",
    )
    shared.add_results_dir(parser)
    shared.add_reports_dir(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Writes the tables; prints those of one suite, of all a summary."""
    if arguments.all:
        return _report_all(arguments)
    if arguments.suite is None:
        raise SuiteError("bench report: give a suite, e.g. suites/demo.yaml, or --all")
    loaded = shared.load(arguments)
    loaded = loaded.narrowed(shared.select(arguments, loaded))

    from bench.reporting.build import render_report, write_report

    report = render_report(loaded, shared.open_store(arguments))
    folder = write_report(report, arguments.reports_dir)
    print(report.page)
    print(f"tables: {folder}", file=sys.stderr)
    return 0


def _report_all(arguments: argparse.Namespace) -> int:
    given = [name for name in ("suite", "only", "seeds", "overrides") if getattr(arguments, name)]
    if given:
        word = {"suite": "a suite", "overrides": "--set"}.get(given[0], f"--{given[0]}")
        raise SuiteError(f"bench report --all: is of whole suites, all of them; leave out {word}")

    from bench.reporting.all_reports import suite_files, write_all

    store = shared.open_store(arguments)
    for line in write_all(suite_files(arguments.suites_dir), store, arguments.reports_dir):
        print(line, flush=True)
    return 0
