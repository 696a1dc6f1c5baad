"""Draw a contact sheet: images with findings and boxes, or as training would see them."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.cli import arguments as shared

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bench.data.sources.source import DataSource
    from bench.reporting.figures.data_set import Tile

EXAMPLES = """\
examples:
  bench data show nih --data-root ~/nih --part test -o boxes.png
  bench data show phantom --augmented --num 25 -o augmented.png
"""

MIN_SIDE_PX = 64
"""As in a suite's resolutions."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subverb's own arguments."""
    parser.add_argument(
        "-o",
        "--output",
        type=shared.path,
        required=True,
        metavar="FILE",
        help="where it is drawn: .png, .pdf or .svg",
    )
    parser.add_argument(
        "--augmented",
        action="store_true",
        help="training images as the first epoch of a trial of this seed and size would see them",
    )
    parser.add_argument(
        "--part", choices=("train", "val", "test"), default="train", help="of the split (default: train)"
    )
    parser.add_argument(
        "--num", type=_at_least(1), default=16, metavar="N", help="number of images (default: 16)"
    )
    parser.add_argument(
        "--seed",
        type=_at_least(0),
        default=0,
        metavar="N",
        help="which images, and how augmented (default: 0)",
    )
    parser.add_argument(
        "--size", type=_at_least(MIN_SIDE_PX), default=256, metavar="PX", help="side of each (default: 256)"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Draws the sheet."""
    import sys

    from bench.errors import DataError
    from bench.reporting.figures.files import check_figure_path, save

    if arguments.augmented and arguments.part != "train":
        raise DataError(f"--augmented shows training images; leave out --part {arguments.part}")
    check_figure_path(arguments.output)
    spec, context = shared.dataset_of(arguments)

    from bench.data.augment import augmented_images
    from bench.data.loading import read_source
    from bench.data.sources.source import choose_images, raw_images
    from bench.reporting.figures.data_set import draw_contact_sheet
    from bench.suite.schema import Augmentation

    source, part, size_px, seed = read_source(spec, context), arguments.part, arguments.size, arguments.seed
    positions = choose_images(source, part, arguments.num, seed)
    if arguments.augmented:
        pixels = augmented_images(source, positions, size_px, spec.oversize, Augmentation(), seed)
        tiles = _tiles(source, part, positions, pixels)
    else:
        tiles = _boxed_tiles(source, part, positions, raw_images(source, part, positions, size_px))
    manner = "as training sees them in epoch 1" if arguments.augmented else "as they are"
    title = (
        f"{spec.name} · {part} · {len(tiles)} of {len(source.parts[part]):,} images {manner} · seed {seed}"
    )
    save(draw_contact_sheet(title, tiles, source.findings), arguments.output)
    print(f"figure: {arguments.output}", file=sys.stderr)
    return 0


def _tiles(
    source: "DataSource",
    part: str,
    positions: "npt.NDArray[np.int64]",
    pixels: "npt.NDArray[np.uint8] | npt.NDArray[np.float32]",
) -> "list[Tile]":
    """Returns a tile for each image without its boxes."""
    from bench.reporting.figures.data_set import Tile

    names = [source.parts[part][i] for i in positions]
    labels = source.labels.loc[names, list(source.findings)].to_numpy()
    present = [tuple(int(i) for i in row.nonzero()[0]) for row in labels]
    return [Tile(*values) for values in zip(pixels, names, present, strict=True)]


def _boxed_tiles(
    source: "DataSource", part: str, positions: "npt.NDArray[np.int64]", pixels: "npt.NDArray[np.uint8]"
) -> "list[Tile]":
    from dataclasses import replace

    from bench.data.sources.source import place_boxes
    from bench.metrics.regions import COLUMNS
    from bench.reporting.figures.data_set import LabelledBox

    tiles = _tiles(source, part, positions, pixels)
    table = place_boxes(source, [tile.name for tile in tiles], pixels.shape[-1])
    boxes: list[list[LabelledBox]] = [[] for _ in tiles]
    for i, finding_index, *place in table[list(COLUMNS)].to_numpy():
        boxes[int(i)].append(LabelledBox(int(finding_index), *place))
    return [replace(tile, boxes=tuple(own)) for tile, own in zip(tiles, boxes, strict=True)]


def _at_least(minimum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < minimum:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {minimum}")
        return int(text)

    return parse
