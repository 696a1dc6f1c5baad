"""Arguments that several verbs share, and what they mean."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.results.store import ResultsStore
    from bench.suite.grid import Grid
    from bench.suite.load import LoadedSuite


def add_suite(parser: argparse.ArgumentParser) -> None:
    """Adds the suite file and how it is changed and narrowed."""
    parser.add_argument("suite", type=Path, metavar="SUITE", help="a YAML file, e.g. suites/demo.yaml")
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


def add_results_dir(parser: argparse.ArgumentParser) -> None:
    """Adds where results are."""
    parser.add_argument(
        "--results-dir",
        type=Path,
        default=Path(os.environ.get("BENCH_RESULTS_DIR", "results")),
        metavar="DIR",
        help="where trials are kept (default: results, or BENCH_RESULTS_DIR)",
    )


def add_reports_dir(parser: argparse.ArgumentParser) -> None:
    """Adds where reports are written."""
    parser.add_argument(
        "--reports-dir",
        type=Path,
        default=Path("reports"),
        metavar="DIR",
        help="where tables are written, in a folder of the suite's name (default: reports)",
    )


def load(arguments: argparse.Namespace) -> "LoadedSuite":
    """Returns the suite that the arguments name, changed as they say, with its whole grid."""
    from bench.suite.load import load_suite

    return load_suite(arguments.suite, arguments.overrides)


def select(arguments: argparse.Namespace, loaded: "LoadedSuite") -> "Grid":
    """Returns the suite's grid, narrowed as the arguments say."""
    return loaded.grid.select(arguments.only, arguments.seeds)


def open_store(arguments: argparse.Namespace) -> "ResultsStore":
    """Returns the store of the results folder."""
    from bench.results.store import ResultsStore

    return ResultsStore(arguments.results_dir.resolve())
