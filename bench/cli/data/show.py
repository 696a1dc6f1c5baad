"""Draw a contact sheet: images with findings and boxes, or as training sees them."""

import argparse
from collections.abc import Callable

from bench.cli import arguments as shared
from bench.cli.render import note
from bench.errors import DataError

EXAMPLES = """\
examples:
  bench data show nih --data-root ~/nih --part test -o boxes.png
  bench data show phantom --augmented --num 25 -o augmented.png
"""

_LEAST_PX = 64
"""As in a suite's resolutions."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subverb's own arguments."""
    parser.add_argument(
        "-o", "--output", type=shared.path, required=True, metavar="FILE", help="figure: .png, .pdf or .svg"
    )
    parser.add_argument(
        "--augmented",
        action="store_true",
        help="training images as the first epoch of a trial of this seed and size sees them",
    )
    parser.add_argument(
        "--part", choices=("train", "val", "test"), default="train", help="part of the split (default: train)"
    )
    for option, least, default, metavar, text in (
        ("--num", 1, 16, "N", "number of images"),
        ("--seed", 0, 0, "N", "which images, and how augmented"),
        ("--size", _LEAST_PX, 256, "PX", "side of each image"),
    ):
        parser.add_argument(
            option,
            type=_at_least(least),
            default=default,
            metavar=metavar,
            help=f"{text} (default: {default})",
        )


def execute(arguments: argparse.Namespace) -> int:
    """Draws the sheet."""
    from bench.reporting.figures.files import check_figure_path

    if arguments.augmented and arguments.part != "train":
        raise DataError(f"--augmented shows training images; leave out --part {arguments.part}")
    check_figure_path(arguments.output)
    spec, context = shared.dataset_of(arguments)

    from bench.api.drawing import draw_sheet

    draw_sheet(
        spec,
        context,
        arguments.output,
        part=arguments.part,
        num=arguments.num,
        seed=arguments.seed,
        size_px=arguments.size,
        is_augmented=arguments.augmented,
    )
    note(f"figure: {arguments.output}")
    return 0


def _at_least(minimum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < minimum:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {minimum}")
        return int(text)

    return parse
