"""Write a suite's tables from the results folder, and print them; or those of all suites and the thesis.

Beside the tables lies table.lock.json: the digests of the files and of all that they were computed from.
--check computes the report again, in memory, and exits with 1 if a byte differs from what lies in the folder.
A report of a selection is checked with the same selection.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from bench.cli import arguments as shared
from bench.errors import SuiteError

EXIT_DIFFERS = 1

EXAMPLES = """\
examples:
  bench report suites/nih_mini.yaml --results-dir /mnt/results --reports-dir paper/tables --check
  bench report --all      every suite that has results, and the thesis' tables beside the published ones
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser, is_optional=True)
    shared.add_all(
        parser, "of every suite in the folder of suites that has results, and the thesis' nine tables"
    )
    shared.add_results_dir(parser)
    shared.add_reports_dir(parser)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; say what differs from the report that is there"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Writes the tables and prints those of one suite, of all a summary; or checks, 1 if one differs."""
    if arguments.all:
        return _report_all(arguments)
    if arguments.suite is None:
        raise SuiteError("bench report: give a suite, e.g. suites/demo.yaml, or --all")
    if arguments.check:
        return _check(arguments)

    from bench import api

    written = api.report(
        shared.load(arguments),
        only=arguments.only,
        seeds=arguments.seeds,
        results_dir=arguments.results_dir,
        reports_dir=arguments.reports_dir,
    )
    folder = arguments.reports_dir / written.name
    for problem in (*written.problems, *written.stale_gallery(folder)):
        print(problem, file=sys.stderr)
    print(written.page)
    print(f"tables: {folder}", file=sys.stderr)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from bench.reporting.build import render_report
    from bench.reporting.check import check_report

    loaded = shared.load(arguments)
    report = render_report(loaded.narrowed(shared.select(arguments, loaded)), shared.open_store(arguments))
    for problem in report.problems:
        print(problem, file=sys.stderr)
    differences = check_report(report, arguments.reports_dir, loaded.source)
    return _tell(differences, arguments.reports_dir / report.name)


def _report_all(arguments: argparse.Namespace) -> int:
    shared.refuse_with_all(arguments, "bench report")

    from bench.reporting.all_reports import check_all, write_all
    from bench.suite.load import suite_files

    store, suites = shared.open_store(arguments), suite_files(arguments.suites_dir)
    if arguments.check:
        return _tell(check_all(suites, store, arguments.reports_dir), arguments.reports_dir)
    for line in write_all(suites, store, arguments.reports_dir):
        print(line, flush=True)
    return 0


def _tell(differences: Iterable[str], folder: Path) -> int:
    """Prints the differences as they come; 1 if there is one."""
    code = 0
    for sentence in differences:
        print(sentence, flush=True)
        code = EXIT_DIFFERS
    if code == 0:
        print(f"{folder}: every byte is what the results say")
    return code
