"""Draw a suite's gallery: the same test radiographs for every model, with heatmap, boxes, peak and outcome.

From finished trials' stored maps (maps.npz), without model or GPU; the data set has to be there. Written into
the report's folder: gallery.html, which the report's page links to, and PNG files of the same. Shown are
typical units of each finding, and the worst misses of the best model; captions state the rules.
"""

import argparse

from bench.cli import arguments as shared

EXAMPLES = """\
examples:
  bench gallery suites/demo.yaml
  bench gallery suites/nih_mini.yaml --data-root ~/nih --count 3 --only model=pylon,model=baseline
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser)
    shared.add_results_dir(parser)
    shared.add_reports_dir(parser)
    shared.add_data_dirs(parser)
    parser.add_argument(
        "--count", type=_count, default=1, metavar="N", help="typical units of each finding (default: 1)"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Draws, and prints the files."""
    from bench.api.drawing import draw_suite

    loaded, store = shared.load(arguments), shared.open_store(arguments)
    grid, data = shared.select(arguments, loaded), shared.data_context(arguments, loaded.grid.files)
    files = draw_suite(loaded, grid, store, data, arguments.reports_dir, arguments.count)
    for path in files:
        print(path)
    shared.tell_differences(grid.points, store)
    return 0


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 100")
    return int(text)
