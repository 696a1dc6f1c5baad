"""Score stored maps by another protocol, without data, model or GPU.

For each model the accuracy by the chosen protocol stands beside that by the thesis' own and the paired
difference, each a mean over seeds with the half-width of its 95% Student-t interval: by peaks (point) and by
overlap (iobb), averaged over units (weighted) and over findings (macro). Without a choice both protocols are
the same. docs/protocol.md explains each choice.

If a trial lacks its table of single choices (sensitivity.json), that is computed too; nothing else is
written.

--json: {"suite", "protocol", "rows", "notes"}, each row with dataset, resolution, model, metric, trials
(ids), expected (trials that the suite asks for), and default, chosen and difference, each with mean,
half_width (null of a single seed) and n.
"""

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from bench.api.choices import CHOICES, checked, words_of
from bench.cli import arguments as shared
from bench.cli.render import DASH, Column, Table, progress, show, show_json
from bench.errors import listing
from bench.metrics.protocol import THESIS, LocalizationProtocol

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bench.api.rescoring import Rescored
    from bench.statistics.student import MeanInterval

EXAMPLES = """\
examples:
  bench rescore suites/nih_256.yaml --iobb 0.1 --tolerance 15
  bench rescore suites/nih_mini.yaml --grid native --edges exclusive --json
"""

_HELP = {
    "sigmoid": ("", "apply the sigmoid before or after enlarging"),
    "align_corners": ("", "align corners when enlarging (default: not)"),
    "ties": ("", "peak among the pixels that share a maximum"),
    "tolerance_px": ("PX", "distance to a box within which a peak is a hit, px of the image's own frame"),
    "grid": ("|N", "enlarge maps to the network's input, the image's own frame, or N × N px"),
    "edges": ("", "whether right and bottom edges are in a box"),
    "boxes": ("", "coordinates of boxes, truncated to integers or not"),
    "threshold": ("SHARE", "for overlap: share of a map's maximum above which a pixel is predicted"),
    "iobb": ("T", "for overlap: a hit's IoBB exceeds T, T(IoBB) of the literature, e.g. 0.1"),
}
"""By choice: the name of a value that is none of its words, and the help."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser)
    shared.add_results_dir(parser)
    choices = parser.add_argument_group("choices, each by default as in the thesis")
    for name, (value, text) in _HELP.items():
        option, default = f"--{name.removesuffix('_px').replace('_', '-')}", getattr(THESIS, name)
        if CHOICES[name] is bool:
            choices.add_argument(option, action="store_true", help=text)
            continue
        shown = f"{default:g}" if isinstance(default, float) else default
        choices.add_argument(
            option,
            dest=name,
            type=partial(shared.given, partial(checked, name)),
            default=default,
            metavar="|".join(words_of(name)) + value,
            help=f"{text} (default: {shown})",
        )
    shared.add_json(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Scores and prints."""
    loaded, grid, store = shared.opened(arguments)

    from bench.api.rescoring import rescore_grid
    from bench.results.frame import Results

    protocol = LocalizationProtocol(**{name: getattr(arguments, name) for name in CHOICES})
    rescored = rescore_grid(grid, Results(grid, store), protocol, _show_progress)
    if arguments.json:
        show_json({"suite": loaded.suite.name, "protocol": asdict(protocol)} | asdict(rescored))
    else:
        show(*_parts(loaded.suite.name, protocol, rescored))
    return 0


def _show_progress(name: str, done: int, total: int) -> None:
    progress(f"{name}: unit {done}/{total}", is_last=done == total)


def _parts(suite: str, protocol: LocalizationProtocol, rescored: "Rescored") -> "Iterator[RenderableType]":
    """Yields the changed choices, a table for each data set and resolution, and the notes."""
    chosen, thesis = asdict(protocol), asdict(THESIS)
    changed = [f"{key.removesuffix('_px')} {chosen[key]}" for key in chosen if chosen[key] != thesis[key]]
    yield f"{suite}: {listing(changed) if changed else 'the protocol of the thesis, nothing is changed'}"
    for place in dict.fromkeys((row.dataset, row.resolution) for row in rescored.rows):
        rows = [row for row in rescored.rows if (row.dataset, row.resolution) == place]
        yield ""
        yield f"{place[0]}, {place[1]} px"
        yield Table(
            [
                Column("model", [row.model for row in rows]),
                Column("metric", [row.metric for row in rows]),
                Column("n", [f"{len(row.trials)}/{row.expected}" for row in rows]),
                Column("default", [_mean(row.default) for row in rows]),
                Column("chosen", [_mean(row.chosen) for row in rows]),
                Column("difference", [_mean(row.difference, is_signed=True) for row in rows]),
            ],
            num_keys=2,
        )
    if not rescored.rows:
        yield ""
        yield "Nothing to score: no finished trial of this suite has stored maps."
    if rescored.notes:
        yield ""
        yield from rescored.notes


def _mean(interval: "MeanInterval", *, is_signed: bool = False) -> str:
    from bench.reporting.tables.table import format_number

    width = DASH if interval.half_width is None else format_number(interval.half_width, 3)
    return f"{format_number(interval.mean, 3, is_signed=is_signed)} ± {width}"
