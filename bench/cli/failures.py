"""Show what failed and why, failures of one cause together.

Of a suite, with what it starts from, or of everything in the results folder. Tracebacks are shown with
--full, and of a trial that is named. `bench retry` runs what failed again.

--json: {"failures"}; each has id, cam, reason, place (file:line in function, or null), error, ended_at and
cause, a number that failures of one cause share.
"""

import argparse

from bench.cli import arguments as shared
from bench.errors import SuiteError

EXAMPLES = """\
examples:
  bench failures suites/nih_256.yaml
  bench failures --trial pylon-nih-256px-s0    its traceback; an id or its beginning
"""

UNLIMITED = 10_000
"""Characters, where the output is no terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser, is_optional=True)
    shared.add_shard(parser)
    shared.add_results_dir(parser)
    parser.add_argument("--trial", metavar="ID", help="of one trial, with its traceback")
    parser.add_argument("--full", action="store_true", help="with whole tracebacks")
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Prints a line per failure below its cause; 0 also where there are failures: it is a listing."""
    import shutil

    from bench.cli.failure_listing import to_json, to_lines
    from bench.results.failures import all_failures, failures_of, failures_of_trial
    from bench.results.lookup import find_trial

    store = shared.open_store(arguments)
    if arguments.suite is None:
        shared.refuse_narrowing(arguments, "bench failures")
    if arguments.trial is not None:
        if arguments.suite is not None:
            raise SuiteError("bench failures: give a suite or --trial, not both")
        trial_id = find_trial(store, arguments.trial).path.name
        found, whose = tuple(failures_of_trial(trial_id, store)), trial_id
    elif arguments.suite is not None:
        loaded = shared.load(arguments)
        found, whose = failures_of(shared.select(arguments, loaded), store), loaded.suite.name
    else:
        found, whose = all_failures(store), str(store.root)
    if arguments.json:
        print(to_json(found))
        return 0
    width = shutil.get_terminal_size((UNLIMITED, 0)).columns
    for line in to_lines(found, width, is_full=arguments.full or arguments.trial is not None):
        print(line)
    if not found:
        print(f"nothing of {whose} failed")
    elif arguments.suite is not None:
        print(f"bench retry {arguments.suite} runs what failed again")
    return 0
