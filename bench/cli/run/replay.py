"""Train a finished trial's first steps again, and compare the losses.

The losses of single steps are compared to the last bit. Nothing is written to the results folder. The exit
code is 0 if all are equal, 1 if one differs. Differences in versions, device and settings are printed too.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.cli.render import progress, show

if TYPE_CHECKING:
    from bench.execution.context import RunContext
    from bench.execution.replay import Replayed
    from bench.results.record import Record

EXAMPLES = """\
examples:
  bench replay pylon-phantom-64px-s0
  bench replay pylon-nih-256px-s0 --steps 200 --data-root ~/nih --suite nih_mini
"""

NUM_STEPS = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("trial", metavar="TRIAL", help="a finished trial: its id, or the beginning of one")
    parser.add_argument(
        "--steps",
        type=int,
        default=NUM_STEPS,
        metavar="N",
        help=f"optimisation steps to train again (default: {NUM_STEPS})",
    )
    parser.add_argument(
        "--suite",
        type=shared.suite,
        metavar="SUITE",
        help="the suite that the trial belongs to: it says where weights and lists are, which a trial names "
        "by digest",
    )
    shared.add_results_dir(parser)
    shared.add_data_dirs(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Replays and prints; 0 if all losses are equal, 1 if one differs."""
    from bench.errors import ResultsError, SuiteError
    from bench.results.store import ResultsStore, find_trial

    if arguments.steps < 1:
        raise SuiteError(f"--steps {arguments.steps}: give at least 1")
    folder = find_trial(shared.open_store(arguments), arguments.trial)
    store = ResultsStore(folder.path.parent.parent)
    record = folder.read_record()
    if record is None:
        raise ResultsError(f"{folder.path}: the trial is not finished; only a finished one can be replayed")

    from bench.execution.replay import replay_trial

    context = _context(arguments, record, store.root)
    replayed = replay_trial(folder, record, context, arguments.steps, _show)
    show(*_sentences(record.trial.id, replayed))
    return 0 if replayed.difference is None else 1


def _context(arguments: argparse.Namespace, record: "Record", results_dir: Path) -> "RunContext":
    """Returns where the trial is replayed: on a GPU if it was trained on one and one is there."""
    from bench.execution.context import RunContext
    from bench.execution.usable_gpus import num_usable_gpus

    files: dict[str, Path] = {}
    if arguments.suite is not None:
        from bench.suite.load import load_suite

        files = dict(load_suite(arguments.suite).grid.files)
    was_on_gpu = record.outcome is not None and record.outcome.provenance.device != "cpu"
    data = shared.data_context(arguments, files)
    return RunContext(
        results_dir=results_dir,
        data_root=data.data_root,
        cache_dir=data.cache_dir,
        files=files,
        use_gpu=was_on_gpu and num_usable_gpus() > 0,
    )


def _show(done: int, total: int) -> None:
    progress(f"step {done}/{total}", is_last=done == total)


def _sentences(trial_id: str, replayed: "Replayed") -> Iterator[str]:
    steps = f"{replayed.num_steps} of {replayed.num_recorded} steps"
    difference = replayed.difference
    if difference is None:
        yield f"{trial_id}: the losses of the first {steps} are equal to the bit"
    else:
        yield (
            f"{trial_id}: the losses differ from epoch {difference.epoch}, step {difference.step} on: "
            f"recorded {difference.recorded:.9g}, now {difference.found:.9g} (difference "
            f"{difference.gap:.2g}); {steps} were trained again"
        )
    if not replayed.changes:
        yield "versions, device and settings are the recorded ones"
    for name, (old, new) in replayed.changes.items():
        yield f"{name}: recorded {old}, now {new}"
