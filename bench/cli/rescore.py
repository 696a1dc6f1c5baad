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
import sys
from functools import partial

from bench.api.choices import CHOICES, checked, words_of
from bench.cli import arguments as shared
from bench.metrics.protocol import THESIS, LocalizationProtocol

EXAMPLES = """\
examples:
  bench rescore suites/nih_256.yaml --iobb 0.1 --tolerance 15
  bench rescore suites/nih_mini.yaml --grid native --edges exclusive --json
"""

_HELP = {
    "sigmoid": ("", "enlargement"),
    "align_corners": ("", "when enlarging (default: not)"),
    "ties": ("", "which of the pixels that share a maximum is the peak"),
    "tolerance_px": ("PX", "from a box, in px of the image's own frame, e.g. 15"),
    "grid": ("|N", "what maps are enlarged to: the network's input, the image's own frame, or N × N px"),
    "edges": ("", "whether right and bottom edges are in a box"),
    "boxes": ("", "to integers"),
    "threshold": ("SHARE", "of overlap: share of a map's maximum above which a pixel is predicted"),
    "iobb": ("T", "of overlap: what IoBB of a hit exceeds, T(IoBB) of the literature, e.g. 0.1"),
}
"""By choice: what its value is called, after the words that it may be, and what it is."""


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
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Scores and prints."""
    loaded = shared.load(arguments)
    grid = shared.select(arguments, loaded)
    store = shared.open_store(arguments)

    from bench.api.rescoring import rescore_grid
    from bench.cli.rescoring import to_json, to_text
    from bench.results.grid_results import Results

    protocol = LocalizationProtocol(**{name: getattr(arguments, name) for name in CHOICES})
    rescored = rescore_grid(grid, Results(grid, store), protocol, _show)
    write = to_json if arguments.json else to_text
    print(write(loaded.suite.name, protocol, rescored))
    return 0


def _show(what: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else "\r"
        print(f"{what}: unit {done}/{total}", end=end, file=sys.stderr, flush=True)
