"""Compare two rows of a suite, or a row and a reference run, image by image.

By a metric of hits each unit, a finding of an image that has a box, is hit by both, by one of them, or by
neither. Differences are first − second of the weighted average. Rows of a suite are paired by seed; a
reference is held against each seed of the other side. --csv writes every unit, to look at its image.
"""

import argparse
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.errors import listing
from bench.suite.metrics import METRICS, PRIMARY

if TYPE_CHECKING:
    from bench.reporting.pairwise import Comparison
    from bench.results.store import ResultsStore
    from bench.suite.grid import Point

EXAMPLES = """\
examples:
  bench compare suites/demo.yaml PYLON Baseline
  bench compare suites/nih_256.yaml PYLON authors_pylon_nih256 --csv units.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser)
    for name in ("first", "second"):
        parser.add_argument(
            name, metavar=name.upper(), help="a row of the suite, or a reference of `bench reference list`"
        )
    parser.add_argument(
        "--metric",
        default=PRIMARY.name,
        metavar="NAME",
        help=f"what is compared: {listing(METRICS)} (default: {PRIMARY.name})",
    )
    shared.add_results_dir(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--csv", type=shared.path, metavar="FILE", help="write a row for each seed and unit")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the comparison, and writes its units if that is asked for."""
    import shutil
    import sys

    from bench.cli.comparison_listing import to_csv, to_json, to_text
    from bench.cli.list_ import MIN_WIDTH
    from bench.results.atomic import write_text

    store = shared.open_store(arguments)
    comparison, points = _compare(arguments, store)
    if arguments.json:
        print(to_json(comparison))
    else:
        print(to_text(comparison, max(shutil.get_terminal_size().columns, MIN_WIDTH)))
    shared.tell_differences(points, store)
    if arguments.csv is not None:
        write_text(arguments.csv, to_csv(comparison))
        print(f"units: {arguments.csv}", file=sys.stderr)
    return 0


def _compare(arguments: argparse.Namespace, store: "ResultsStore") -> "tuple[Comparison, tuple[Point, ...]]":
    """Returns the comparison, and the points of both sides that are rows of the suite."""
    from bench.errors import SuiteError, nearest
    from bench.reporting.pairwise import compare, find_side, require_one_table
    from bench.results.differences import require_same_data
    from bench.results.frame import Results

    metric = METRICS.get(arguments.metric)
    if metric is None:
        hint = nearest(arguments.metric, METRICS)
        raise SuiteError(f"--metric {arguments.metric!r}: there are {listing(METRICS)}{hint}")
    grid = shared.select(arguments, shared.load(arguments))
    require_one_table(grid)
    results = Results(grid, store)
    first, second = (find_side(name, grid, results, metric) for name in (arguments.first, arguments.second))
    is_same = (first.label, first.is_reference) == (second.label, second.is_reference)
    if is_same and (not first.is_reference or arguments.first == arguments.second):
        raise SuiteError(f"{first.label!r} cannot be compared with itself")
    rows = {side.label for side in (first, second) if not side.is_reference}
    points = tuple(point for point in grid.points if point.row in rows)
    require_same_data(points, store, grid.accepted)
    return compare(first, second, metric), points
