"""Runs a suite: trains and scores the trials that are left, then writes its report with all figures."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from rich.console import Console

from bench.api.suites import (
    Seeds,
    SuiteLike,
    as_loaded,
    as_path,
    data_context,
    listed,
    report_folder,
    select,
    several,
)
from bench.data.dataset import DataContext
from bench.errors import MOST_NAMED, BenchError, listing
from bench.execution.context import CHECKPOINT_EVERY_S, RunContext
from bench.execution.driver import Driver, recorded, run_grid, trials_to_run
from bench.execution.executor import Executor, decide_gpu
from bench.execution.live import Display
from bench.execution.sensitivities import Sensitivities
from bench.planning.cost import Budget
from bench.planning.machine import this_machine
from bench.planning.map_cost import cost_table, map_costs
from bench.reporting.check import current_page
from bench.reporting.references import require_references
from bench.results.changed_sources import changed_source_sentences
from bench.results.differences import require_same_data
from bench.results.failures import blocked_sentences, unreadable_sentences
from bench.results.files import require_writable
from bench.results.grid_results import Results
from bench.results.invocation import Invocations
from bench.results.record import evaluation_name
from bench.results.store import ResultsStore
from bench.suite.cam import CAMS, require_packages
from bench.suite.find import suite_word
from bench.suite.grid import Grid
from bench.suite.load import SMOKE_FOLDER, LoadedSuite
from bench.suite.trial import Trial
from bench.suite.user_path import results_folder
from bench.tracking.database import is_mirrored, mirrored_tags
from bench.tracking.observer import RunObserver
from bench.tracking.trackers import MLFLOW, open_tracker, require_trackers

ExecutorName = Literal["ray", "serial"]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Which part of a suite is run, where and how: the arguments of `run` of the same names."""

    only: Sequence[str] = ()
    seeds: str | None = None
    shard: str | None = None
    results_dir: Path
    reports_dir: Path
    data_root: Path | None = None
    cache_dir: Path | None = None
    executor: ExecutorName = "ray"
    address: str | None = None
    max_concurrent: int | None = None
    cpu: bool = False
    mlflow: bool = True
    trackers: Sequence[str] = ()
    retry_failed: bool = False
    max_hours: float | None = None
    limit_batches: int | None = None
    checkpoint_every_s: float = CHECKPOINT_EVERY_S

    def suite(self, loaded: LoadedSuite) -> LoadedSuite:
        """Returns the suite to run: this one, or a smoke test of it."""
        return loaded if self.limit_batches is None else loaded.limited(self.limit_batches)

    def select(self, loaded: LoadedSuite) -> Grid:
        """Returns the trials that are selected of the suite."""
        return select(loaded, self.only, self.seeds, self.shard)

    def command(self, loaded: LoadedSuite) -> tuple[str, ...]:
        """Returns the command, for people, as far as it decides which trials there are."""
        only = [f"--only={condition}" for condition in self.only]
        seeds = [f"--seeds={self.seeds}"] if self.seeds is not None else []
        return (
            "run",
            suite_word(loaded.source),
            *only,
            *seeds,
            *(f"--set={one}" for one in loaded.overrides),
        )

    @property
    def store(self) -> ResultsStore:
        """Where trials go: smoke tests have a folder of their own."""
        return ResultsStore(self._own(self.results_dir.resolve()))

    @property
    def reports(self) -> Path:
        """Where reports go, likewise."""
        return self._own(self.reports_dir)

    def _own(self, folder: Path) -> Path:
        return folder if self.limit_batches is None else folder / SMOKE_FOLDER

    def data(self, loaded: LoadedSuite) -> DataContext:
        """Returns where the suite's data sets are."""
        return data_context(loaded.grid.files, self.results_dir, self.data_root, self.cache_dir)


@dataclass(frozen=True)
class Ended:
    """How a run has ended.

    Attributes:
        page: of the report, Markdown.
        folder: of the report.
        failures: sentences: which trials and maps of the selection have failed, are blocked or unreadable.
        left: trials that were not started, since `max_hours` were over.
    """

    page: str
    folder: Path
    failures: tuple[str, ...]
    left: Sequence[Trial]


