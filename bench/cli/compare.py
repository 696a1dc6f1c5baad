"""Compare two rows of a suite, or a row and a reference run, image by image.

By a metric of hits each unit, a finding of an image that has a box, is hit by both, by one of them, or by
neither. Differences are first − second of the weighted average. Rows of a suite are paired by seed; a
reference is held against each seed of the other side. --csv writes every unit, to look at its image.
"""

import argparse

from bench.cli import arguments as shared
from bench.errors import listing
from bench.suite.metrics import METRICS, PRIMARY

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
    import sys

    from bench import api
    from bench.api.reading import compared_points
    from bench.cli.comparison_listing import to_csv, to_json, to_text
    from bench.results.files import write_text

    loaded = shared.load(arguments)
    comparison = api.compare(
        loaded,
        arguments.first,
        arguments.second,
        arguments.metric,
        only=arguments.only,
        seeds=arguments.seeds,
        results_dir=arguments.results_dir,
    )
    if arguments.json:
        print(to_json(comparison))
    else:
        print(to_text(comparison, shared.terminal_width()))
    points = compared_points(shared.select(arguments, loaded), comparison.first, comparison.second)
    shared.tell_differences(points, shared.open_store(arguments))
    if arguments.csv is not None:
        write_text(arguments.csv, to_csv(comparison))
        print(f"units: {arguments.csv}", file=sys.stderr)
    return 0
