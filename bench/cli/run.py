"""Run a suite: train and score what is not done yet, then write its tables."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.execution.context import CHECKPOINT_EVERY_S

if TYPE_CHECKING:
    from bench.execution.executor import Executor
    from bench.results.store import ResultsStore
    from bench.suite.grid import Grid
    from bench.suite.load import LoadedSuite
    from bench.suite.schema import Resources
    from bench.tracking.tracker import Tracker

EXAMPLES = """\
examples:
  bench run suites/demo.yaml
  bench run suites/nih_mini.yaml --data-root ~/nih --set weights=resnet18.safetensors --seeds 0-1
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    shared.add_suite(parser)
    shared.add_results_dir(parser)
    shared.add_reports_dir(parser)
    shared.add_data_dirs(parser)
    parser.add_argument(
        "--serial", action="store_true", help="run trials one by one in this process, without Ray"
    )
    parser.add_argument(
        "--checkpoint-every",
        type=float,
        default=CHECKPOINT_EVERY_S,
        metavar="SECONDS",
        help="time between checkpoints within an epoch, for machines that are taken away (default: "
        f"{CHECKPOINT_EVERY_S:g})",
    )
    parser.add_argument("--no-mlflow", action="store_true", help="do not mirror trials to MLflow")
    parser.add_argument("--retry-failed", action="store_true", help="run failed trials again")


def execute(arguments: argparse.Namespace) -> int:
    """Runs what is selected of the suite, reports on all of it; 0 if all that is selected is finished."""
    loaded = shared.load(arguments)
    selected = shared.select(arguments, loaded)

    from bench.execution.context import RunContext
    from bench.execution.driver import Driver, run_grid
    from bench.execution.live import Display
    from bench.reporting.build import build_report

    store = shared.open_store(arguments)
    context = RunContext(
        results_dir=store.root,
        data_root=shared.data_root(arguments),
        cache_dir=shared.cache_dir(arguments),
        files=dict(loaded.grid.files),
        use_gpu=_use_gpu(loaded.suite.resources),
        checkpoint_every_s=arguments.checkpoint_every,
    )
    driver = Driver(store, _tracker(arguments, loaded, store.root), Display(store))
    executor = _executor(arguments)
    resources = loaded.suite.resources
    run_grid(selected, resources, context, executor, driver, retry_failed=arguments.retry_failed)
    report = build_report(loaded, store, arguments.reports_dir)
    print(report.page)
    print(f"tables: {report.folder}   trials: {store.root / 'trials'}   browse: bench ui", file=sys.stderr)
    failures = _failures(selected, store)
    if failures:
        hint = "" if arguments.retry_failed else "; --retry-failed runs them again"
        print(f"{' and '.join(failures)}{hint}", file=sys.stderr)
    return 1 if failures else 0


def _failures(selected: "Grid", store: "ResultsStore") -> list[str]:
    """Says which trials failed or were not run, which maps failed, and what files tell why."""
    trials = (*selected.required, *selected.trials)
    failed = [trial.id for trial in trials if store.state(trial.id) == "failed"]
    blocked = [trial.id for trial in trials if store.is_blocked(trial)]
    maps = [
        f"cams/{point.cam}.json of {point.trial.id}"
        for point in selected.points
        if point.trial.id not in failed and store.state(point.trial.id, point.cam) == "failed"
    ]
    sentences = {
        f"{len(failed)} trials failed, see record.json of {', '.join(failed)}": failed,
        f"{len(blocked)} were not run, since they start from those: {', '.join(blocked)}": blocked,
        f"{len(maps)} evaluations of maps failed, see {', '.join(maps)}": maps,
    }
    return [sentence for sentence, concerned in sentences.items() if concerned]


def _use_gpu(resources: "Resources") -> bool:
    """Whether trials run on CUDA: where the suite asks for it, or leaves it open and a GPU is there."""
    import torch

    from bench.errors import SuiteError

    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (resources.gpu or 0) > found:
        raise SuiteError(
            f"the suite asks for {resources.gpu:g} GPU per trial and torch finds {found} here; "
            "--set resources.gpu=0 runs it on the CPU"
        )
    return found > 0 and resources.gpu != 0


def _executor(arguments: argparse.Namespace) -> "Executor":
    if arguments.serial:
        from bench.execution.serial import SerialExecutor

        return SerialExecutor()
    from bench.execution.ray_tune import RayExecutor

    return RayExecutor()


def _tracker(arguments: argparse.Namespace, loaded: "LoadedSuite", results_dir: Path) -> "Tracker":
    from bench.tracking.tracker import NullTracker

    if arguments.no_mlflow:
        return NullTracker()
    from bench.tracking.mlflow import MlflowTracker

    return MlflowTracker(loaded.suite.name, loaded.grid, results_dir)
