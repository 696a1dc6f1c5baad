"""The driver of a run: runs what is left to do, and writes down trials and the run itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.data.dataset import DataContext
from bench.data.loading import dataset_digest, load_dataset
from bench.errors import account
from bench.execution.context import RunContext
from bench.execution.executor import Executor
from bench.execution.live import View
from bench.execution.stopping import stopping_on_interrupt
from bench.planning.cost import Budget
from bench.planning.order import expected_times, longest_first
from bench.results.differences import require_same_data
from bench.results.failures import unreadable_sentences
from bench.results.invocation import Invocations
from bench.results.lease import Lease
from bench.results.record import CamEvaluation, EpochRow, Outcome, Record, now
from bench.results.store import ResultsStore, TrialFolder
from bench.suite.cam import NATIVE, CamMethod
from bench.suite.grid import Grid, Point
from bench.suite.load import LoadedSuite
from bench.suite.schema import Resources, StoredSpec
from bench.suite.trial import Trial
from bench.tracking.tracker import Tracker


@dataclass
class Driver:
    """Listens to an executor; the only one who writes records and tracks.

    Attributes:
        store: where records go.
        tracker: the view of them.
        display: what the user sees.
        illustrate: draws a trial that has ended into its folder, before it is tracked.
        cams: by trial id, the maps that this run is to evaluate beside the native one.
    """

    store: ResultsStore
    tracker: Tracker
    display: View
    illustrate: Callable[[Record, TrialFolder], None] = lambda _record, _folder: None
    cams: Mapping[str, tuple[CamMethod, ...]] = field(default_factory=dict)

    def started(self, trial: Trial) -> None:
        """Notes the start; also told when a trial is started again after its worker died."""
        self.store.announce(trial)
        self.store.folder(trial.id).progress.unlink(missing_ok=True)  # what an interrupted run said last
        self.tracker.started(trial)
        self.display.started(trial)

    def held_elsewhere(self, trial: Trial, lease: Lease) -> None:
        """Says who has the trial."""
        self.display.notice(f"{trial.id} is run by {lease}; its outcome is waited for")

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """Tracks and shows the epoch."""
        self.tracker.epoch(trial, row)
        self.display.epoch(trial, row)

    def finished(self, trial: Trial, outcome: Outcome) -> None:
        """Writes the record first: it is what counts. One that is there already stays as it is."""
        record = self._finished_record(trial)
        if record is None:
            record = self.store.finish(trial, outcome)
            self.display.ended(record, self.store.metrics(trial.id))
            self.illustrate(record, self.store.folder(trial.id))
        self.tracker.ended(record, self.store.folder(trial.id))

    def evaluated(self, trial: Trial, evaluation: CamEvaluation) -> None:
        """Writes the evaluation; that of the native map comes before the record, and is told with it."""
        self.store.evaluated(trial.id, evaluation)
        record = self._finished_record(trial)
        if record is not None:
            self.display.evaluated(trial, evaluation)
            self.tracker.ended(record, self.store.folder(trial.id))

    def failed(self, trial: Trial, error: str) -> None:
        """Writes the failure down: of a finished trial it is that of the maps that were still to evaluate."""
        if self._finished_record(trial) is not None:
            for method in self.cams.get(trial.id, ()):
                if self.store.state(trial.id, method) != "finished":
                    failure = CamEvaluation(method=method, status="failed", error=error, ended_at=now())
                    self.evaluated(trial, failure)
            return
        if self.store.state(trial.id) == "unreadable":  # a newer bench has ended it meanwhile
            self.display.notice(self.store.reason(trial.id))
            return
        record = self.store.fail(trial, error)
        self.display.ended(record, self.store.metrics(trial.id))
        self.illustrate(record, self.store.folder(trial.id))
        self.tracker.ended(record, self.store.folder(trial.id))

    def _finished_record(self, trial: Trial) -> Record | None:
        record = self.store.record(trial.id)
        return record if record is not None and record.status == "finished" else None


def run_grid(
    grid: Grid,
    resources: Resources,
    context: RunContext,
    executor: Executor,
    driver: Driver,
    *,
    retry_failed: bool = False,
    beside: LoadedSuite | None = None,
) -> None:
    """Runs the trials of `grid` and evaluates the maps that are not finished; failed ones only if asked.

    Trials that others start from are run before them, also those of other suites. Where one has failed or
    fails now, those that start from it are blocked: they are not run, and nothing is written for them.

    Args:
        grid: what is asked for.
        resources: of each trial.
        context: where to run.
        executor: what runs the trials.
        driver: what listens.
        retry_failed: run failed ones too.
        beside: the suite whose tables the trials come to; none of its results may be of other data.

    Raises:
        BenchError: data is missing or damaged, or not that of results beside, or the resources are not there.
        KeyboardInterrupt: the user has interrupted; the same call goes on.
    """
    todo = trials_to_run(grid, driver.store, retry_failed=retry_failed)
    for sentence in unreadable_sentences((*grid.required, *grid.trials), driver.store):
        driver.display.notice(sentence)
    driver.cams = cams_to_evaluate(grid, driver.store, retry_failed=retry_failed)
    track_ended(grid, driver.store, driver.tracker, todo)
    if not todo:
        return
    display = driver.display
    data = DataContext(context.data_root, context.cache_dir, context.files, display.preparing, display.notice)
    digests = {
        key: dataset_digest(dataset, data, grid.accepted.get(key, ()))
        for key, dataset in {trial.dataset.model_dump_json(): trial.dataset for trial in todo}.items()
    }
    if beside is not None:
        require_same_data(beside.points, driver.store, beside.grid.accepted, digests)
    stored = (trial for trial in todo if isinstance(trial.dataset, StoredSpec))
    for trial in {f"{t.dataset} {t.resolution}": t for t in stored}.values():
        digest = digests[trial.dataset.model_dump_json()]
        limited = replace(data, limit_images=trial.recipe.limit_images, digest=digest)
        load_dataset(trial.dataset, trial.resolution, limited)  # fills the cache
    times = _expected_times(todo, context, driver.store)
    todo = longest_first(todo, lambda trial: times[trial.id])
    context = replace(context, cams=driver.cams, data=digests)
    with driver.display.running(todo, driver.cams), stopping_on_interrupt(context) as stoppable:
        executor.run(todo, stoppable, resources, driver)


def _expected_times(todo: Sequence[Trial], context: RunContext, store: ResultsStore) -> dict[str, float]:
    """Returns by id what the trials are expected to take, s."""
    costs = Budget(store).trial_costs(todo, context.files, use_gpu=context.use_gpu)
    return expected_times(todo, costs, context.files)


def track_ended(grid: Grid, store: ResultsStore, tracker: Tracker, todo: Sequence[Trial] = ()) -> None:
    """Tells the tracker of all trials of `grid` that have ended before and are not among those to run."""
    to_run = {trial.id for trial in todo}
    for trial in grid.trials:
        record = store.record(trial.id)
        if record is not None and trial.id not in to_run:
            tracker.ended(record, store.folder(trial.id))


def trials_to_run(grid: Grid, store: ResultsStore, *, retry_failed: bool) -> Sequence[Trial]:
    """Returns the trials that are not finished or lack the evaluation of a map, in the order of the grid.

    Before them come trials that they start from and that are not finished. What has failed counts as done
    unless `retry_failed`, and what starts from it is left out; always so what cannot be read.
    """
    points = _points_to_run(grid, store, retry_failed=retry_failed)
    trials = {
        point.trial.id: point.trial
        for point in points
        if (blocker := store.blocker(point.trial)) is None
        or (retry_failed and store.state(blocker.id) == "failed")
    }
    before = {one.id: one for trial in trials.values() for one in store.unfinished_ancestors(trial)}
    return [*(one for key, one in before.items() if key not in trials), *trials.values()]


def cams_to_evaluate(
    grid: Grid, store: ResultsStore, *, retry_failed: bool
) -> dict[str, tuple[CamMethod, ...]]:
    """Returns, by trial id, the maps beside the native one that are asked for and not evaluated."""
    found: dict[str, tuple[CamMethod, ...]] = {}
    for point in _points_to_run(grid, store, retry_failed=retry_failed):
        if point.cam != NATIVE:
            found[point.trial.id] = (*found.get(point.trial.id, ()), point.cam)
    return found


def _points_to_run(grid: Grid, store: ResultsStore, *, retry_failed: bool) -> list[Point]:
    skipped = _skipped(retry_failed=retry_failed)
    return [point for point in grid.points if store.state(point.trial.id, point.cam) not in skipped]


def _skipped(*, retry_failed: bool) -> set[str]:
    done = {"finished", "unreadable"}
    return done if retry_failed else done | {"failed"}


@dataclass
class Recording:
    """What the block that runs a suite has to hand over.

    Attributes:
        report: the folder of the suite's report, once it is written.
    """

    report: Path | None = None


@contextmanager
def recorded(
    loaded: LoadedSuite, command: Sequence[str], store: ResultsStore, tracker: Tracker
) -> Iterator[Recording]:
    """Yields where to hand over the report of the run that the block is.

    Args:
        loaded: the suite, narrowed to what is run of it.
        command: the words of the command line, from the verb on.
        store: where the run is written down.
        tracker: is told when it begins and when it has ended.
    """
    invocations, recording = Invocations(store), Recording()
    invocation = invocations.begin(loaded, command)
    tracker.invoked(invocation)
    error: str | None = None
    try:
        yield recording
    except KeyboardInterrupt:
        error = ""
        raise
    except Exception as reason:
        error = account(reason)
        raise
    finally:
        tracker.reported(invocations.end(invocation, report=recording.report, error=error))
