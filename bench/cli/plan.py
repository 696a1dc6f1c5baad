"""Show a suite's trials as a graph, each below the one that it starts from, which are done and what is left.

States: todo; running, by any driver on this results folder; interrupted, goes on from its last epoch;
waiting, for the trial that it starts from; blocked, since that one has failed; failed; finished. Trials of
other suites that this one starts from are shown too.

Then the time and device-hours that are left, from the speed of trials that have run here, else from what
`bench probe` measured, else from a prior, which is said: what is expected and, in brackets, from the fewest
epochs at the highest speed to the most at the lowest; and the disk that they need. Not counted are the
decoding of images, once for all trials, and maps that only finished trials lack. Last, what its seeds can
and cannot show in one comparison by seed: the smallest difference that they find with 80% probability. A
claim (bench verify) needs all of its comparisons, over patients too and adjusted for all of the suite's, and
is supported less often.

--all: a line for each suite of a folder, and what all of them take together, each trial counted once.

--json: {"suite", "trials", "cost", "one_comparison", "remarks"}; each trial has id, state, model, dataset,
resolution, seed, cam, starts_from (an id or null), suite (that it is from) and driver (who runs it, or null),
with one entry for each map that it is scored on. cost has num_trials, num_unknown and of them
num_unknown_data, device, num_slots, unit, device_hours and wall_s (each fewest, expected and most), sources
and epochs (trials by where speed and number of epochs are from), disk (bytes kept, running, cache and so on)
and free_bytes. one_comparison has metric, num_seeds, margin and spreads, each with source,
standard_deviation, smallest_difference_paired, seeds_for_margin_paired and so on. remarks are sentences on
what is not the same for all finished trials.
"""

import argparse
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.errors import SuiteError

if TYPE_CHECKING:
    from bench.execution.fleet import Fleet

EXAMPLES = """\
examples:
  bench plan suites/nih_mini.yaml --only model=pylon --seeds 0-2
  bench plan --all --gpus 8xH100      every suite in suites/, and all of them together
"""

UNLIMITED = 10_000
"""Characters, where the output is no terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser, is_optional=True)
    shared.add_shard(parser)
    shared.add_all(parser, "of every suite in the folder of suites")
    parser.add_argument(
        "--gpus",
        metavar="N[xKIND]",
        help="count for a machine with so many GPUs, e.g. 8xH100, in place of this one; of the kind that was "
        "measured on if none is named",
    )
    shared.add_results_dir(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Prints one line per trial, or per trial and map where others than native ones are asked for."""
    import shutil

    width = shutil.get_terminal_size((UNLIMITED, 0)).columns
    if arguments.all:
        return _plan_all(arguments, width)
    if arguments.suite is None:
        raise SuiteError("bench plan: give a suite, e.g. suites/demo.yaml, or --all")

    from bench.api.planning import collect, left_to_run
    from bench.cli import cost_listing
    from bench.cli import power_listing as power
    from bench.cli.plan_listing import driver_sentences, to_json, to_text
    from bench.cli.run import failure_hint
    from bench.execution.plan_cost import Budget
    from bench.results.blocked import blocked_sentences, unreadable_sentences
    from bench.results.differences import difference_remarks
    from bench.results.probes import probes_problem
    from bench.suite.metrics import PRIMARY

    loaded = shared.load(arguments)
    grid = shared.select(arguments, loaded)
    store = shared.open_store(arguments)
    rows = collect(grid, store)
    cost = Budget(store, fleet=_fleet(arguments)).cost(left_to_run(rows), loaded.suite.resources, grid.files)
    margin, num_seeds = loaded.suite.margins.of(PRIMARY.name), power.count_seeds(grid)
    shown = power.collect(grid, store, margin)
    remarks = difference_remarks(loaded, store)
    if arguments.json:
        found = power.to_json(shown, num_seeds, margin)
        print(to_json(loaded.suite.name, rows, cost_listing.to_json(cost), found, remarks))
        return 0
    print(to_text(rows, width))
    for sentence in driver_sentences(rows):
        print(sentence)
    trials = [row.point.trial for row in rows]
    unreadable = (*unreadable_sentences(trials, store), *probes_problem(store.root))
    for sentence in (*blocked_sentences(trials, store), *unreadable):
        print(sentence)
    for sentence in remarks:
        print(sentence)
    if any(row.state == "failed" for row in rows):
        print(failure_hint(arguments))
    narrow = min(width, power.WIDEST)
    for line in (*cost_listing.to_lines(cost, narrow), *power.to_lines(shown, num_seeds, margin, narrow)):
        print(line)
    return 0


def _fleet(arguments: argparse.Namespace) -> "Fleet | None":
    """Returns the GPUs to count for in place of this machine's; None if they were not named."""
    from bench.execution.fleet import Fleet

    return None if arguments.gpus is None else Fleet.parse(arguments.gpus)


def _plan_all(arguments: argparse.Namespace, width: int) -> int:
    shared.refuse_with_all(arguments, "bench plan")

    from bench.api.planning import plan_all
    from bench.cli.plan_all_listing import to_json, to_lines
    from bench.results.differences import difference_remarks
    from bench.suite.load import load_suite, suite_files

    suites = [load_suite(path, with_claims=False) for path in suite_files(arguments.suites_dir)]
    store = shared.open_store(arguments)
    plans = plan_all(suites, store, _fleet(arguments))
    if arguments.json:
        print(to_json(plans))
        return 0
    for line in to_lines(plans, width):
        print(line)
    for loaded in suites:
        for sentence in difference_remarks(loaded, store):
            print(f"{loaded.suite.name}: {sentence}")
    return 0
