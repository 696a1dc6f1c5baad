"""The arguments that several verbs share: how they are added, and how they are read."""

import argparse
import os
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from bench.cli.render import note
from bench.errors import BenchError, SuiteError
from bench.suite.find import suite_path
from bench.suite.user_path import results_folder, user_path

if TYPE_CHECKING:
    from bench.data.dataset import DataContext
    from bench.results.store import ResultsStore
    from bench.suite.dataset_specs import DatasetSpec
    from bench.suite.grid import Grid, Point
    from bench.suite.load import LoadedSuite


_Read = TypeVar("_Read")

_NARROWING = {"only": "--only", "seeds": "--seeds", "shard": "--shard", "overrides": "--set"}
"""Arguments that change or narrow a suite, and what users call them."""


def given(read: Callable[[str], _Read], text: str) -> _Read:
    """Returns a user's word as `read` reads it.

    Raises:
        argparse.ArgumentTypeError: it cannot be read.
    """
    try:
        return read(text)
    except BenchError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


path = partial(given, user_path)
"""The type of arguments that are paths: returns the path that a user means."""

suite = partial(given, suite_path)
"""The same for suites, which may be given by name."""

results_dir = partial(given, results_folder)
"""The same for the folder of results."""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Fits paragraphs to the terminal, and leaves examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("examples:"):
            return super()._fill_text(text, width, indent)
        return "\n\n".join(textwrap.fill(paragraph, width) for paragraph in text.strip().split("\n\n"))


def summary(module: ModuleType) -> str:
    """Returns the first line of a verb's docstring, as a list of verbs shows it."""
    line = (module.__doc__ or "").splitlines()[0].rstrip(".")
    return line[0].lower() + line[1:]


def add_verb(verbs: Any, name: str, module: ModuleType) -> argparse.ArgumentParser:
    """Adds the parser of a verb to `verbs`, without arguments, and returns it.

    Args:
        verbs: as `add_subparsers` returns them.
        name: the word on the command line.
        module: its docstring is the help, and its EXAMPLES end the help.
    """
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=summary(module),
        description=module.__doc__,
        epilog=module.EXAMPLES,
        formatter_class=HelpFormatter,
    )
    return parser


def add_suite(parser: argparse.ArgumentParser, *, is_optional: bool = False) -> None:
    """Adds the suite file, and the options that change and narrow it."""
    parser.add_argument(
        "suite",
        type=suite,
        metavar="SUITE",
        nargs="?" if is_optional else None,
        help="a YAML file, or a name of `bench list suites`, e.g. demo",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="AXIS=VALUE",
        help="only this model, dataset, resolution, seed or cam; several with commas or repeated",
    )
    parser.add_argument("--seeds", metavar="LIST", help="only these seeds, e.g. 0,2 or 0-4")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="change the suite, e.g. recipe.max_epochs=3 (makes other trials of it)",
    )


def add_json(parser: Any, text: str = "print JSON") -> None:
    """Adds --json."""
    parser.add_argument("--json", action="store_true", help=text)


def add_shard(parser: argparse.ArgumentParser) -> None:
    """Adds --shard, which parts a selection among several machines."""
    parser.add_argument(
        "--shard",
        metavar="I/N",
        help="only the I-th of N parts of the selection; a trial stays with those that it starts from",
    )


