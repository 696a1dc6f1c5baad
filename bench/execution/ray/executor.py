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
import ray
from ray import tune
from ray.tune.search import Searcher

from bench.errors import BenchError, DiskFullError, account
from bench.execution.context import RunContext
from bench.execution.executor import Listener
from bench.execution.gpus import num_local_gpus
from bench.execution.ray import cluster  # before Ray
from bench.execution.ray.capacity import PATIENCE_S, RoomWatch
from bench.execution.ray.node_check import check_nodes
from bench.execution.ray.tune_callback import HaltStopper, Relay, listeners
from bench.execution.ray.watchdog import ending_when_cut_off
from bench.execution.ray.worker_failures import MAX_WORKER_DEATHS
from bench.execution.ready_queue import Agenda
from bench.execution.stopping import Halt
from bench.planning.machine import Needs, needs_of, num_slots
from bench.results.lease import Leases
from bench.results.store import ResultsStore
from bench.suite.schema import Resources
from bench.suite.trial import Trial

# isort: split


class RayExecutor:
    """Runs trials on a Ray cluster: one started for them and stopped afterwards, or one that is there.

    Args:
        address: of the cluster to join, see `bench.execution.ray.cluster.connect`; None starts one.
        max_concurrent: trials that run at once at most; as many as there is room for if None.
        node_patience_s: how long trials that fit no node any more wait for another, see `RoomWatch`.
    """

    def __init__(
        self,
        address: str | None = None,
        max_concurrent: int | None = None,
        node_patience_s: float = PATIENCE_S,
    ) -> None:
        self._address, self._max_concurrent, self._node_patience_s = address, max_concurrent, node_patience_s

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
        listeners[key] = listener
        try:
            self._connect()
            nodes = cluster.node_resources()
            cluster.check_fit(needs.values(), nodes)
            if self._address is not None:
                check_nodes(needs.values(), context)
            slots = num_slots(needs.values(), nodes)
            with Leases(store) as leases, ending_when_cut_off():
                agenda = Agenda(trials, store, leases, context.start_until_s)
                room = RoomWatch(needs, cluster.node_resources, self._node_patience_s)
                slots = min(slots, self._max_concurrent or slots)
                _fit(trials, needs, context, key, agenda, room, slots)
        finally:
            del listeners[key]
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
    room: RoomWatch,
    max_concurrent: int,
) -> None:
    by_id, halt = {trial.id: trial for trial in trials}, Halt(context.stop)
    relay = Relay(key, by_id, halt, room)
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
            search_alg=_NextReady(agenda, key, halt),
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
            progress_reporter=tune.CLIReporter(),  # says nothing; the one of notebooks would clear our cell
            failure_config=tune.FailureConfig(max_failures=MAX_WORKER_DEATHS),
            stop=HaltStopper(halt),
            callbacks=[relay],
        ),
    )
    tuner.fit()
    halt.obey()
    if not relay.ended | agenda.blocked | agenda.failed_elsewhere | agenda.too_late >= by_id.keys():
        raise KeyboardInterrupt


class _NextReady(Searcher):
    """Suggests no parameters but which trial is next."""

    def __init__(self, agenda: Agenda, key: str, halt: Halt) -> None:
        super().__init__()
        self.agenda, self.key, self.halt = agenda, key, halt
        self.by_tune_id: dict[str, str] = {}

    def suggest(self, trial_id: str) -> dict[str, str] | None:
        if self.halt or self.agenda.is_empty:
            return Searcher.FINISHED  # type: ignore[return-value]  # a word, as its documentation says
        try:
            trial = self.agenda.pop_ready()
            self.agenda.tell(listeners[self.key])
        except (OSError, BenchError) as error:  # no lease can be written, as on a full disk
            self.halt.because(error)
            return self.suggest(trial_id)
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
    except DiskFullError as error:
        tune.report({"disk_full": str(error)})
        return
    except Exception as error:
        tune.report({"failed": account(error)})
    tune.report({"ended": True})
