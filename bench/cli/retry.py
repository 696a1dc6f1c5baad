"""Run what failed of a suite again, and nothing else, then write the suite's tables.

Failed trials, failed evaluations of maps, and failed trials of other suites that this one starts from. What
they block is not run: `bench run` does that afterwards.
"""

import argparse

from bench.cli import arguments as shared
from bench.cli import run
from bench.cli.run_arguments import add_run_arguments

EXAMPLES = """\
examples:
  bench retry suites/demo.yaml
  bench retry suites/nih_256.yaml --data-root ~/nih --only model=pylon,resolution=256
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments: those of `bench run`."""
    add_run_arguments(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Runs what failed of what is selected; 0 if none of it failed again, or nothing had failed."""
    from bench.results.failures import failed_grid

    loaded = run.load(arguments)
    failed = failed_grid(shared.select(arguments, loaded), run.open_store(arguments))
    if failed is None:
        print(f"nothing that is selected of {loaded.suite.name} failed")
        return 0
    return run.run_selected(arguments, loaded, failed, retry_failed=True)