def positive(text: str) -> int:
    """Returns a whole number from 1 on.

    Raises:
        argparse.ArgumentTypeError: anything else.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number from 1 on")
    return int(text)


def results_dir_default() -> str:
    """Returns the results folder where no option names one."""
    return os.environ.get("BENCH_RESULTS_DIR") or "results"


def add_results_dir(parser: argparse.ArgumentParser) -> None:
    """Adds --results-dir."""
    parser.add_argument(
        "--results-dir",
        type=results_dir,
        default=results_dir_default(),
        metavar="DIR",
        help="where trials are kept (default: results/ in the working folder, or BENCH_RESULTS_DIR)",
    )


def add_reports_dir(parser: argparse.ArgumentParser) -> None:
    """Adds --reports-dir."""
    parser.add_argument(
        "--reports-dir",
        type=path,
        default=Path("reports"),
        metavar="DIR",
        help="where tables are written, below the suite's name (default: reports/ in the working folder)",
    )


def add_dataset(parser: argparse.ArgumentParser) -> None:
    """Adds the data set, and --set, which changes its options."""
    parser.add_argument(
        "name",
        metavar="NAME",
        help="a data set of `bench list datasets`, or the class of your own, module:class",
    )
    add_overrides(parser)


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Adds --set, which changes the options of a data set."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="change an option of the data set, e.g. split=patient",
    )


def chosen(noun: str, names: Sequence[str], known: Mapping[str, object]) -> list[str]:
    """Returns the names; all that are known if there are none.

    Raises:
        SuiteError: one is not known.
    """
    for name in names:
        if name not in known:
            raise SuiteError(f"unknown {noun} {name!r}", value=name, allowed=known)
    return list(names or known)


def dataset_of(arguments: argparse.Namespace) -> "tuple[DatasetSpec, DataContext]":
    """Returns the data set that the arguments name, and where it is on this machine."""
    return dataset_called(arguments.name, arguments.overrides, arguments)


def dataset_called(
    name: str, overrides: Sequence[str], arguments: argparse.Namespace
) -> "tuple[DatasetSpec, DataContext]":
    """Returns the data set of this name and options, and where it is on this machine."""
    from bench.suite.load import load_dataset_spec

    spec, files = load_dataset_spec(name, overrides)
    return spec, data_context(arguments, files)


def data_context(arguments: argparse.Namespace, files: Mapping[str, Path]) -> "DataContext":
    """Returns where data sets are on this machine, with the files that are named by digest."""
    from bench.api.suites import data_context

    return data_context(files, arguments.results_dir, arguments.data_root, arguments.cache_dir)


def add_data_dirs(parser: Any) -> None:
    """Adds --data-root and --cache-dir; needs `add_results_dir` too."""
    parser.add_argument(
        "--data-root",
        type=path,
        default=os.environ.get("BENCH_DATA_ROOT") or None,
        metavar="DIR",
        help="folder of the downloaded data set, or of several by name (default: BENCH_DATA_ROOT)",
    )
    parser.add_argument(
        "--cache-dir",
        type=path,
        metavar="DIR",
        help="where decoded images are kept (default: cache/ in the results folder)",
    )


def cache_dir(arguments: argparse.Namespace) -> Path:
    """Returns where decoded images are kept, absolute."""
    folder: Path = arguments.cache_dir or arguments.results_dir / "cache"
    return folder.resolve()


def load(arguments: argparse.Namespace) -> "LoadedSuite":
    """Returns the suite that the arguments name, changed as they say, with its whole grid."""
    from bench.suite.load import load_suite

    return load_suite(arguments.suite, arguments.overrides)


def select(arguments: argparse.Namespace, loaded: "LoadedSuite") -> "Grid":
    """Returns the suite's grid, narrowed as the arguments say."""
    from bench.api.suites import select

    return select(loaded, arguments.only, arguments.seeds, getattr(arguments, "shard", None))


def opened(arguments: argparse.Namespace) -> "tuple[LoadedSuite, Grid, ResultsStore]":
    """Returns the suite that the arguments name, its grid narrowed as they say, and the results folder."""
    loaded = load(arguments)
    return loaded, select(arguments, loaded), open_store(arguments)


def add_all(parser: argparse.ArgumentParser, meaning: str) -> None:
    """Adds --all, every suite of a folder in place of one, and --suites-dir."""
    parser.add_argument("--all", action="store_true", help=meaning)
    parser.add_argument(
        "--suites-dir",
        type=path,
        metavar="DIR",
        help="where --all finds suites (default: suites/ in the working folder, else the shipped ones)",
    )


def refuse_with_all(arguments: argparse.Namespace, verb: str) -> None:
    """Refuses a suite, and what changes or narrows one, beside --all.

    Raises:
        SuiteError: such an argument was given.
    """
    for name, word in {"suite": "a suite", **_NARROWING}.items():
        if getattr(arguments, name, None):
            raise SuiteError(f"{verb} --all: takes every suite as a whole; leave out {word}")


def refuse_narrowing(arguments: argparse.Namespace, verb: str) -> None:
    """Refuses what changes or narrows a suite where none was given.

    Raises:
        SuiteError: such an argument was given.
    """
    for name, word in _NARROWING.items():
        if getattr(arguments, name, None):
            raise SuiteError(f"{verb}: {word} narrows a suite; give one")


def note_differences(points: "Iterable[Point]", store: "ResultsStore") -> None:
    """Says on stderr how the trials differ whose results were just shown together."""
    from bench.results.differences import difference_notes

    note(*difference_notes(points, store))


def open_store(arguments: argparse.Namespace) -> "ResultsStore":
    """Returns the store of the results folder."""
    from bench.results.store import ResultsStore

    return ResultsStore(arguments.results_dir.resolve())
