"""Show what failed and why, failures of one cause together.

Of a suite, with what it starts from, or of everything in the results folder. Tracebacks are shown with
--full, and of a trial that is named. `bench retry` runs what failed again.

--json: {"failures", "unreadable"}; "unreadable" has a sentence for each record that is damaged or of a newer
bench; each failure has id, cam, reason, place (file:line in function, or null), error, ended_at and
cause, a number that failures of one cause share.
"""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.errors import SuiteError

if TYPE_CHECKING:
    from bench.results.failures import Failure

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
    from bench.results.failures import all_failures, failures_of, failures_of_trial, recorded_ids
    from bench.results.store import find_trial

    store = shared.open_store(arguments)
    found: Sequence[Failure]
    ids: Sequence[str]
    if arguments.suite is None:
        shared.refuse_narrowing(arguments, "bench failures")
    if arguments.trial is not None:
        if arguments.suite is not None:
            raise SuiteError("bench failures: give a suite or --trial, not both")
        trial_id = find_trial(store, arguments.trial).path.name
        found, whose, ids = tuple(failures_of_trial(trial_id, store)), trial_id, [trial_id]
    elif arguments.suite is not None:
        loaded = shared.load(arguments)
        grid = shared.select(arguments, loaded)
        found, whose = failures_of(grid, store), loaded.suite.name
        ids = list(dict.fromkeys(trial.id for trial in (*grid.required, *grid.trials)))
    else:
        found, whose, ids = all_failures(store), str(store.root), recorded_ids(store)
    unreadable = [sentence for trial_id in ids for sentence in store.problems(trial_id)]
    if arguments.json:
        print(to_json(found, unreadable))
        return 0
    width = shutil.get_terminal_size((UNLIMITED, 0)).columns
    for line in to_lines(found, width, is_full=arguments.full or arguments.trial is not None):
        print(line)
    for sentence in unreadable:
        print(sentence)
    if not (found or unreadable):
        print(f"nothing of {whose} failed")
    elif found and arguments.suite is not None:
        print(f"bench retry {arguments.suite} runs what failed again")
    return 0
