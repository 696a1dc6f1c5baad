"""Run a suite: train and score what is not done yet, then write its tables."""

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.execution.context import CHECKPOINT_EVERY_S

if TYPE_CHECKING:
    from bench.execution.executor import Executor
    from bench.results.record import Record
    from bench.results.store import ResultsStore, TrialFolder
    from bench.suite.grid import Grid
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
    from bench.execution.recording import recorded
    from bench.reporting.build import render_report, write_report
    from bench.reporting.references import require_references
    from bench.reporting.suite_curves_figure import write_suite_curves

    store = shared.open_store(arguments)
    require_references(loaded.suite.references, store.root)
    context = RunContext(
        results_dir=store.root,
        data_root=shared.data_root(arguments),
        cache_dir=shared.cache_dir(arguments),
        files=dict(loaded.grid.files),
        use_gpu=_use_gpu(loaded.suite.resources),
        checkpoint_every_s=arguments.checkpoint_every,
    )
    executor, resources = _executor(arguments), loaded.suite.resources
    narrowed, command = loaded.narrowed(selected), ("run", *_words(arguments))
    with (
        closing(_tracker(arguments, store.root)) as tracker,
        recorded(narrowed, command, store, tracker) as recording,
    ):
        driver = Driver(store, tracker, Display(store), illustrate=_draw_trial)
        run_grid(selected, resources, context, executor, driver, retry_failed=arguments.retry_failed)
        report = render_report(loaded, store)
        folder = write_report(report, arguments.reports_dir)
        with _optional():
            write_suite_curves(loaded.suite.title or loaded.suite.name, loaded.grid, store, folder)
        recording.report = folder
    print(report.page)
    print(f"tables: {folder}   trials: {store.root / 'trials'}   browse: bench ui", file=sys.stderr)
    failures = _failures(selected, store)
    for sentence in failures:
        print(sentence, file=sys.stderr)
    if failures and not arguments.retry_failed:
        print("--retry-failed runs what failed, and then what it blocks", file=sys.stderr)
    return 1 if failures else 0


def _draw_trial(record: "Record", folder: "TrialFolder") -> None:
    from bench.reporting.learning_curve_figure import write_learning_curve

    with _optional():
        write_learning_curve(record, folder)


@contextmanager
def _optional() -> Iterator[None]:
    """Turns a figure that cannot be drawn into a warning: no result is lost."""
    from bench.errors import BenchError

    try:
        yield
    except BenchError as error:
        logging.getLogger(__name__).warning("a figure is missing: %s", error)


def _failures(selected: "Grid", store: "ResultsStore") -> list[str]:
    """Says which trials failed or are blocked, which maps failed, and what files tell why."""
    from bench.results.blocked import blocked_sentences

    trials = (*selected.required, *selected.trials)
    failed = [trial.id for trial in trials if store.state(trial.id) == "failed"]
    maps = [
        f"cams/{point.cam}.json of {point.trial.id}"
        for point in selected.points
        if point.trial.id not in failed and store.state(point.trial.id, point.cam) == "failed"
    ]
    sentences = {
        f"{len(failed)} {_plural('trial', failed)} failed, see record.json of {', '.join(failed)}": failed,
        f"{len(maps)} {_plural('evaluation', maps)} of maps failed, see {', '.join(maps)}": maps,
    }
    told = [sentence for sentence, concerned in sentences.items() if concerned]
    return [*told, *blocked_sentences(trials, store)]


def _plural(word: str, concerned: list[str]) -> str:
    return word if len(concerned) == 1 else f"{word}s"


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


def _words(arguments: argparse.Namespace) -> list[str]:
    """Returns what the command line said that decides which trials there are, for people."""
    seeds = [f"--seeds={arguments.seeds}"] if arguments.seeds is not None else []
    only = [f"--only={condition}" for condition in arguments.only]
    return [str(arguments.suite), *only, *seeds, *(f"--set={one}" for one in arguments.overrides)]


def _tracker(arguments: argparse.Namespace, results_dir: Path) -> "Tracker":
    from bench.tracking.tracker import NullTracker

    if arguments.no_mlflow:
        return NullTracker()
    from bench.tracking.mlflow import MlflowTracker

    return MlflowTracker(results_dir)
