"""Copy a suite to edit it: into suites/ below the working folder.

The copy gets a name of its own, so that its report stands beside that of the suite that it was made of. Lists
of images that the suite names are copied too. Suites that it starts from or is compared with are not: the
shipped ones are found by name.
"""

import argparse
import re
import shutil
from pathlib import Path

from bench.cli import arguments as shared
from bench.cli.render import show
from bench.errors import SuiteError

EXAMPLES = """\
examples:
  bench init                       a copy of the demo: suites/my_demo.yaml
  bench init nih_256 --as mine     suites/mine.yaml; `bench run mine` runs it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument(
        "suite",
        type=shared.suite,
        nargs="?",
        default="demo",
        metavar="NAME",
        help="a suite of `bench list suites` (default: demo)",
    )
    parser.add_argument(
        "--as", dest="name", metavar="NAME", help="name of the copy (default: my_ and its name)"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Copies and prints the copy's file."""
    from bench.suite.find import OWN_SUITES

    source: Path = arguments.suite
    name = arguments.name or f"my_{source.stem}"
    if not re.fullmatch(r"[\w-]+", name):
        problem = "a name has letters, digits, _ and - alone, no folder and no ending"
        raise SuiteError(problem, place=f"--as {name}", value=name)
    copy = OWN_SUITES / f"{name}.yaml"
    if copy.exists():
        raise SuiteError("is there already; give the copy another name by --as", place=copy, value=name)
    lists = _lists(source)
    for file in lists:
        target = OWN_SUITES / file.relative_to(source.parent.resolve())
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    OWN_SUITES.mkdir(exist_ok=True)
    shutil.copyfile(source, copy)
    show(f"{copy}: edit it, then `bench plan {name}` shows its trials and `bench run {name}` runs them")
    return 0


def _lists(source: Path) -> list[Path]:
    """Returns the files below the suite's folder that it names."""
    from bench.suite.load import load_suite

    files = load_suite(source, with_claims=False).grid.files.values()
    return [file for file in files if file.is_file() and file.is_relative_to(source.parent.resolve())]
