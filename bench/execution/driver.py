"""The driver of a run: what is left to do, records and tracking of what happens."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.data.dataset import DataContext
from bench.data.registry import prepare_dataset
from bench.execution.context import RunContext
from bench.execution.executor import Executor
from bench.execution.live import Display
from bench.results.record import EpochRow, Outcome
from bench.results.store import ResultsStore
from bench.suite.grid import Grid
from bench.suite.schema import Resources
from bench.suite.trial import Trial
from bench.tracking.tracker import Tracker


@dataclass
class Driver:
    """Listens to an executor; the only one who writes records and tracks.

    Attributes:
        store: where records go.
        tracker: the view of them.
        display: what the user sees.
        failed_trials: ids of trials that failed in this run.
    """

    store: ResultsStore
    tracker: Tracker
    display: Display
    failed_trials: list[str] = field(default_factory=list)

    def started(self, trial: Trial) -> None:
        """Notes the start; also told when a trial is started again after its worker died."""
        self.store.announce(trial)
        self.tracker.started(trial)
        self.display.started(trial)

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """Tracks the epoch."""
        self.tracker.epoch(trial, row)

    def finished(self, trial: Trial, outcome: Outcome) -> None:
        """Writes the record first: it is what counts."""
        record = self.store.finish(trial, outcome)
        self.display.ended(record)
        self.tracker.ended(record, self.store.folder(trial.id))

    def failed(self, trial: Trial, error: str) -> None:
        """Writes the failure down."""
        record = self.store.fail(trial, error)
        self.failed_trials.append(trial.id)
        self.display.ended(record)
        self.tracker.ended(record, self.store.folder(trial.id))


def run_grid(
    grid: Grid,
    resources: Resources,
    context: RunContext,
    executor: Executor,
    driver: Driver,
    *,
    retry_failed: bool = False,
) -> None:
    """Runs the trials of `grid` that are not finished; failed ones only if asked.

    Raises:
        BenchError: data is missing or damaged, or the resources are not there.
        KeyboardInterrupt: the user has interrupted; the same call goes on.
    """
    todo = trials_to_run(grid, driver.store, retry_failed=retry_failed)
    to_run = {trial.id for trial in todo}
    for trial in grid.trials:
        record = driver.store.record(trial.id)
        if record is not None and trial.id not in to_run:
            driver.tracker.ended(record, driver.store.folder(trial.id))
    if not todo:
        return
    data = DataContext(context.data_root, context.cache_dir, context.files, driver.display.preparing)
    for trial in {f"{t.dataset} {t.resolution}": t for t in todo}.values():
        prepare_dataset(trial.dataset, trial.resolution, data)
    with driver.display.running(todo):
        executor.run(todo, context, resources, driver)


def trials_to_run(grid: Grid, store: ResultsStore, *, retry_failed: bool) -> Sequence[Trial]:
    """Returns the grid's trials without a record, and the failed ones if asked, in order."""
    skipped = {"finished"} if retry_failed else {"finished", "failed"}
    return [trial for trial in grid.trials if store.state(trial.id) not in skipped]
