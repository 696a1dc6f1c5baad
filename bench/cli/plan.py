"""Show a suite's trials as a graph, each below the one that it starts from, which are done and what is left.

States: todo; running, by any driver on this results folder; interrupted, goes on from its last epoch;
waiting, for the trial that it starts from; blocked, since that one has failed; failed; finished. Trials of
other suites that this one starts from are shown too.

Then the time and device-hours that are left, from the speed of trials that have run here, else from what
`bench probe` measured: what is expected and, in brackets, from the fewest epochs to the most. Trials that
were never timed are told and counted apart. Not counted are the decoding of images, once for all trials, and
maps that only finished trials lack. Last, what its seeds can and cannot show: the smallest difference that
they find with 80% probability in one comparison, and how likely each claim (bench verify) is supported.

--all: a line for each suite of a folder, and what all of them take together, each trial counted once.

--json: {"suite", "trials", "cost", "one_comparison", "claims", "remarks"}; each trial has id, state, model,
dataset, resolution, seed, cam, starts_from (an id or null), suite (that it is from) and driver (who runs it,
or null), with one entry for each map that it is scored on. cost has num_trials, num_unknown and of them
num_unknown_data, device, num_slots, unit, device_hours and wall_s (each fewest, expected and most), sources
and epochs (trials by where speed and number of epochs are from), finished_bytes (that a finished trial takes
of the disk, or null) and free_bytes. one_comparison has metric, num_seeds, margin and spreads, each with
source, standard_deviation, smallest_difference_paired, seeds_for_margin_paired and so on. Each of claims has
statement, num_comparisons, margin, probability and seeds_needed, or null. remarks are sentences on what is
not the same for all finished trials.
"""

import argparse

from bench.cli import arguments as shared
from bench.errors import SuiteError

EXAMPLES = """\
examples:
  bench plan suites/nih_mini.yaml --only model=pylon --seeds 0-2
  bench plan --all                    every suite in suites/, and all of them together
"""

UNLIMITED = 10_000
"""Characters, where the output is no terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser, is_optional=True)
    shared.add_shard(parser)
    shared.add_all(parser, "of every suite in the folder of suites")
    shared.add_results_dir(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Prints one line per trial, or per trial and map where others than native ones are asked for."""
    import json
    import shutil

    width = shutil.get_terminal_size((UNLIMITED, 0)).columns
    if arguments.all:
        return _plan_all(arguments, width)
    if arguments.suite is None:
        raise SuiteError("bench plan: give a suite, e.g. suites/demo.yaml, or --all")

    from bench.cli import plan_listing, power_listing
    from bench.cli.run import failure_hint, same_suite
    from bench.planning.cost import Budget
    from bench.planning.graph import collect, left_to_run
    from bench.planning.speed import probes_problem
    from bench.reporting.power import seed_power
    from bench.results.differences import difference_remarks
    from bench.results.failures import blocked_sentences, unreadable_sentences

    loaded = shared.load(arguments)
    grid = shared.select(arguments, loaded)
    store = shared.open_store(arguments)
    rows = collect(grid, store)
    cost = Budget(store).cost(left_to_run(rows), loaded.suite.resources, grid.files)
    power = seed_power(loaded.narrowed(grid), store)
    remarks = difference_remarks(loaded, store)
    if arguments.json:
        values = [row.values(loaded.suite.name) for row in rows]
        document = {"suite": loaded.suite.name, "trials": values, "cost": plan_listing.cost_json(cost)}
        print(json.dumps(document | power_listing.to_json(power) | {"remarks": remarks}, indent=2))
        return 0
    print(plan_listing.to_text(rows, width))
    trials = [row.point.trial for row in rows]
    unreadable = (*unreadable_sentences(trials, store), *probes_problem(store.root))
    drivers = plan_listing.driver_sentences(rows)
    for sentence in (*drivers, *blocked_sentences(trials, store), *unreadable, *remarks):
        print(sentence)
    if any(row.state == "failed" for row in rows):
        print(failure_hint(arguments))
    narrow = min(width, plan_listing.WIDEST)
    for line in plan_listing.cost_lines(cost, same_suite(arguments), narrow):
        print(line)
    for line in power_listing.to_lines(power, narrow):
        print(line)
    return 0


def _plan_all(arguments: argparse.Namespace, width: int) -> int:
    shared.refuse_with_all(arguments, "bench plan")

    from bench.api.planning import plan_all
    from bench.cli.plan_listing import WIDEST, all_json, all_lines
    from bench.results.differences import difference_remarks
    from bench.suite.load import load_suite, suite_files

    suites = [load_suite(path, with_claims=False) for path in suite_files(arguments.suites_dir)]
    store = shared.open_store(arguments)
    plans = plan_all(suites, store)
    if arguments.json:
        print(all_json(plans))
        return 0
    for line in all_lines(plans, min(width, WIDEST)):
        print(line)
    for loaded in suites:
        for sentence in difference_remarks(loaded, store):
            print(f"{loaded.suite.name}: {sentence}")
    return 0
