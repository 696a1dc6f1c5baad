"""The driver's side of Tune: passes on workers' reports, says which trial starts next and when to stop.

Tune pickles its callbacks, searcher and stopper to restore an experiment. Ours is never restored, since the
results folder says where a run goes on, so their copies are empty.

Why a worker died is taken from Ray's text on it: Tune keeps the exception itself of some deaths only, and not
where memory ran out.
"""

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.search import Searcher

from bench.errors import BenchError, DiskFullError, brief
from bench.execution.executor import Listener
from bench.execution.ray.capacity import CapacityWatch
from bench.execution.ray.lost_gpus import LostGpus
from bench.execution.ready_queue import ReadyQueue
from bench.execution.stopping import Abort
from bench.results.record import CamEvaluation, EpochRow, Outcome
from bench.suite.trial import Trial

log = logging.getLogger(__name__)

MAX_WORKER_DEATHS = 2
"""After so many a trial is started again; after one more it has failed."""

_HEADING = re.compile(r"^Failure # \d+ \(occurred at .*\)\n", re.MULTILINE)
_MEMORY = re.compile(
    r"node \(IP: (?P<ip>[^,]+),.*? was (?P<used>[\d.]+)GB(?: used)? / (?P<total>[\d.]+)GB", re.DOTALL
)
_LOW = "running low on memory"
_KILLED = re.compile(
    r"OOM killer|SIGKILL|connection error code|worker (process )?(has )?died|died unexpectedly"
)
_UNREACHED = re.compile(r"is unavailable|RPC error|Socket closed")
_NO_MEMORY = re.compile(r"memory runs out|ran out of memory")
_NODE = re.compile(r"node (has )?(died|was terminated)|node .*health check|NODE_DIED", re.IGNORECASE)


class _EmptyWhenPickled:
    def __getstate__(self) -> dict[str, object]:
        return {}


class ListenerCallback(_EmptyWhenPickled, tune.Callback):
    """Passes workers' reports on to the listener and the queue.

    Args:
        listener: of the run.
        trials: of the run, by id.
        queue: trials that are still to be started.
        abort: receives errors that end the run.
        capacity: looks whether waiting trials fit a node.
    """

    def __init__(
        self,
        listener: Listener,
        trials: Mapping[str, Trial],
        queue: ReadyQueue,
        abort: Abort,
        capacity: CapacityWatch,
    ) -> None:
        self._listener, self._trials, self._queue = listener, trials, queue
        self._abort, self._capacity = abort, capacity
        self._lost_gpus = LostGpus()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Passes on that the trial runs now."""
        self._attempt(lambda: self._listener.started(self._trial(trial)))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Passes on a worker's report."""
        self._attempt(lambda: self._reported(self._trial(trial), result))

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Says that a trial is started again, and why."""
        ours = self._trial(trial)
        cause = self._cause_of_death(trial)
        log.warning("%s: its worker died: %s; it goes on from its last checkpoint", ours.id, cause)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Passes on that the trial's worker died too often."""
        ours, cause = self._trial(trial), self._cause_of_death(trial)
        self._attempt(lambda: self._failed(ours, too_many_deaths(ours, cause)))
        self._queue.ended(ours.id)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Passes on what other drivers do, and looks for trials that fit no node any more."""
        waiting = [self._trial(trial).id for trial in trials if trial.status == "PENDING"]
        is_any_running = any(trial.status == "RUNNING" for trial in trials)
        self._attempt(lambda: self._queue.tell(self._listener))
        self._attempt(lambda: self._capacity.look(waiting, is_any_running=is_any_running))
        self._abort.is_idle = not is_any_running

    def _reported(self, trial: Trial, result: dict[str, Any]) -> None:
        if "epoch" in result:
            self._listener.epoch(trial, EpochRow.model_validate(result["epoch"]))
        elif "finished" in result:
            self._listener.finished(trial, Outcome.model_validate_json(result["finished"]))
            self._queue.finished(trial.id)
        elif "evaluated" in result:
            self._listener.evaluated(trial, CamEvaluation.model_validate_json(result["evaluated"]))
        elif "failed" in result:
            self._failed(trial, result["failed"])
        elif "disk_full" in result:
            raise DiskFullError(result["disk_full"])
        elif "lost_gpu" in result:
            node = f"{result['hostname']} ({result['node_ip']})"
            self._lost_gpus.note(trial.id, node, result["lost_gpu"])
        elif "ended" in result:
            self._queue.ended(trial.id)

    def _failed(self, trial: Trial, error: str) -> None:
        self._queue.failed(trial.id)
        self._listener.failed(trial, error)

    def _cause_of_death(self, tune_trial: Any) -> str:
        reason = self._lost_gpus.take_reason(self._trial(tune_trial).id)
        return reason or cause_of_death(_last_failure_of(tune_trial))

    def _attempt(self, action: Callable[[], None]) -> None:
        """Keeps errors, such as a full disk, from Tune, which would wrap them into text of its own."""
        try:
            action()
        except Exception as error:
            self._abort.note(error)

    def _trial(self, tune_trial: Any) -> Trial:
        return self._trials[tune_trial.config["trial"]]


class ReadySearcher(_EmptyWhenPickled, Searcher):
    """Suggests no parameters but which trial is next."""

    def __init__(self, queue: ReadyQueue, abort: Abort) -> None:
        super().__init__()
        self._queue, self._abort = queue, abort

    def suggest(self, trial_id: str) -> dict[str, str] | None:
        """Returns the next trial that can start, None if all that are left wait, or that there is none."""
        trial = None
        try:
            if not self._abort:
                trial = self._queue.pop_ready()
        except (OSError, BenchError) as error:  # no lease can be written, as on a full disk
            self._abort.note(error)
        if trial is not None:
            return {"trial": trial.id}
        if self._abort or self._queue.is_empty:
            return Searcher.FINISHED  # type: ignore[return-value]  # a word, as its documentation says
        return None

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Learns nothing from it."""


