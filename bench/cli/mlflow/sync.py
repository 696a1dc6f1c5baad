"""Rebuild the MLflow store from the results folder.

Afterwards nothing is missing and nothing is there twice. Without a suite it mirrors all runs of suites that
the results folder knows. With a suite it also mirrors the suite's trials that were trained elsewhere and
copied here, as one more run of the suite. A run in progress is not disturbed. Exits with 1 if something could
not be mirrored.
"""

import argparse

from bench.amounts import count
from bench.cli import arguments as shared
from bench.cli.render import note, show

EXAMPLES = """\
examples:
  bench mlflow-sync
  bench mlflow-sync demo nih_256 --results-dir /mnt/results
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument(
        "suites",
        type=shared.suite,
        nargs="*",
        metavar="SUITE",
        help="YAML files or names (default: all runs)",
    )
    shared.add_results_dir(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Prints a line for each suite; 1 if something could not be mirrored."""
    from bench.api.reports import record_copied
    from bench.errors import ResultsError, brief
    from bench.results.invocation import Invocations
    from bench.suite.load import load_suite

    loaded = [load_suite(path) for path in arguments.suites]
    results = shared.open_store(arguments)
    if not (results.root / "trials").is_dir():
        raise ResultsError(f"{results.root}: no results here; bench run makes some")
    for suite in loaded:
        record_copied(suite, results)
    names = tuple(dict.fromkeys(suite.suite.name for suite in loaded)) or Invocations(results).suites()

    from bench.tracking import set_environment

    set_environment()
    from bench.tracking.database import default_uri
    from bench.tracking.mlflow_store import UNREACHABLE
    from bench.tracking.sync import sync, without_invocation

    code = 0
    try:
        for synced in sync(results, names):
            runs, trials = count(synced.num_invocations, "run"), count(synced.num_trials, "trial")
            show(f"{synced.suite}: {runs} of the suite, {trials}")
            note(*synced.problems)
            code = max(code, int(bool(synced.problems)))
    except UNREACHABLE as error:
        uri = default_uri(results.root)
        raise ResultsError(f"MLflow at {uri} went away ({brief(error)}); the same command goes on") from None
    others = () if loaded else without_invocation(results)
    if others:
        trials = count(len(others), "trial")
        note(f"{trials} of no known run of a suite: name the suites, e.g. of {others[0]}")
    return code
