"""The driver of a run: runs the trials that are left, and writes down how they and the run itself end."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.data.dataset import DataContext
from bench.data.loading import dataset_digest, load_dataset
from bench.errors import account
from bench.execution.context import RunContext
from bench.execution.executor import Executor
from bench.execution.exposure import require_unseen
from bench.execution.stopping import stopping_on_interrupt
from bench.planning.checks import checked_points
from bench.planning.cost import Budget
from bench.planning.order import expected_times, longest_first
from bench.results.differences import require_same_data
from bench.results.failures import unreadable_sentences
from bench.results.invocation import Invocations
from bench.results.lease import Lease
from bench.results.record import CamEvaluation, EpochRow, Outcome, Record, evaluation_name, now
from bench.results.store import ResultsStore
from bench.suite.cam import NATIVE, CamMethod
from bench.suite.dataset_specs import StoredSpec
from bench.suite.grid import Grid, Part, Point
from bench.suite.load import LoadedSuite
from bench.suite.schema import Resources
from bench.suite.trial import Trial
from bench.tracking.observer import RunObserver


@dataclass(frozen=True)
class Driver:
    """Listens to an executor; the only one who writes records. Tells observers what it has written down.

    Attributes:
        store: where records go.
        observers: displays, the drawing of trials, MLflow; told in this order.
        cams: by trial id, the maps that this run is to evaluate beside the native one.
        sanity: by trial id, the maps whose sanity this run is to check.
    """

    store: ResultsStore
    observers: Sequence[RunObserver] = ()
    cams: Mapping[str, tuple[CamMethod, ...]] = field(default_factory=dict)
    sanity: Mapping[str, tuple[CamMethod, ...]] = field(default_factory=dict)

    def started(self, trial: Trial) -> None:
        """Notes the start; also called when a trial is started again after its worker died."""
        self.store.announce(trial)
        self.store.folder(trial.id).progress.unlink(missing_ok=True)  # left by an interrupted run
        for observer in self.observers:
            observer.started(trial)

    def held_elsewhere(self, trial: Trial, lease: Lease) -> None:
        """Says who has the trial."""
        self.notice(f"{trial.id} is run by {lease}; its outcome is waited for")

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """Tells of the epoch."""
        for observer in self.observers:
            observer.epoch(trial, row)

    def finished(self, trial: Trial, outcome: Outcome) -> None:
        """Writes the record first: it is what counts. One that is there already stays as it is."""
        record = self._finished_record(trial)
        if record is None:
            self._ended(self.store.finish(trial, outcome))
        else:
            self.found(record)

    def evaluated(self, trial: Trial, evaluation: CamEvaluation) -> None:
        """Writes the evaluation; that of the native map comes before the record, which shows it too."""
        self.store.evaluated(trial.id, evaluation)
        record = self._finished_record(trial)
        if record is not None:
            for observer in self.observers:
                observer.evaluated(record, evaluation)

    def failed(self, trial: Trial, error: str) -> None:
        """Writes the failure down; of a finished trial, that of the maps that were still to evaluate."""
        if self._finished_record(trial) is not None:
            scores: list[tuple[CamMethod, Part]] = [(one, "scores") for one in self.cams.get(trial.id, ())]
            for method, part in (*scores, *((one, "sanity") for one in self.sanity.get(trial.id, ()))):
                if self.store.state(trial.id, method, part) != "finished":
                    failure = CamEvaluation(
                        method=method, part=part, status="failed", error=error, ended_at=now()
                    )
                    self.evaluated(trial, failure)
        elif self.store.state(trial.id) == "unreadable":  # a newer bench has ended it meanwhile
            self.notice(self.store.reason(trial.id))
        else:
            self._ended(self.store.fail(trial, error))

    def found(self, record: Record) -> None:
        """Tells of a trial that has ended before."""
        for observer in self.observers:
            observer.found(record)

    def notice(self, sentence: str) -> None:
        """Tells the user a sentence."""
        for observer in self.observers:
            observer.notice(sentence)

    def preparing(self, what: str, done: int, total: int) -> None:
        """Tells how many images are decoded or checked."""
        for observer in self.observers:
            observer.preparing(what, done, total)

    def _ended(self, record: Record) -> None:
        metrics = self.store.metrics(record.trial.id)
        for observer in self.observers:
            observer.ended(record, metrics)

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
        grid: the trials and maps that are asked for.
        resources: of each trial.
        context: where to run.
        executor: runs the trials.
        driver: listens.
        retry_failed: run failed ones too.
        beside: the suite whose tables the trials come to; none of its results may be of other data.

    Raises:
        BenchError: data is missing or damaged, or not that of results beside, or trials start from what has
            seen their test images, or the resources are not there.
        KeyboardInterrupt: the user has interrupted; the same call goes on.
    """
    store = driver.store
    todo = trials_to_run(grid, store, retry_failed=retry_failed)
    for sentence in unreadable_sentences((*grid.required, *grid.trials), store):
        driver.notice(sentence)
    to_run = {trial.id for trial in todo}
    for trial in grid.trials:
        record = store.record(trial.id)
        if record is not None and trial.id not in to_run:
            driver.found(record)
    if not todo:
        return
    data = DataContext(context.data_root, context.cache_dir, context.files, driver.preparing, driver.notice)
    require_unseen(grid, todo, data)
    digests = {
        key: dataset_digest(dataset, data, grid.accepted.get(key, ()))
        for key, dataset in {trial.dataset.model_dump_json(): trial.dataset for trial in todo}.items()
    }
    if beside is not None:
        require_same_data(beside.points, store, beside.grid.accepted, digests)
    stored = (trial for trial in todo if isinstance(trial.dataset, StoredSpec))
    for trial in {f"{t.dataset} {t.resolution}": t for t in stored}.values():
        digest = digests[trial.dataset.model_dump_json()]
        limited = replace(data, limit_images=trial.recipe.limit_images, digest=digest)
        load_dataset(trial.dataset, trial.resolution, limited)  # fills the cache
    costs = Budget(store).trial_costs(todo, context.files, use_gpu=context.use_gpu)
    times = expected_times(todo, costs, context.files)
    todo = longest_first(todo, lambda trial: times[trial.id])
    cams = cams_to_evaluate(grid, store, retry_failed=retry_failed)
    sanity = sanity_to_check(grid, store, retry_failed=retry_failed)
    context = replace(context, cams=cams, sanity=sanity, data=digests)
    names = {
        trial.id: (
            *cams.get(trial.id, ()),
            *(evaluation_name(one, "sanity") for one in sanity.get(trial.id, ())),
        )
        for trial in todo
    }
    with ExitStack() as stack:
        for observer in driver.observers:
            stack.enter_context(observer.running(todo, names))
        stoppable = stack.enter_context(stopping_on_interrupt(context))
        executor.run(todo, stoppable, resources, replace(driver, cams=cams, sanity=sanity))


