"""Draw a suite's gallery: the same test radiographs for every model, with heatmap, boxes, peak and outcome.

From finished trials' stored maps (maps.npz), without model or GPU; the data set has to be there. Written into
the report's folder: gallery.html, a page that needs nothing but itself, and PNG files of the same; a report
that is there has it in its index.html too. Shown are typical units of each finding, and the worst misses of
the best model; captions state the rules.
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
    from bench.errors import ResultsError

    loaded = shared.load(arguments)
    grid = shared.select(arguments, loaded)

    from bench.cli.gallery_drawing import ImageReader, digests_now, draw_galleries
    from bench.data.dataset import DataContext
    from bench.execution.live import Display
    from bench.reporting.build import PAGE
    from bench.reporting.gallery_place import place_gallery
    from bench.reporting.gallery_trials import gallery_sources
    from bench.results.differences import require_same_data
    from bench.results.frame import Results
    from bench.results.namesakes import take_folder

    store, suite = shared.open_store(arguments), loaded.suite
    context = DataContext(
        shared.data_root(arguments),
        shared.cache_dir(arguments),
        dict(grid.files),
        on_progress=Display(store).preparing,
    )
    require_same_data(grid.points, store, grid.accepted)  # before images are read to know
    require_same_data(grid.points, store, grid.accepted, digests_now(grid, store, context))
    images = ImageReader(context)
    folder = shared.report_folder(arguments.reports_dir, loaded)
    files = draw_galleries(suite.title or suite.name, grid, store, images, folder, arguments.count)
    if not files:
        raise ResultsError(
            f"{suite.name}: no finished trial in {store.root} has heatmaps of units with boxes (maps.npz), "
            "so there is nothing to draw; `bench run` makes them"
        )
    if place_gallery(folder / PAGE, gallery_sources(Results(loaded.grid, store))):
        files.insert(0, folder / PAGE)
    take_folder(folder, suite.name, loaded.source)
    for path in files:
        print(path)
    shared.tell_differences(grid.points, store)
    return 0


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 100")
    return int(text)
