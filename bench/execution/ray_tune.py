"""The Ray executor: a Tune trial per trial, as many at a time as the resources allow.

Tune asks a searcher for the next trial whenever there is room for one. Ours gives the first that is ready and
nothing while all that is left waits for trials that run, so that no trial waits for any but its own parent.
Workers return values; the driver's listener is called from Tune's callbacks. Errors of a trial's code come
back as values and are final; a worker that dies is started again by Tune, and the trial goes on from its
checkpoint.
"""

import logging
import os
import shutil
import socket
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import psutil

from bench.execution import cluster  # before Ray

# isort: split
import ray
from ray import tune
from ray.tune.search import Searcher

from bench.errors import BenchError, account
from bench.execution.agenda import Agenda
from bench.execution.context import RunContext
from bench.execution.executor import Listener
from bench.execution.gpus import num_local_gpus
from bench.execution.machine import Needs, needs_of, num_slots
from bench.execution.node_check import check_nodes
from bench.execution.stopping import StopWish
from bench.results.lease import Leases
from bench.results.record import CamEvaluation, EpochRow, Outcome
from bench.results.store import ResultsStore
from bench.suite.schema import Resources
from bench.suite.trial import Trial

log = logging.getLogger(__name__)

MAX_WORKER_DEATHS = 2

_listeners: dict[str, Listener] = {}
"""Tune pickles its callbacks, and a listener has displays and connections: callbacks hold a key to it."""


class RayExecutor:
    """Runs trials on a Ray cluster: one started for them and stopped afterwards, or one that is there.

    Args:
        address: of the cluster to join, see `bench.execution.cluster.connect`; None starts one.
        max_concurrent: trials that run at once at most; as many as there is room for if None.
    """

    def __init__(self, address: str | None = None, max_concurrent: int | None = None) -> None:
        self._address, self._max_concurrent = address, max_concurrent

    def num_gpus(self) -> float:
        """See `bench.execution.executor.Executor`; joins a cluster to ask it."""
        if self._address is None:
            return num_local_gpus()
        self._connect()
        return max(node["gpu"] for node in cluster.node_resources())

    def run(
        self, trials: Sequence[Trial], context: RunContext, resources: Resources, listener: Listener
    ) -> None:
        """See `bench.execution.executor.Executor`."""
        needs = {trial.id: needs_of(trial, resources, use_gpu=context.use_gpu) for trial in trials}
        if self._address is None:
            _require_cores(needs.values())
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # stack traces of what the relay tells
        key = uuid.uuid4().hex
        store = ResultsStore(context.results_dir)
        _listeners[key] = listener
        try:
            self._connect()
            nodes = cluster.node_resources()
            cluster.check_fit(needs.values(), nodes)
            if self._address is not None:
                check_nodes(needs.values(), context)
            slots = num_slots(needs.values(), nodes)
            with Leases(store) as leases:
                agenda = Agenda(trials, store, leases, context.start_until_s)
                _fit(trials, needs, context, key, agenda, min(slots, self._max_concurrent or slots))
        finally:
            del _listeners[key]
            ray.shutdown()
            _sweep_storage(context)

    def _connect(self) -> None:
        if not ray.is_initialized():
            cluster.connect(self._address)


def _require_cores(needs: Iterable[Needs]) -> None:
    """Says before a cluster is started that this machine has too few cores for a trial."""
    num_cpus = len(os.sched_getaffinity(0))
    for need in needs:
        if need["cpu"] > num_cpus:
            raise BenchError(
                f"a trial asks for {need['cpu']:g} CPU cores and this machine has {num_cpus}; "
                "lower resources.cpu, or run with --serial"
            )


def _storage(context: RunContext) -> Path:
    """Returns where Tune keeps what it needs while this driver runs: a folder of its own."""
    return context.results_dir / "ray" / f"{socket.gethostname()}-{os.getpid()}"


def _sweep_storage(context: RunContext) -> None:
    """Removes this driver's folder, and those that killed drivers of this machine have left."""
    for path in (context.results_dir / "ray").glob(f"{socket.gethostname()}-*"):
        pid = path.name.rpartition("-")[2]
        if path == _storage(context) or (pid.isdecimal() and not psutil.pid_exists(int(pid))):
            shutil.rmtree(path, ignore_errors=True)


