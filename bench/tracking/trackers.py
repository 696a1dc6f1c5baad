"""The trackers that `bench run --tracker` can name: MLflow, and those from outside of bench.

A tracker is a class that derives from `RunObserver` and takes the results folder. The driver tells it what
happens, in its process; whatever it raises is a warning, and the run goes on.
"""

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from bench.errors import PluginError, SuiteError
from bench.results.invocation import Invocation
from bench.results.record import CamEvaluation, EpochRow, Record
from bench.suite.cam import CamMethod
from bench.suite.plugins import Declarations, imported, mistake
from bench.suite.trial import Trial
from bench.tracking import set_environment
from bench.tracking.observer import RunObserver

MLFLOW = "mlflow"

Tracker = Callable[[Path], RunObserver]
"""Given the results folder, returns who is to be told of a run."""

_log = logging.getLogger(__name__)


def _mlflow(results_dir: Path) -> RunObserver:
    """MLflow, which is imported only now."""
    set_environment()
    from bench.tracking.mlflow import MlflowTracker

    return MlflowTracker(results_dir)


def _declared(target: str) -> Tracker:
    found = imported(target)
    if not isinstance(found, type) or not issubclass(found, RunObserver):
        raise PluginError("is no class that derives from bench.tracking.observer.RunObserver", place=target)
    try:
        inspect.signature(found).bind(Path())
    except TypeError as error:
        raise PluginError(f"takes the results folder alone when it is made ({error})", place=target) from None
    return found


_OWN: dict[str, Tracker] = {MLFLOW: _mlflow}

TRACKERS = Declarations("bench.trackers", _OWN, _declared, takes_targets=True)
"""Every tracker that a run can name."""


def require_trackers(names: Sequence[str]) -> None:
    """Refuses names that lead to no tracker.

    Raises:
        SuiteError: there is one.
    """
    for name in names:
        if name not in TRACKERS:
            raise SuiteError(f"no tracker {name!r}", place="--tracker", value=name, allowed=TRACKERS)
        try:
            TRACKERS[name]
        except PluginError as error:
            raise SuiteError(str(error), place=f"--tracker {name}", value=name) from None


def open_tracker(name: str, results_dir: Path) -> RunObserver:
    """Returns a tracker of a run; one from outside of bench never raises."""
    make = TRACKERS[name]
    return make(results_dir) if name in TRACKERS.own else PluginTracker(name, make, results_dir)


class PluginTracker(RunObserver):
    """Tells a tracker from outside of bench, and turns its errors into warnings, each told once.

    Args:
        name: in warnings.
        make: returns it. Where that raises an error, nobody is told anything.
        results_dir: for `make`.
    """

    def __init__(self, name: str, make: Tracker, results_dir: Path) -> None:
        self._name, self._module = name, make.__module__
        self._warned: set[str] = set()
        self._tracker = RunObserver()
        made = self._tell(make, results_dir)
        if made is not None:
            self._tracker = made

    def _tell(self, call: Callable[..., Any], *facts: Any) -> Any:
        try:
            return call(*facts)
        except (Exception, SystemExit) as error:
            sentence = f"tracker {self._name!r}: {mistake(error, self._module)}; the run goes on without it"
            if sentence not in self._warned:
                _log.warning("%s", sentence)
            self._warned.add(sentence)
            return None

    def invoked(self, invocation: Invocation) -> None:
        """Tells it."""
        self._tell(self._tracker.invoked, invocation)

    def preparing(self, what: str, done: int, total: int) -> None:
        """Tells it."""
        self._tell(self._tracker.preparing, what, done, total)

    def notice(self, sentence: str) -> None:
        """Tells it."""
        self._tell(self._tracker.notice, sentence)

    @contextmanager
    def _within(
        self, trials: Sequence[Trial], cams: Mapping[str, Sequence[CamMethod]] | None
    ) -> Iterator[None]:
        context = self._tell(self._tracker.running, trials, cams)
        if context is not None:
            self._tell(context.__enter__)
        try:
            yield
        finally:
            if context is not None:
                self._tell(context.__exit__, None, None, None)

    def running(
        self, trials: Sequence[Trial], cams: Mapping[str, Sequence[CamMethod]] | None = None
    ) -> AbstractContextManager[None]:
        """Tells it; errors of the run itself are not shown to it."""
        return self._within(trials, cams)

    def started(self, trial: Trial) -> None:
        """Tells it."""
        self._tell(self._tracker.started, trial)

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """Tells it."""
        self._tell(self._tracker.epoch, trial, row)

    def ended(self, record: Record, metrics: Mapping[str, float]) -> None:
        """Tells it."""
        self._tell(self._tracker.ended, record, metrics)

    def evaluated(self, record: Record, evaluation: CamEvaluation) -> None:
        """Tells it."""
        self._tell(self._tracker.evaluated, record, evaluation)

    def found(self, record: Record) -> None:
        """Tells it."""
        self._tell(self._tracker.found, record)

    def reported(self, invocation: Invocation) -> None:
        """Tells it."""
        self._tell(self._tracker.reported, invocation)

    def close(self) -> None:
        """Tells it."""
        self._tell(self._tracker.close)
