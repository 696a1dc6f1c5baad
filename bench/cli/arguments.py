"""Arguments that several verbs share, and what they mean."""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from bench.data.dataset import DataContext
    from bench.results.store import ResultsStore
    from bench.suite.grid import Grid, Point
    from bench.suite.load import LoadedSuite
    from bench.suite.schema import DatasetSpec


_Read = TypeVar("_Read")

_MIN_WIDTH = 40
"""Characters; narrower terminals break the lines themselves."""

_NARROWING = {"only": "--only", "seeds": "--seeds", "shard": "--shard", "overrides": "--set"}
"""Arguments that change or narrow a suite, and what users call them."""


def add_verb(verbs: Any, name: str, module: ModuleType) -> argparse.ArgumentParser:
    """Adds the parser of a verb to `verbs`, without arguments, and returns it.

    Args:
        verbs: what `add_subparsers` gave.
        name: the word on the command line.
        module: its docstring is the help, the first line of it the summary, and its EXAMPLES end the help.
    """
    summary = (module.__doc__ or "").splitlines()[0].rstrip(".")
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=summary[0].lower() + summary[1:],
        description=module.__doc__,
        epilog=module.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def add_suite(parser: argparse.ArgumentParser, *, is_optional: bool = False) -> None:
    """Adds the suite file and how it is changed and narrowed."""
    parser.add_argument(
        "suite",
        type=path,
        metavar="SUITE",
        nargs="?" if is_optional else None,
        help="a YAML file, e.g. suites/demo.yaml",
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


def add_shard(parser: argparse.ArgumentParser) -> None:
    """Adds which part of what is selected is meant, for several machines."""
    parser.add_argument(
        "--shard",
        metavar="I/N",
        help="only the I-th of N parts of what is selected; trials stay with what they start from",
    )


def positive(text: str) -> int:
    """Returns a whole number from 1 on.

    Raises:
        argparse.ArgumentTypeError: anything else.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number from 1 on")
    return int(text)


def path(text: str) -> Path:
    """Returns the path that a user has given, see `bench.suite.user_path`.

    Raises:
        argparse.ArgumentTypeError: it cannot be known which one is meant.
    """
    from bench.suite.user_path import user_path

    return given(user_path, text)


def results_folder(text: str) -> Path:
    """Returns the folder of results that a user has given.

    Raises:
        argparse.ArgumentTypeError: it is none, or cannot be read.
    """
    from bench.suite.user_path import results_folder

    return given(results_folder, text)


def given(read: Callable[[str], _Read], text: str) -> _Read:
    """Returns what `read` makes of a user's word.

    Raises:
        argparse.ArgumentTypeError: it can make nothing of it.
    """
    from bench.errors import BenchError

    try:
        return read(text)
    except BenchError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def results_dir_default() -> str:
    """Returns where results are if nobody says."""
    return os.environ.get("BENCH_RESULTS_DIR") or "results"


def add_results_dir(parser: argparse.ArgumentParser) -> None:
    """Adds where results are."""
    parser.add_argument(
        "--results-dir",
        type=results_folder,
        default=results_dir_default(),
        metavar="DIR",
        help="where trials are kept (default: results, or BENCH_RESULTS_DIR)",
    )


def add_reports_dir(parser: argparse.ArgumentParser) -> None:
    """Adds where reports are written."""
    parser.add_argument(
        "--reports-dir",
        type=path,
        default=Path("reports"),
        metavar="DIR",
        help="where tables are written, in a folder of the suite's name (default: reports)",
    )


def add_dataset(parser: argparse.ArgumentParser) -> None:
    """Adds which data set is meant, and how it differs from a suite's defaults."""
    parser.add_argument("name", metavar="NAME", help="a data set of `bench list datasets`")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="change what a suite says of it by default, e.g. split=patient",
    )


def dataset_of(arguments: argparse.Namespace) -> "tuple[DatasetSpec, DataContext]":
    """Returns the data set that the arguments name, and where it is on this machine."""
    from bench.suite.load import load_dataset_spec

    spec, files = load_dataset_spec(arguments.name, arguments.overrides)
    return spec, data_context(arguments, files)


def data_context(arguments: argparse.Namespace, files: Mapping[str, Path]) -> "DataContext":
    """Returns where data sets are on this machine, with the files that are named by digest."""
    from bench.api.suites import data_context

    return data_context(files, arguments.results_dir, arguments.data_root, arguments.cache_dir)


def add_data_dirs(parser: argparse.ArgumentParser) -> None:
    """Adds where data sets are, and where what is made of them is kept; wants `add_results_dir` too."""
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


def add_all(parser: argparse.ArgumentParser, meaning: str) -> None:
    """Adds that every suite of a folder is meant, in place of one."""
    parser.add_argument("--all", action="store_true", help=meaning)
    parser.add_argument(
        "--suites-dir",
        type=path,
        default=Path("suites"),
        metavar="DIR",
        help="where --all finds suites (default: suites)",
    )


def refuse_with_all(arguments: argparse.Namespace, verb: str) -> None:
    """Refuses a suite, and what changes or narrows one, beside --all.

    Raises:
        SuiteError: such an argument was given.
    """
    from bench.errors import SuiteError

    for name, word in {"suite": "a suite", **_NARROWING}.items():
        if getattr(arguments, name, None):
            raise SuiteError(f"{verb} --all: is of whole suites, all of them; leave out {word}")


def refuse_narrowing(arguments: argparse.Namespace, verb: str) -> None:
    """Refuses what changes or narrows a suite where none was given.

    Raises:
        SuiteError: such an argument was given.
    """
    from bench.errors import SuiteError

    for name, word in _NARROWING.items():
        if getattr(arguments, name):
            raise SuiteError(f"{verb}: {word} narrows a suite; give one")


def tell_differences(points: "Iterable[Point]", store: "ResultsStore") -> None:
    """Says on stderr what is not the same for all of the results that were just shown together."""
    from bench.results.differences import difference_notes

    for sentence in difference_notes(points, store):
        print(sentence, file=sys.stderr)


def open_store(arguments: argparse.Namespace) -> "ResultsStore":
    """Returns the store of the results folder."""
    from bench.results.store import ResultsStore

    return ResultsStore(arguments.results_dir.resolve())


def terminal_width() -> int:
    """Returns the columns of the terminal, in characters, at least `_MIN_WIDTH`; 80 where there is none."""
    return max(shutil.get_terminal_size().columns, _MIN_WIDTH)