class AbortStopper(_EmptyWhenPickled, tune.Stopper):
    """Ends waiting trials once the run is to end and nothing runs any more."""

    def __init__(self, abort: Abort) -> None:
        self._abort = abort

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether one trial is to stop: they stop by themselves."""
        return False

    def stop_all(self) -> bool:
        """Whether all are to stop."""
        return self._abort.is_idle and bool(self._abort)


def last_failure(failures: str) -> str:
    """Returns the last of the failures of a trial, from the file that Tune appends each of them to."""
    return _HEADING.split(failures)[-1].strip()


def _last_failure_of(tune_trial: Any) -> str:
    """Returns what Ray wrote of the last death of the trial's worker; empty if nothing."""
    try:
        return last_failure(Path(tune_trial.error_file).read_text(encoding="utf-8", errors="replace"))
    except (OSError, TypeError):  # it could not be written, as on a full disk, or there is none
        return ""


def cause_of_death(failure: str) -> str:
    """Returns why a worker died as the end of a sentence, from Ray's many lines on it."""
    if _LOW in failure:
        found = _MEMORY.search(failure)
        figures = f" ({found['used']} of {found['total']} GB used on {found['ip']})" if found else ""
        return f"Ray ended it because its machine ran out of memory{figures}"
    if _NODE.search(failure):
        return "its node was lost"
    if _KILLED.search(failure):
        return "it was killed or crashed, as happens where memory runs out"
    if _UNREACHED.search(failure):
        return "it, or its whole node, was killed or cut off"
    return brief(Exception(failure)) or "Ray does not say why"


def too_many_deaths(trial: Trial, cause: str) -> str:
    """Returns the error of a trial whose worker has died once too often, the last time by `cause`."""
    remedies = f"; {_remedies_of_memory(trial)}" if _NO_MEMORY.search(cause) else ""
    return (
        f"its worker died {MAX_WORKER_DEATHS + 1} times; the last time {cause}{remedies}; "
        "bench run --only-failed runs it again, from its last checkpoint if it has one"
    )


def _remedies_of_memory(trial: Trial) -> str:
    """Returns how a trial, or all that run at the same time, can take less of a machine's memory."""
    fewer = "--max-concurrent runs fewer trials at once"
    recipe = trial.recipe
    if recipe.piece_size == 1:
        return fewer
    return (
        f"{fewer}, --set recipe.accumulate={2 * recipe.accumulate} works on half as many images at once "
        "(other trials by their id, since batch norm sees the pieces)"
    )
