"""What Tune's driver loop tells, passed on to the listener of a run; what goes wrong there ends the run."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ray import tune

from bench.errors import DiskFullError
from bench.execution.executor import Listener
from bench.execution.ray import cluster  # noqa: F401  # before Ray
from bench.execution.ray.capacity import RoomWatch
from bench.execution.ray.worker_failures import cause_of_death, last_failure, too_many_deaths
from bench.execution.stopping import Halt
from bench.results.record import CamEvaluation, EpochRow, Outcome
from bench.suite.trial import Trial

# isort: split


log = logging.getLogger(__name__)

listeners: dict[str, Listener] = {}
"""Tune pickles its callbacks, and a listener has displays and connections: callbacks hold a key to it."""


class Relay(tune.Callback):
    """Tells the listener, in the driver process, what workers report.

    Attributes:
        ended: ids of trials that have ended.
    """

    def __init__(self, key: str, trials: Mapping[str, Trial], halt: Halt, room: RoomWatch) -> None:
        """Takes the listener's key, the trials by id, and who is told of what ends the run."""
        self.key, self.trials, self.halt, self.room = key, trials, halt, room
        self.ended: set[str] = set()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tells that the trial runs now."""
        self._tell(lambda listener: listener.started(self._trial(trial)))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Tells what a worker has reported."""
        ours = self._trial(trial)
        if "disk_full" in result:
            self.halt.because(DiskFullError(result["disk_full"]))
        elif "ended" in result:
            self.ended.add(ours.id)
        else:
            self._tell(lambda listener: _pass_on(result, ours, listener))

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Says that a trial is started again, and why."""
        ours, cause = self._trial(trial), cause_of_death(_last_failure_of(trial))
        log.warning("%s: its worker died: %s; it goes on from its last checkpoint", ours.id, cause)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tells that a trial was started again too often."""
        ours = self._trial(trial)
        self.ended.add(ours.id)
        self._tell(lambda listener: listener.failed(ours, too_many_deaths(ours, _last_failure_of(trial))))

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Looks for trials that nothing has room for."""
        waiting = [self._trial(trial).id for trial in trials if trial.status == "PENDING"]
        is_any_running = any(trial.status == "RUNNING" for trial in trials)
        try:
            self.room.look(waiting, is_any_running=is_any_running)
        except Exception as error:
            self.halt.because(error)
        self.halt.is_idle = not is_any_running

    def _tell(self, what: Callable[[Listener], None]) -> None:
        """Tune would wrap what the listener raises, such as that the disk is full, into text of its own."""
        try:
            what(listeners[self.key])
        except Exception as error:
            self.halt.because(error)

    def _trial(self, tune_trial: Any) -> Trial:
        return self.trials[tune_trial.config["trial"]]


class HaltStopper(tune.Stopper):
    """Ends what still waits to be started once the run is to end and nothing runs any more."""

    def __init__(self, halt: Halt) -> None:
        self.halt = halt

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether one trial is to stop: they stop by themselves."""
        return False

    def stop_all(self) -> bool:
        """Whether all are to stop."""
        return self.halt.is_idle and bool(self.halt)


def _pass_on(result: dict[str, Any], trial: Trial, listener: Listener) -> None:
    if "epoch" in result:
        listener.epoch(trial, EpochRow.model_validate(result["epoch"]))
    elif "finished" in result:
        listener.finished(trial, Outcome.model_validate_json(result["finished"]))
    elif "evaluated" in result:
        listener.evaluated(trial, CamEvaluation.model_validate_json(result["evaluated"]))
    elif "failed" in result:
        listener.failed(trial, result["failed"])


def _last_failure_of(tune_trial: Any) -> str:
    """Returns what Ray wrote of the last death of the trial's worker; empty if nothing."""
    try:
        return last_failure(Path(tune_trial.error_file).read_text(encoding="utf-8", errors="replace"))
    except (OSError, TypeError):  # it could not be written, as on a full disk, or there is none
        return ""