def trials_to_run(grid: Grid, store: ResultsStore, *, retry_failed: bool) -> Sequence[Trial]:
    """Returns the trials that are not finished or lack the evaluation of a map, in the order of the grid.

    Before them come trials that they start from and that are not finished. Failed trials count as done unless
    `retry_failed`, and trials that start from them are left out; so are always those that cannot be read.
    """
    points = [
        *_points_to_run(grid.points, store, retry_failed=retry_failed),
        *_points_to_run(checked_points(grid), store, "sanity", retry_failed=retry_failed),
    ]
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
    for point in _points_to_run(grid.points, store, retry_failed=retry_failed):
        if point.cam != NATIVE:
            found[point.trial.id] = (*found.get(point.trial.id, ()), point.cam)
    return found


def sanity_to_check(
    grid: Grid, store: ResultsStore, *, retry_failed: bool
) -> dict[str, tuple[CamMethod, ...]]:
    """Returns, by trial id, the maps whose sanity checks are asked for and not done."""
    found: dict[str, tuple[CamMethod, ...]] = {}
    for point in _points_to_run(checked_points(grid), store, "sanity", retry_failed=retry_failed):
        found[point.trial.id] = (*found.get(point.trial.id, ()), point.cam)
    return found


def _points_to_run(
    points: Iterable[Point], store: ResultsStore, part: Part = "scores", *, retry_failed: bool
) -> list[Point]:
    skipped = {"finished", "unreadable"} | (set() if retry_failed else {"failed"})
    return [point for point in points if store.state(point.trial.id, point.cam, part) not in skipped]


@contextmanager
def recorded(loaded: LoadedSuite, command: Sequence[str], driver: Driver, report: Path) -> Iterator[None]:
    """Writes down that the suite runs within the block, and how that ended.

    Args:
        loaded: the suite, narrowed to what is run of it.
        command: the words of the command line, from the verb on.
        driver: tells its observers when the run begins and when it has ended.
        report: the folder of the suite's report, which the block writes last.
    """
    invocations = Invocations(driver.store)
    invocation = invocations.begin(loaded, command)
    for observer in driver.observers:
        observer.invoked(invocation)
    error: str | None = None
    written: Path | None = None
    try:
        yield
        written = report
    except KeyboardInterrupt:
        error = ""
        raise
    except Exception as reason:
        error = account(reason)
        raise
    finally:
        ended = invocations.end(invocation, report=written, error=error)
        for observer in driver.observers:
            observer.reported(ended)
