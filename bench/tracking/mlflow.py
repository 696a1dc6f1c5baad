"""Mirrors a run of a suite to MLflow while it runs: an experiment per suite, a parent, a child per trial.

The results folder is the truth. If the store cannot be reached, a warning is logged, the run goes on, and
missing parts are mirrored as soon as the store answers again, or by `bench mlflow-sync`.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mlflow.entities import Run
from sqlalchemy.exc import SQLAlchemyError

from bench.errors import DiskFullError, ResultsError, brief
from bench.results.invocation import Invocation, Invocations
from bench.results.record import EpochRow, Record
from bench.results.store import ResultsStore
from bench.suite.trial import Trial
from bench.tracking.mlflow_store import UNREACHABLE, MlflowStore
from bench.tracking.observer import RunObserver
from bench.tracking.suite_runs import SuiteRuns
from bench.tracking.system_metrics import SystemMetrics
from bench.tracking.trial_runs import TrialRuns, trainer_of

log = logging.getLogger(__name__)

PAUSE_S = 20.0
"""Time without a try after a failure, at least, so that a store that is away does not slow the run down."""

_PAUSE_PER_WAIT = 9
"""Where a failure takes long, as with a server that never answers, trying takes a tenth of the time."""


class MlflowTracker(RunObserver):
    """Writes to an MLflow store.

    The store is opened if that can be done now; else it is tried again later, as after any failure.

    Args:
        results_dir: the store is below it unless ``MLFLOW_TRACKING_URI`` says otherwise.

    Raises:
        DiskFullError: there is no room for the store.
    """

    def __init__(self, results_dir: Path) -> None:
        self._results = ResultsStore(results_dir.resolve())
        self._invocations = Invocations(self._results)
        self._store: MlflowStore | None = None
        self._system: SystemMetrics | None = None
        self._invocation: Invocation | None = None
        self._opened: tuple[Run, TrialRuns, SuiteRuns] | None = None
        self._pending: dict[str, Record] = {}
        self._away_until_s = 0.0
        self._attempt(self._connect)

    def invoked(self, invocation: Invocation) -> None:
        """Opens the parent."""
        self._invocation = invocation
        self._opened = None
        self._attempt(self._open)

    def started(self, trial: Trial) -> None:
        """Opens the trial's run, the one of an interrupted attempt if there is one."""
        self._attempt(lambda: self._start(trial))

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """Logs the epoch's figures unless they are there already."""
        self._attempt(lambda: self._open()[1].log_epochs(self._run(trial), [row], {}))

    def found(self, record: Record) -> None:
        """Logs the metrics and artifacts that the store lacks, and closes the run; now, or when it can."""
        self._pending[record.trial.id] = record
        self._catch_up()

    def reported(self, invocation: Invocation) -> None:
        """Mirrors what is still missing, and closes the parent with its tables and figures."""
        self._invocation = invocation
        self._away_until_s = 0.0
        self._catch_up()
        folder = self._invocations.folder(invocation)
        self._attempt(lambda: self._open()[2].mirror(invocation, folder))
        if self._pending or self._away_until_s:
            log.warning("MLflow lacks some of %s; bench mlflow-sync makes up for it", invocation.name)

    def close(self) -> None:
        """Ends the sampling of this machine, also where trials were interrupted."""
        if self._system is not None:
            self._system.stop()

    def _attempt(self, action: Callable[[], object]) -> bool:
        """Turns MLflow's errors into a warning; whether the action was done."""
        began_s = time.monotonic()
        if began_s < self._away_until_s:
            return False
        try:
            action()
        except DiskFullError:
            raise
        except (*UNREACHABLE, SQLAlchemyError, ResultsError) as error:
            now_s = time.monotonic()
            self._away_until_s = now_s + max(PAUSE_S, _PAUSE_PER_WAIT * (now_s - began_s))
            log.warning("MLflow was not told (%s); it is made up for later", brief(error))
            return False
        self._away_until_s = 0.0
        return True

    def _catch_up(self) -> None:
        for record in tuple(self._pending.values()):
            if not self._attempt(partial(self._end, record)):
                return
            del self._pending[record.trial.id]

    def _connect(self) -> MlflowStore:
        if self._store is None:
            self._store = MlflowStore(self._results.root)
            self._system = SystemMetrics(self._store.client)
        return self._store

    def _open(self) -> tuple[Run, TrialRuns, SuiteRuns]:
        assert self._invocation is not None, "a run of a suite begins before its trials"
        if self._opened is None:
            store, suite = self._connect(), self._invocation.suite
            parents = SuiteRuns(store, suite)
            parent = parents.mirror(self._invocation, self._invocations.folder(self._invocation))
            self._opened = parent, TrialRuns(store, suite), parents
        return self._opened

    def _run(self, trial: Trial, record: Record | None = None) -> Run:
        assert self._invocation is not None
        parent, runs, _ = self._open()
        labels = {one.id: one.label for one in self._invocation.trials}
        label = labels.get(trial.id, trial.label)
        return runs.open(trial, label, parent, [self._invocation], record)

    def _start(self, trial: Trial) -> None:
        run = self._run(trial)
        self._open()[1].resume(run)
        if self._system is not None:
            self._system.open(run.info.run_id)

    def _end(self, record: Record) -> None:
        run = self._run(record.trial, record)
        if self._system is not None:
            self._system.close(run.info.run_id)
        trainer = trainer_of(record, self._invocations.every())
        self._open()[1].mirror(run, record, self._results.folder(record.trial.id), trainer)
