"""Look at a data set before anything is trained on it."""

import argparse
from types import ModuleType

from bench.cli import arguments as shared
from bench.cli import data_check, data_prepare, data_show, data_stats

EXAMPLES = """\
examples:
  bench data check nih --data-root ~/nih
  bench data show nih --data-root ~/nih --part test -o boxes.png
"""

SUBVERBS: dict[str, ModuleType] = {
    "check": data_check,
    "stats": data_stats,
    "show": data_show,
    "prepare": data_prepare,
}
"""Each has `add_arguments(parser)`, `execute(arguments) -> int` and EXAMPLES, and a docstring as summary."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds a parser for each subverb, all with the arguments that say which data set is meant."""
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
