"""Run a suite: train and score what is not done yet, then write its tables."""

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.errors import BenchError
from bench.execution.context import CHECKPOINT_EVERY_S

if TYPE_CHECKING:
    from bench.execution.executor import Executor
    from bench.results.record import Record
    from bench.results.store import ResultsStore, TrialFolder
    from bench.suite.grid import Grid
    from bench.suite.load import LoadedSuite
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
        "--address",
        metavar="ADDRESS",
        help="run on a Ray cluster that is there: auto for this machine's, or HOST:PORT (default: start one)",
    )
    parser.add_argument(
        "--max-concurrent",
        type=shared.count,
        metavar="N",
        help="trials that run at once at most (default: as many as there is room for)",
    )
    parser.add_argument(
        "--cpu", action="store_true", help="train on the CPU, whatever the suite asks for or the machine has"
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

    from bench.execution.driver import track_ended, trials_to_run
    from bench.reporting.current import current_page
    from bench.reporting.references import require_references

    store = shared.open_store(arguments)
    require_references(loaded.suite.references, store.root)
    page = None
    if trials_to_run(selected, store, retry_failed=arguments.retry_failed):
        _run(arguments, loaded, selected, store)
    else:
        with closing(_tracker_on_demand(arguments, loaded, store.root)) as tracker:
            track_ended(selected, store, tracker)
        page = current_page(loaded, store, arguments.reports_dir)
    print(_write_report(arguments, loaded, store) if page is None else page)
    folder = arguments.reports_dir / loaded.suite.name
    print(f"tables: {folder}   trials: {store.root / 'trials'}   browse: bench ui", file=sys.stderr)
    failures = _failures(selected, store)
    for sentence in failures:
        print(sentence, file=sys.stderr)
    if failures and not arguments.retry_failed:
        print("--retry-failed runs what failed, and then what it blocks", file=sys.stderr)
    return 1 if failures else 0


def _run(
    arguments: argparse.Namespace, loaded: "LoadedSuite", selected: "Grid", store: "ResultsStore"
) -> None:
    from bench.execution.context import RunContext
    from bench.execution.driver import Driver, run_grid
    from bench.execution.gpus import decide_gpu
    from bench.execution.live import Display

    resources, executor = loaded.suite.resources, _executor(arguments)
    context = RunContext(
        results_dir=store.root,
        data_root=shared.data_root(arguments),
        cache_dir=shared.cache_dir(arguments),
        files=dict(loaded.grid.files),
        use_gpu=decide_gpu(resources, executor, cpu_only=arguments.cpu),
        checkpoint_every_s=arguments.checkpoint_every,
    )
    with closing(_tracker(arguments, loaded, store.root)) as tracker:
        driver = Driver(store, tracker, Display(store), illustrate=_draw_trial)
        run_grid(selected, resources, context, executor, driver, retry_failed=arguments.retry_failed)


def _write_report(arguments: argparse.Namespace, loaded: "LoadedSuite", store: "ResultsStore") -> str:
    """Writes the report, its lock last, and returns its page."""
    from bench.reporting.build import render_report, write_report
    from bench.reporting.suite_curves_figure import write_suite_curves

    report = render_report(loaded, store)
    with _optional():
        folder = arguments.reports_dir / loaded.suite.name
        write_suite_curves(loaded.suite.title or loaded.suite.name, loaded.grid, store, folder)
    write_report(report, arguments.reports_dir)
    return report.page


def _draw_trial(record: "Record", folder: "TrialFolder") -> None:
    from bench.reporting.learning_curve_figure import write_learning_curve

    with _optional():
        write_learning_curve(record, folder)


@contextmanager
def _optional() -> Iterator[None]:
    """Turns a figure that cannot be drawn into a warning: no result is lost."""
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


def _executor(arguments: argparse.Namespace) -> "Executor":
    if arguments.serial:
        for given, name in ((arguments.address, "--address"), (arguments.max_concurrent, "--max-concurrent")):
            if given is not None:
                raise BenchError(f"{name}: is for Ray; leave it or --serial out")
        from bench.execution.serial import SerialExecutor

        return SerialExecutor()
    from bench.execution.ray_tune import RayExecutor

    return RayExecutor(arguments.address, arguments.max_concurrent)


def _tracker(arguments: argparse.Namespace, loaded: "LoadedSuite", results_dir: Path) -> "Tracker":
    from bench.tracking.tracker import NullTracker

    if arguments.no_mlflow:
        return NullTracker()
    from bench.tracking.mlflow import MlflowTracker

    return MlflowTracker(loaded.suite.name, loaded.grid, results_dir)


def _tracker_on_demand(arguments: argparse.Namespace, loaded: "LoadedSuite", results_dir: Path) -> "Tracker":
    """Returns a tracker for trials that have ended before: MLflow is imported if it lacks one of them."""
    from bench.tracking.mirrored import OnDemand, mirrored_tags

    tags = mirrored_tags(results_dir, loaded.suite.name)
    return OnDemand(tags, lambda: _tracker(arguments, loaded, results_dir))
