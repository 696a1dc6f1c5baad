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
    """Prints one line per trial, or per trial and map where others than native ones are asked for.

    Trials that others start from come first, also where they are of another suite.
    """
    from bench.suite.grid import Point
    from bench.suite.schema import title_of

    grid = shared.select(arguments, shared.load(arguments))
    store = shared.open_store(arguments)
    points = [*(Point(trial, trial.label) for trial in grid.required), *grid.points]
    has_cams = any(point.cam != "native" for point in points)
    has_parents = any(point.trial.init is not None for point in points)
    rows = [
        ("state", "model", "data set", "px", "seed", *(["cam"] if has_cams else []), "trial")
        + (("starts from",) if has_parents else ())
    ]
    for point in points:
        trial = point.trial
        state: str = store.state(trial.id, point.cam)
        if state in ("todo", "interrupted") and store.blocker(trial) is not None:
            state = "blocked"
        place = (point.label, title_of(trial.dataset), str(trial.resolution), str(trial.seed))
        parent = trial.init.id if trial.init is not None else ""
        row = (state, *place, *([point.cam] if has_cams else []), trial.id)
        rows.append(row + ((parent,) if has_parents else ()))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())
    counts = Counter(row[0] for row in rows[1:])
    maps = f", {len(grid.points)} maps" if has_cams else ""
    states = ", ".join(f"{count} {state}" for state, count in counts.items())
    before = f" and {len(grid.required)} before them" if grid.required else ""
    print(f"\n{len(grid.trials)} trials{before}{maps}: {states}")
    return 0
