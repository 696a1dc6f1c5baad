"""Write a suite's tables from the results folder, or draw its figures.

The tables are printed too. Beside them lies table.lock.json: the digests of the files and of everything that
they were computed from. --check computes the report again, in memory, and exits with 1 if a byte differs from
the files in the folder; a report of a selection is checked with the same selection.

--figures draws figures for papers and slides into the report's folder, in place of the tables: the forest
plot of intervals (forest-…) and the accuracy by finding (findings-…), each as PDF of one column (3.4 in) and
of two (…-wide.pdf, 7 in), without title, since a paper has captions; and as PNG with title. It also draws all
validation losses (learning_curves.png).

--gallery draws the same test radiographs for every model, with heatmap, boxes, peak and outcome, likewise in
place of the tables: gallery.html, to which the report's page links, and PNG files. It needs the data set and
the stored maps of finished trials, no model or GPU. It shows typical images of each finding, and the worst
misses of the best model; captions state the rules.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

from bench.cli import arguments as shared
from bench.cli.render import note, show
from bench.errors import SuiteError

EXIT_DIFFERS = 1

EXAMPLES = """\
examples:
  bench report nih_mini --results-dir /mnt/results --reports-dir paper/tables --check
  bench report nih_256 --figures --only model=pylon,model=baseline --reports-dir paper/figures
  bench report nih_mini --gallery --data-root ~/nih --count 3
  bench report --all      every suite that has results, and the thesis' tables beside the published ones
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser, is_optional=True)
    shared.add_all(
        parser, "report every suite in the folder of suites that has results, and the thesis' tables"
    )
    shared.add_results_dir(parser)
    shared.add_reports_dir(parser)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; say how the existing report differs"
    )
    parser.add_argument("--figures", action="store_true", help="draw figures for papers, in place of tables")
    gallery = parser.add_argument_group("gallery")
    gallery.add_argument("--gallery", action="store_true", help="draw heatmaps, in place of tables")
    gallery.add_argument(
        "--count", type=_count, metavar="N", help="typical images of each finding (default: 1)"
    )
    shared.add_data_dirs(gallery)


def execute(arguments: argparse.Namespace) -> int:
    """Writes the tables and prints those of one suite, or draws; or checks, 1 if a file differs."""
    if arguments.count is not None and not arguments.gallery:
        raise SuiteError("bench report: --count needs --gallery")
    if arguments.figures or arguments.gallery:
        return _draw(arguments)
    if arguments.all:
        return _report_all(arguments)
    _require_suite(arguments)
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
    note(*written.problems, *written.stale_gallery(folder))
    print(written.page)
    note(f"tables: {folder}")
    return 0


def _require_suite(arguments: argparse.Namespace) -> None:
    if arguments.suite is None:
        raise SuiteError("bench report: give a suite, e.g. demo, or --all")


def _draw(arguments: argparse.Namespace) -> int:
    """Draws figures, a gallery or both, and prints the names of the files."""
    for name in ("all", "check"):
        if getattr(arguments, name):
            raise SuiteError(f"bench report --{name}: draws nothing; leave out --figures and --gallery")
    _require_suite(arguments)
    loaded, grid, store = shared.opened(arguments)
    files: list[Path] = []
    if arguments.figures:
        from bench.api.reports import draw_for_paper

        files += draw_for_paper(loaded.narrowed(grid), store, arguments.reports_dir)
    if arguments.gallery:
        from bench.api.drawing import draw_suite

        data = shared.data_context(arguments, loaded.grid.files)
        files += draw_suite(loaded, grid, store, data, arguments.reports_dir, arguments.count or 1)
    print(*files, sep="\n")
    if arguments.gallery:
        shared.note_differences(grid.points, store)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from bench.reporting.build import render_report
    from bench.reporting.check import check_report

    loaded, grid, store = shared.opened(arguments)
    report = render_report(loaded.narrowed(grid), store)
    note(*report.problems)
    differences = check_report(report, arguments.reports_dir, loaded.source)
    return _show_differences(differences, arguments.reports_dir / report.name)


def _report_all(arguments: argparse.Namespace) -> int:
    shared.refuse_with_all(arguments, "bench report")

    from bench.reporting.all_reports import check_all, write_all
    from bench.suite.find import every_suite

    store, suites = shared.open_store(arguments), every_suite(arguments.suites_dir)
    if arguments.check:
        return _show_differences(check_all(suites, store, arguments.reports_dir), arguments.reports_dir)
    for line in write_all(suites, store, arguments.reports_dir):
        show(line)
    return 0


def _show_differences(differences: Iterable[str], folder: Path) -> int:
    """Prints the differences as they come; 1 if there is one."""
    code = 0
    for sentence in differences:
        show(sentence)
        code = EXIT_DIFFERS
    if code == 0:
        show(f"{folder}: every byte agrees with the results")
    return code


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 100")
    return int(text)