def _fit(
    trials: Sequence[Trial],
    needs: dict[str, dict[str, float]],
    context: RunContext,
    key: str,
    agenda: Agenda,
    max_concurrent: int,
) -> None:
    ended: set[str] = set()
    by_id = {trial.id: trial for trial in trials}
    trainable = tune.with_resources(
        tune.with_parameters(
            _work, context=context, specifications={t.id: t.model_dump_json() for t in trials}
        ),
        resources=lambda config: tune.PlacementGroupFactory(
            [{name.upper(): amount for name, amount in needs[config["trial"]].items() if amount}]
        ),
    )
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=_NextReady(agenda, key, StopWish(context.stop)),
            num_samples=len(trials),
            max_concurrent_trials=max_concurrent,
            reuse_actors=True,
            trial_name_creator=lambda trial: trial.config["trial"],
            trial_dirname_creator=lambda trial: trial.config["trial"],
        ),
        run_config=tune.RunConfig(
            name="trials",
            storage_path=str(_storage(context)),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=MAX_WORKER_DEATHS),
            callbacks=[_Relay(key, by_id, ended)],
        ),
    )
    tuner.fit()
    if not ended | agenda.blocked | agenda.failed_elsewhere | agenda.too_late >= by_id.keys():
        raise KeyboardInterrupt


class _NextReady(Searcher):
    """Suggests no parameters but which trial is next."""

    def __init__(self, agenda: Agenda, key: str, stop: StopWish) -> None:
        super().__init__()
        self.agenda, self.key, self.stop = agenda, key, stop
        self.by_tune_id: dict[str, str] = {}

    def suggest(self, trial_id: str) -> dict[str, str] | None:
        if self.stop or self.agenda.is_empty:
            return Searcher.FINISHED  # type: ignore[return-value]  # a word, as its documentation says
        trial = self.agenda.pop_ready()
        self.agenda.tell(_listeners[self.key])
        if trial is None:
            return self.suggest(trial_id) if self.agenda.is_empty else None
        self.by_tune_id[trial_id] = trial.id
        return {"trial": trial.id}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        if "finished" in result:
            self.agenda.finished(self.by_tune_id[trial_id])
        elif "failed" in result:
            self.agenda.failed(self.by_tune_id[trial_id])

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        if error:
            self.agenda.failed(self.by_tune_id[trial_id])
        self.agenda.ended(self.by_tune_id[trial_id])


def _work(config: dict[str, Any], context: RunContext, specifications: dict[str, str]) -> None:
    """Runs in a worker: one trial, its epochs, scores and end reported as values."""
    from bench.execution.trial import run_trial  # the driver needs no torch

    trial = Trial.model_validate_json(specifications[config["trial"]])
    try:
        run_trial(
            trial,
            context,
            lambda row: tune.report({"epoch": row.model_dump()}),
            lambda outcome: tune.report({"finished": outcome.model_dump_json()}),
            lambda evaluation: tune.report({"evaluated": evaluation.model_dump_json()}),
        )
    except KeyboardInterrupt:
        return
    except Exception as error:
        tune.report({"failed": account(error)})
    tune.report({"ended": True})


class _Relay(tune.Callback):
    """Tells the listener, in the driver process, what workers report."""

    def __init__(self, key: str, trials: dict[str, Trial], ended: set[str]) -> None:
        self.key, self.trials, self.ended = key, trials, ended

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        _listeners[self.key].started(self._trial(trial))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        listener, ours = _listeners[self.key], self._trial(trial)
        if "epoch" in result:
            listener.epoch(ours, EpochRow.model_validate(result["epoch"]))
        elif "finished" in result:
            listener.finished(ours, Outcome.model_validate_json(result["finished"]))
        elif "evaluated" in result:
            listener.evaluated(ours, CamEvaluation.model_validate_json(result["evaluated"]))
        elif "failed" in result:
            listener.failed(ours, result["failed"])
        elif "ended" in result:
            self.ended.add(ours.id)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        log.warning("%s: its worker died; it goes on from its last epoch", self._trial(trial).id)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        ours = self._trial(trial)
        self.ended.add(ours.id)
        reason = f"its worker died {MAX_WORKER_DEATHS + 1} times; the last time: {trial.get_error()}"
        _listeners[self.key].failed(ours, reason)

    def _trial(self, tune_trial: Any) -> Trial:
        return self.trials[tune_trial.config["trial"]]