def run(
    suite: SuiteLike,
    *,
    only: str | Sequence[str] = (),
    seeds: Seeds = None,
    shard: str | None = None,
    results_dir: str | Path = "results",
    reports_dir: str | Path = "reports",
    data_root: str | Path | None = None,
    cache_dir: str | Path | None = None,
    executor: ExecutorName = "ray",
    address: str | None = None,
    max_concurrent: int | None = None,
    cpu: bool = False,
    mlflow: bool = True,
    trackers: str | Sequence[str] = (),
    retry_failed: bool = False,
    max_hours: float | None = None,
    limit_batches: int | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    progress: bool = True,
) -> Results:
    """Runs the selected trials of a suite, writes the report of all of it, returns the selection's results.

    It returns when every trial has ended. Finished trials are not run again: after an interrupt (Ctrl-C, the
    stop button of a notebook), a crash or a reboot the same call goes on. A trial that fails is no error of
    the call: it is shown, and `plan` returns the state of every trial.

    Args:
        suite: a file, or a loaded suite.
        only: conditions such as ``model=pylon``, on model, dataset, resolution, seed or cam.
        seeds: only these, e.g. ``"0-2"`` or ``range(3)``.
        shard: ``I/N``, the I-th of N parts of the selection, for several machines.
        results_dir: where trials are kept.
        reports_dir: where the report is written, in a folder of the suite's name.
        data_root: folder of the downloaded data set, or of several by name.
        cache_dir: where decoded images are kept; by default ``cache/`` in the results folder.
        executor: ``ray`` runs as many trials at once as there is room for, ``serial`` one by one in this
            process.
        address: of a Ray cluster that is there, ``auto`` or ``HOST:PORT``; by default one is started.
        max_concurrent: trials that run at once at most, with Ray.
        cpu: train on the CPU, whatever the suite asks for or the machine has.
        mlflow: mirror trials to MLflow.
        trackers: who else is told of the run: classes of your own, ``module:class``, or offered ones.
        retry_failed: run failed trials again.
        max_hours: start no trial after so many hours; trials that run by then are allowed to finish.
        limit_batches: a smoke test: so many batches of images, one epoch, into ``smoke/`` of both folders.
        checkpoint_every_s: least time between a trial's checkpoints, s.
        progress: show progress on stderr, or in the notebook's cell.

    Raises:
        BenchError: the suite, the data, the results or the machine do not allow it; the sentence says why.
        KeyboardInterrupt: the user has interrupted; what was running has written a checkpoint.
        OSError: a folder cannot be written.
    """
    if executor not in get_args(ExecutorName):
        names = get_args(ExecutorName)
        raise BenchError(f"there is no {executor!r}", place="executor", value=executor, allowed=names)
    options = RunOptions(
        only=several(only),
        seeds=listed(seeds),
        shard=shard,
        results_dir=results_folder(str(results_dir)),
        reports_dir=as_path(reports_dir),
        data_root=None if data_root is None else as_path(data_root),
        cache_dir=None if cache_dir is None else as_path(cache_dir),
        executor=executor,
        address=address,
        max_concurrent=max_concurrent,
        cpu=cpu,
        mlflow=mlflow,
        trackers=several(trackers),
        retry_failed=retry_failed,
        max_hours=max_hours,
        limit_batches=limit_batches,
        checkpoint_every_s=checkpoint_every_s,
    )
    loaded, store = options.suite(as_loaded(suite)), options.store
    selected = options.select(loaded)
    view = Display(store, None if progress else Console(quiet=True))
    for sentence in run_selected(loaded, selected, options, view).failures:
        view.notice(sentence)
    return Results(selected, store)


def run_selected(loaded: LoadedSuite, selected: Grid, options: RunOptions, view: RunObserver) -> Ended:
    """Runs `selected` and writes the report of `loaded`, unless all of that is done; errors as of `run`."""
    store, reports_dir, hours = options.store, options.reports, options.max_hours
    folder = report_folder(reports_dir, loaded)
    require_trackers(options.trackers)
    Invocations(store).require_own(loaded)
    require_references(loaded.suite.references, store.root)
    require_same_data(loaded.points, store, loaded.grid.accepted)
    require_packages(point.cam for point in selected.points)
    for sentence in changed_source_sentences(selected, store):
        view.notice(sentence)
    until_s = None if hours is None else time.monotonic() + hours * 3600
    todo = trials_to_run(selected, store, retry_failed=options.retry_failed)
    for sentence in _slow_maps(selected, loaded, store):
        view.notice(sentence)
    if todo or (options.mlflow and not _is_all_mirrored(loaded, selected, store)):
        page = _run(loaded, selected, options, view, until_s)
    else:
        with closing(Sensitivities(store)) as sensitivities:
            for record in filter(None, (store.record(trial.id) for trial in selected.trials)):
                sensitivities.found(record)
            sensitivities.finish()
        page = current_page(loaded, store, reports_dir) or _write_report(loaded, options)
    is_late = until_s is not None and time.monotonic() >= until_s
    left = trials_to_run(selected, store, retry_failed=False) if is_late else ()
    return Ended(page, folder, _failures(selected, store), left)


