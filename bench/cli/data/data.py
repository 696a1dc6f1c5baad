"""Check, count, draw or decode a data set before training on it, or score its readers."""

import argparse
from types import ModuleType

from bench.cli import arguments as shared
from bench.cli.data import check, prepare, readers, show, stats

EXAMPLES = """\
examples:
  bench data check nih --data-root ~/nih
  bench data show nih --data-root ~/nih --part test -o boxes.png
"""

SUBVERBS: dict[str, ModuleType] = {
    "check": check,
    "stats": stats,
    "readers": readers,
    "show": show,
    "prepare": prepare,
}
"""Like verbs, each has a docstring, EXAMPLES, `add_arguments` and `execute`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds a parser for each subverb, all with the arguments that name a data set."""
    subverbs = parser.add_subparsers(dest="subverb", metavar="WHAT", title="what to do", required=True)
    for name, module in SUBVERBS.items():
        subverb = shared.add_verb(subverbs, name, module)
        shared.add_dataset(subverb)
        shared.add_results_dir(subverb)
        shared.add_data_dirs(subverb)
        module.add_arguments(subverb)


def execute(arguments: argparse.Namespace) -> int:
    """Runs the subverb."""
    code: int = SUBVERBS[arguments.subverb].execute(arguments)
    return code
