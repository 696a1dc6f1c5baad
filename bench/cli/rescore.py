"""Score the stored maps of a suite's trials by another protocol, without data, model or GPU.

Printed is, for each model, accuracy by the chosen protocol beside that by the thesis' own and the paired
difference, each a mean over seeds with the half-width of its 95% Student-t interval: by peaks (point) and by
overlap (iobb), averaged over units (weighted) and over findings (macro). Without a choice both protocols are
the same. docs/protocol.md says what each choice does.

Where a trial lacks its table of single choices (sensitivity.json), it is computed too; nothing else is
written.

--json: {"suite", "protocol", "rows", "notes"}, each row with dataset, resolution, model, metric, trials
(ids), expected (trials that the suite asks for), and default, chosen and difference, each with mean,
half_width (null of a single seed) and n.
"""

import argparse
import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bench.cli import arguments as shared
from bench.errors import listing, nearest

if TYPE_CHECKING:
    from bench.metrics.protocol import LocalizationProtocol

EXAMPLES = """\
examples:
  bench rescore suites/nih_256.yaml --iobb 0.1 --tolerance 15
  bench rescore suites/nih_mini.yaml --grid native --edges exclusive --json
"""

_LARGEST_GRID_PX = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser)
    shared.add_results_dir(parser)
    choices = parser.add_argument_group("choices, each by default as in the thesis")
    choices.add_argument(
        "--sigmoid",
        type=_one_of("before", "after"),
        default="before",
        metavar="before|after",
        help="enlargement (default: before)",
    )
    choices.add_argument("--align-corners", action="store_true", help="when enlarging (default: not)")
    choices.add_argument(
        "--ties",
        type=_one_of("first", "last", "mean", "any", "fraction"),
        default="first",
        metavar="first|last|mean|any|fraction",
        help="which of the pixels that share a maximum is the peak (default: first)",
    )
    choices.add_argument(
        "--tolerance",
        type=_tolerance,
        default=0.0,
        metavar="PX",
        help="from a box, in px of the image's own frame, e.g. 15 (default: 0)",
    )
    choices.add_argument(
        "--grid",
        type=_grid,
        default="input",
        metavar="input|native|N",
        help="what maps are enlarged to: the network's input, the image's own frame, or N × N px "
        "(default: input)",
    )
    choices.add_argument(
        "--edges",
        type=_one_of("inclusive", "exclusive"),
        default="inclusive",
        metavar="inclusive|exclusive",
        help="whether right and bottom edges are in a box (default: inclusive)",
    )
    choices.add_argument(
        "--boxes",
        type=_one_of("untruncated", "truncated"),
        default="untruncated",
        metavar="untruncated|truncated",
        help="to integers (default: untruncated)",
    )
    choices.add_argument(
        "--threshold",
        type=_share,
        default=0.5,
        metavar="SHARE",
        help="of overlap: share of a map's maximum above which a pixel is predicted (default: 0.5)",
    )
    choices.add_argument(
        "--iobb",
        type=_share,
        default=0.5,
        metavar="T",
        help="of overlap: what IoBB of a hit exceeds, T(IoBB) of the literature, e.g. 0.1 (default: 0.5)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Scores and prints."""
    loaded = shared.load(arguments)
    grid = shared.select(arguments, loaded)
    store = shared.open_store(arguments)

    from bench.api.rescoring import rescore_grid
    from bench.cli.rescoring import to_json, to_text
    from bench.results.frame import Results

    protocol = _protocol(arguments)
    rescored = rescore_grid(grid, Results(grid, store), protocol, _show)
    write = to_json if arguments.json else to_text
    print(write(loaded.suite.name, protocol, rescored))
    return 0


def _protocol(arguments: argparse.Namespace) -> "LocalizationProtocol":
    from bench.metrics.protocol import LocalizationProtocol

    return LocalizationProtocol(
        sigmoid=arguments.sigmoid,
        align_corners=arguments.align_corners,
        ties=arguments.ties,
        tolerance_px=arguments.tolerance,
        grid=arguments.grid,
        edges=arguments.edges,
        boxes=arguments.boxes,
        threshold=arguments.threshold,
        iobb=arguments.iobb,
    )


def _one_of(*allowed: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in allowed:
            raise argparse.ArgumentTypeError(
                f"{text!r}: give one of {listing(allowed)}{nearest(text, allowed)}"
            )
        return text

    return check


def _tolerance(text: str) -> float:
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number of px, 0 or more")
    return value


def _share(text: str) -> float:
    value = _number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a share, at least 0 and below 1")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _grid(text: str) -> Any:
    if text in ("input", "native"):
        return text
    if text.isdecimal() and 1 <= int(text) <= _LARGEST_GRID_PX:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"{text!r}: give input, native, or a whole number of px from 1 to {_LARGEST_GRID_PX}"
    )


def _show(what: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else "\r"
        print(f"{what}: unit {done}/{total}", end=end, file=sys.stderr, flush=True)