def _slow_maps(selected: Grid, loaded: LoadedSuite, store: ResultsStore) -> Iterator[str]:
    """Yields a sentence for each slow map that is to be evaluated, with its cost."""
    slow = [point for point in selected.points if CAMS[point.cam].is_slow]
    if not slow:
        return
    budget, machine = Budget(store), this_machine()
    use_gpu = loaded.suite.resources.gpu != 0 and machine.num_gpus > 0
    for row in cost_table(map_costs(slow, store, budget, use_gpu=use_gpu), num_slots=1):
        units = f" of {row['units']} units together" if row["units"] else ""
        passes = f", about {row['passes per unit']} forward passes a unit" if row["passes per unit"] else ""
        time_left = f"; time {row['time']}" if row["time"] else ""
        yield f"{row['map']} is slow: {row['left']} evaluations are left{units}{passes}{time_left}"


def _run(
    loaded: LoadedSuite, selected: Grid, options: RunOptions, view: RunObserver, until_s: float | None
) -> str:
    from bench.api.drawing import ImageReader, TrialPictures, write_run_report

    store, data = options.store, options.data(loaded)
    # Before anything is trained: can results and reports be written?
    require_writable(options.results_dir, "--results-dir")
    require_writable(store.root, "--results-dir", with_locks=True)
    require_writable(options.reports, "--reports-dir")
    executor = _executor(options)
    context = RunContext(
        results_dir=store.root,
        data_root=data.data_root,
        cache_dir=data.cache_dir,
        files=dict(data.files),
        use_gpu=decide_gpu(loaded.suite.resources, executor, cpu_only=options.cpu),
        checkpoint_every_s=options.checkpoint_every_s,
        start_until_s=until_s,
        metrics=loaded.suite.metrics,
    )
    images, report = ImageReader(data), options.reports / loaded.suite.name
    sensitivities = Sensitivities(store)
    observers = [view, sensitivities, TrialPictures(store, images), *_trackers(options)]
    driver = Driver(store, observers)
    with ExitStack() as stack:
        for observer in observers:
            stack.callback(observer.close)
        stack.enter_context(recorded(loaded.narrowed(selected), options.command(loaded), driver, report))
        run_grid(
            selected,
            loaded.suite.resources,
            context,
            executor,
            driver,
            retry_failed=options.retry_failed,
            beside=loaded,
        )
        sensitivities.finish()
        return write_run_report(loaded, store, images, options.reports)


def _write_report(loaded: LoadedSuite, options: RunOptions) -> str:
    """Writes the report without running anything; libraries for drawing are imported only here."""
    from bench.api.drawing import ImageReader, write_run_report

    return write_run_report(loaded, options.store, ImageReader(options.data(loaded)), options.reports)


def _executor(options: RunOptions) -> Executor:
    """Returns the executor; only the one that is wanted is imported."""
    if options.executor == "ray":
        from bench.execution.ray import set_environment as set_ray_environment

        set_ray_environment()
        from bench.execution.ray.executor import RayExecutor

        return RayExecutor(options.address, options.max_concurrent)
    for given, name in ((options.address, "--address"), (options.max_concurrent, "--max-concurrent")):
        if given is not None:
            raise BenchError("is for Ray; leave it or --serial out", place=name, value=given)
    from bench.execution.serial import SerialExecutor

    return SerialExecutor()


def _trackers(options: RunOptions) -> list[RunObserver]:
    names = dict.fromkeys([*([MLFLOW] if options.mlflow else []), *options.trackers])
    return [open_tracker(name, options.store.root) for name in names]


def _is_all_mirrored(loaded: LoadedSuite, selected: Grid, store: ResultsStore) -> bool:
    """Returns whether MLflow has all selected trials that have ended; it is not imported for that."""
    tags = mirrored_tags(store.root, loaded.suite.name)
    records = ((trial.id, store.record(trial.id)) for trial in selected.trials)
    return all(
        is_mirrored(record, store.folder(trial_id), tags.get(trial_id, {}))
        for trial_id, record in records
        if record is not None
    )


def _failures(selected: Grid, store: ResultsStore) -> tuple[str, ...]:
    """Returns which trials failed, are blocked or cannot be read, and which maps failed, in sentences."""
    trials = (*selected.required, *selected.trials)
    failed = [trial.id for trial in trials if store.state(trial.id) == "failed"]
    maps = [
        f"{evaluation_name(point.cam, part)} of {point.trial.id}"
        for point in selected.points
        for part in point.parts
        if point.trial.id not in failed and store.state(point.trial.id, point.cam, part) == "failed"
    ]
    told = [
        f"{len(names)} {noun}{'' if len(names) == 1 else 's'}{of} failed: {listing(names, MOST_NAMED)}"
        for names, noun, of in ((failed, "trial", ""), (maps, "evaluation", " of maps"))
        if names
    ]
    return (*told, *blocked_sentences(trials, store), *unreadable_sentences(trials, store))
