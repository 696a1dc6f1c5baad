"""Count images, patients, findings and boxes, from text files alone."""

import argparse

from bench.cli import arguments as shared

EXAMPLES = """\
examples:
  bench data stats phantom
  bench data stats nih --data-root ~/nih --set split=patient -o nih.png
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subverb's own arguments."""
    parser.add_argument("--json", action="store_true", help="print JSON, with counts of what occurs together")
    parser.add_argument(
        "-o", "--output", type=shared.path, metavar="FILE", help="draw a figure as well: .png, .pdf or .svg"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints the statistics, and draws them if asked to."""
    import sys

    from bench.cli.statistics_listing import to_json, to_text
    from bench.data.checks.statistics import describe
    from bench.data.loading import read_source

    if arguments.output is not None:
        from bench.reporting.figures.files import check_figure_path

        check_figure_path(arguments.output)
    spec, context = shared.dataset_of(arguments)
    statistics = describe(read_source(spec, context))
    width = shared.terminal_width()
    print(to_json(spec.name, statistics) if arguments.json else to_text(spec.name, statistics, width))
    if arguments.output is not None:
        from bench.reporting.figures.data_set import draw_statistics
        from bench.reporting.figures.files import save

        save(draw_statistics(spec.name, statistics), arguments.output)
        print(f"figure: {arguments.output}", file=sys.stderr)
    return 0
