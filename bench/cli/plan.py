"""Show a suite's trials as a graph, each below the one that it starts from, and which are done.

States: todo; running, by any driver on this results folder; interrupted, goes on from its last epoch;
waiting, for the trial that it starts from; blocked, since that one has failed; failed; finished. Trials of
other suites that this one starts from are shown too.

Last, what its seeds can and cannot show: the smallest difference that they find with 80% probability.

--json: {"suite", "trials", "power"}; each trial has id, state, model, dataset, resolution, seed, cam,
starts_from (an id or null) and suite (that it is from), with one entry for each map that it is scored on.
power has metric, num_seeds, margin and spreads, each with source, standard_deviation,
smallest_difference_paired, seeds_for_margin_paired and so on.
"""

import argparse

from bench.cli import arguments as shared

EXAMPLES = """\
examples:
  bench plan suites/vindr_transfer.yaml
  bench plan suites/nih_mini.yaml --only model=pylon --seeds 0-2
"""

UNLIMITED = 10_000
"""Characters, where the output is no terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser)
    shared.add_shard(parser)
    shared.add_results_dir(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Prints one line per trial, or per trial and map where others than native ones are asked for."""
    import shutil

    from bench.cli import power_listing as power
    from bench.cli.plan_listing import collect, to_json, to_text
    from bench.results.blocked import blocked_sentences

    loaded = shared.load(arguments)
    grid = shared.select(arguments, loaded)
    store = shared.open_store(arguments)
    rows = collect(grid, store)
    margin, num_seeds = loaded.suite.margins.point_accuracy, power.count_seeds(grid)
    shown = power.collect(grid, store, margin)
    if arguments.json:
        print(to_json(loaded.suite.name, rows, power.to_json(shown, num_seeds, margin)))
        return 0
    width = shutil.get_terminal_size((UNLIMITED, 0)).columns
    print(to_text(rows, width))
    blocked = blocked_sentences((row.point.trial for row in rows), store)
    for sentence in blocked:
        print(sentence)
    if blocked:
        print("bench run --retry-failed runs what failed, and then what it blocks")
    for line in power.to_lines(shown, num_seeds, margin, min(width, power.WIDEST)):
        print(line)
    return 0
