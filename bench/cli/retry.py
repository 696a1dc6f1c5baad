"""Run what failed of a suite again, and nothing else, then write the suite's tables.

Failed trials, failed evaluations of maps, and failed trials of other suites that this one starts from. What
they block is not run: `bench run` does that afterwards.
"""

import argparse

from bench.cli import arguments as shared
from bench.cli.run import add_run_arguments, run_and_print, run_options

EXAMPLES = """\
examples:
  bench retry suites/demo.yaml
  bench retry suites/nih_256.yaml --data-root ~/nih --only model=pylon,resolution=256
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments: those of `bench run`."""
    add_run_arguments(parser)
    parser.set_defaults(retry_failed=True)


def execute(arguments: argparse.Namespace) -> int:
    """Runs what failed of what is selected; 0 if none of it failed again, or nothing had failed."""
    from bench.results.failures import failed_grid

    options = run_options(arguments)
    loaded = options.suite(shared.load(arguments))
    failed = failed_grid(options.select(loaded), options.store)
    if failed is None:
        print(f"nothing that is selected of {loaded.suite.name} failed")
        return 0
    return run_and_print(arguments, options, loaded, failed)
