"""Show a suite's trials, their ids, and which are done."""

import argparse
from collections import Counter

from bench.cli import arguments as shared

EXAMPLES = """\
examples:
  bench plan suites/demo.yaml
  bench plan suites/nih_mini.yaml --only model=pylon --seeds 0-2
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser)
    shared.add_results_dir(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Prints one line per trial and a summary."""
    grid = shared.select(arguments, shared.load(arguments))
    store = shared.open_store(arguments)
    rows = [("state", "model", "data set", "px", "seed", "trial")]
    for point in grid.points:
        trial = point.trial
        state = store.state(trial.id)
        rows.append(
            (state, point.label, trial.dataset.name, str(trial.resolution), str(trial.seed), trial.id)
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())
    counts = Counter(row[0] for row in rows[1:])
    print(f"\n{len(rows) - 1} trials: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
    return 0
