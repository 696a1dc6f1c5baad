"""Train a finished trial's first steps again, and say whether their losses are the recorded ones.

Compared are the losses of single steps, to the last bit. Nothing is written to the results folder. The exit
code is 0 if all are equal, 1 if one differs; what differs of versions, device and settings is printed too.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments as shared

if TYPE_CHECKING:
    from bench.execution.context import RunContext
    from bench.execution.replay import Replayed
    from bench.results.record import Record

EXAMPLES = """\
examples:
  bench replay pylon-phantom-64px-s0
  bench replay pylon-nih-256px-s0 --steps 200 --data-root ~/nih --suite suites/nih_mini.yaml
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
        type=shared.path,
        metavar="FILE",
        help="the suite that the trial was run from: it tells where weights and lists are that trials name "
        "by their content",
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
    print(_text(record.trial.id, replayed))
    return 0 if replayed.difference is None else 1


def _context(arguments: argparse.Namespace, record: "Record", results_dir: Path) -> "RunContext":
    """Returns where the trial is replayed: on a GPU if it was trained on one and one is there."""
    import torch

    from bench.execution.context import RunContext

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
        use_gpu=was_on_gpu and torch.cuda.is_available(),
    )


def _show(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else "\r"
        print(f"step {done}/{total}", end=end, file=sys.stderr, flush=True)


def _text(trial_id: str, replayed: "Replayed") -> str:
    where = "from what it was recorded with"
    changes = [f"  {name}: {old}, now {new}" for name, (old, new) in replayed.changes.items()]
    context = [f"different {where}:", *changes] if changes else [f"nothing differs {where}"]
    of = f"of {replayed.num_recorded}"
    difference = replayed.difference
    if difference is None:
        verdict = f"{trial_id}: the losses of the first {replayed.num_steps} {of} steps are equal to the bit"
        return "\n".join([verdict, *context])
    gap = difference.found - difference.recorded
    verdict = (
        f"{trial_id}: leaves the recorded losses at epoch {difference.epoch}, step {difference.step}: "
        f"recorded {difference.recorded:.9g}, now {difference.found:.9g} (difference {gap:.2g}); "
        f"{replayed.num_steps} {of} steps were trained again"
    )
    return "\n".join([verdict, *context])
