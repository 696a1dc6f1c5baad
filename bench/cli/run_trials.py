"""Runs trials as the command line says: on which executor, mirrored by which tracker."""

import argparse
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments as shared
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.cli.gallery_drawing import ImageReader
    from bench.execution.context import RunContext
    from bench.execution.event_log import EventLog
    from bench.execution.executor import Executor
    from bench.results.store import ResultsStore
    from bench.suite.grid import Grid
    from bench.suite.load import LoadedSuite
    from bench.tracking.tracker import Tracker


def run_trials(
    arguments: argparse.Namespace,
    loaded: "LoadedSuite",
    selected: "Grid",
    store: "ResultsStore",
    reports_dir: Path,
    events: "EventLog | None",
    *,
    retry_failed: bool,
) -> tuple[str, bool]:
    """Runs `selected`; returns the report's page, and whether the time to start any was over at the end."""
    from bench.cli.run_report import draw_trial, write_run_report
    from bench.execution.driver import Driver, run_grid
    from bench.execution.live import Display
    from bench.execution.recording import recorded

    _require_folders(arguments, store, reports_dir)
    executor = _executor(arguments)
    context = _context(arguments, loaded, store, executor)
    command = ("run", *_words(arguments))
    with (
        closing(_tracker(arguments, store.root)) as tracker,
        recorded(loaded.narrowed(selected), command, store, tracker) as recording,
    ):
        images = image_reader(arguments, loaded)
        illustrate = partial(draw_trial, store=store, images=images)
        driver = Driver(store, tracker, events or Display(store), illustrate=illustrate)
        run_grid(
            selected,
            loaded.suite.resources,
            context,
            executor,
            driver,
            retry_failed=retry_failed,
            beside=loaded,
        )
        page = write_run_report(loaded, store, images, reports_dir)
        recording.report = reports_dir / loaded.suite.name
    return page, context.start_until_s is not None and time.monotonic() >= context.start_until_s


def _require_folders(arguments: argparse.Namespace, store: "ResultsStore", reports_dir: Path) -> None:
    """Checks before anything is trained that results and reports can be written.

    Raises:
        ResultsError: they cannot.
    """
    from bench.results.writable import require_writable

    require_writable(arguments.results_dir, "--results-dir")
    require_writable(store.root, "--results-dir", with_locks=True)
    require_writable(reports_dir, "--reports-dir")


def _context(
    arguments: argparse.Namespace, loaded: "LoadedSuite", store: "ResultsStore", executor: "Executor"
) -> "RunContext":
    from bench.execution.context import RunContext
    from bench.execution.gpus import decide_gpu

    hours = arguments.max_hours
    return RunContext(
        results_dir=store.root,
        data_root=shared.data_root(arguments),
        cache_dir=shared.cache_dir(arguments),
        files=dict(loaded.grid.files),
        use_gpu=decide_gpu(loaded.suite.resources, executor, cpu_only=arguments.cpu),
        checkpoint_every_s=arguments.checkpoint_every,
        start_until_s=None if hours is None else time.monotonic() + hours * 3600,
    )


def image_reader(arguments: argparse.Namespace, loaded: "LoadedSuite") -> "ImageReader":
    """Returns what reads images of the suite's data sets."""
    from bench.cli.gallery_drawing import ImageReader
    from bench.data.dataset import DataContext

    root, cache = shared.data_root(arguments), shared.cache_dir(arguments)
    return ImageReader(DataContext(root, cache, dict(loaded.grid.files)))


def _executor(arguments: argparse.Namespace) -> "Executor":
    if arguments.serial:
        for given, name in ((arguments.address, "--address"), (arguments.max_concurrent, "--max-concurrent")):
            if given is not None:
                raise BenchError(f"{name}: is for Ray; leave it or --serial out")
        from bench.execution.serial import SerialExecutor

        return SerialExecutor()
    from bench.execution.ray_tune import RayExecutor

    return RayExecutor(arguments.address, arguments.max_concurrent)


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


def is_all_mirrored(
    arguments: argparse.Namespace, loaded: "LoadedSuite", selected: "Grid", store: "ResultsStore"
) -> bool:
    """Returns whether MLflow knows all that has ended of what is selected; asked without importing it."""
    from bench.tracking.mirrored import is_mirrored, mirrored_tags

    if arguments.no_mlflow:
        return True
    tags = mirrored_tags(store.root, loaded.suite.name)
    records = ((trial.id, store.record(trial.id)) for trial in selected.trials)
    return all(
        is_mirrored(record, store.folder(trial_id), tags.get(trial_id, {}))
        for trial_id, record in records
        if record is not None
    )
