"""The Ray executor: a Tune trial per trial, as many at a time as the resources allow.

Tune asks a searcher for the next trial whenever there is room for one. Ours gives the first that is ready and
nothing while all that is left waits for trials that run, so that no trial waits for any but its own parent.
Workers return values; the driver's listener is called from Tune's callbacks. Errors of a trial's code come
back as values and are final; a worker that dies is started again by Tune, and the trial goes on from its
checkpoint. A worker whose GPU fails says so and ends, since no trial could run in it any more.
"""

import logging
import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import ray
from ray import tune

from bench.errors import DiskFullError, LostGpuError, account
from bench.execution.context import RunContext
from bench.execution.executor import Listener
from bench.execution.ray import cluster
from bench.execution.ray.capacity import PATIENCE_S, CapacityWatch, check_fit
from bench.execution.ray.node_check import check_nodes
from bench.execution.ray.tune_callback import MAX_WORKER_DEATHS, AbortStopper, ListenerCallback, ReadySearcher
from bench.execution.ray.watchdog import watching_ray
from bench.execution.ready_queue import ReadyQueue
from bench.execution.stopping import Abort
from bench.execution.usable_gpus import num_usable_gpus
from bench.planning.machine import Needs, gpu_share, needs_of, num_slots
from bench.results.lease import Leases
from bench.results.store import ResultsStore
from bench.suite.schema import Resources
from bench.suite.trial import Trial

LOST_GPU_CODE = 70
"""Exit code of a worker whose GPU fails."""


class RayExecutor:
    """Runs trials on a Ray cluster: one started for them and stopped afterwards, or one that is there.

    Args:
        address: of the cluster to join, see `bench.execution.ray.cluster.connect`; None starts one.
        max_concurrent: trials that run at once at most; as many as there is room for if None.
        node_patience_s: how long trials that fit no node any more wait for another, see `CapacityWatch`.
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
            return num_usable_gpus()
        self._connect()
        return max(node["gpu"] for node in cluster.node_resources())

    def run(
        self, trials: Sequence[Trial], context: RunContext, resources: Resources, listener: Listener
    ) -> None:
        """See `bench.execution.executor.Executor`."""
        needs = {trial.id: needs_of(trial, resources, use_gpu=context.use_gpu) for trial in trials}
        if self._address is None:  # before a cluster is started
            num_gpus = num_usable_gpus() if context.use_gpu else 0
            check_fit(needs.values(), [{"cpu": len(os.sched_getaffinity(0)), "gpu": num_gpus}])
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # stack traces of errors that we report
        store = ResultsStore(context.results_dir)
        try:
            self._connect()
            nodes = cluster.node_resources()
            check_fit(needs.values(), nodes)
            if self._address is not None:
                check_nodes(needs.values(), context)
            context = replace(context, gpu_share=gpu_share(resources))
            slots = num_slots(needs.values(), nodes)
            slots = min(slots, self._max_concurrent or slots)
            with Leases(store) as leases, watching_ray():
                queue = ReadyQueue(trials, store, leases, context.start_until_s)
                capacity = CapacityWatch(needs, cluster.node_resources, self._node_patience_s)
                _run(trials, needs, context, listener, queue, capacity, slots)
        finally:
            ray.shutdown()
            _sweep_storage(context)

    def _connect(self) -> None:
        if not ray.is_initialized():
            cluster.connect(self._address)


def _storage(context: RunContext) -> Path:
    """Returns the folder for Tune's files of this driver."""
    return context.results_dir / "ray" / f"{socket.gethostname()}-{os.getpid()}"


def _sweep_storage(context: RunContext) -> None:
    """Removes this driver's folder, and those that killed drivers of this machine have left."""
    for path in (context.results_dir / "ray").glob(f"{socket.gethostname()}-*"):
        pid = path.name.rpartition("-")[2]
        if path == _storage(context) or (pid.isdecimal() and not psutil.pid_exists(int(pid))):
            shutil.rmtree(path, ignore_errors=True)


def _run(
    trials: Sequence[Trial],
    needs: Mapping[str, Needs],
    context: RunContext,
    listener: Listener,
    queue: ReadyQueue,
    capacity: CapacityWatch,
    max_concurrent: int,
) -> None:
    by_id, abort = {trial.id: trial for trial in trials}, Abort(context.stop)
    specifications = {trial.id: trial.model_dump_json() for trial in trials}
    trainable = tune.with_resources(
        tune.with_parameters(_work, context=context, specifications=specifications),
        resources=lambda config: tune.PlacementGroupFactory(
            [{name.upper(): amount for name, amount in needs[config["trial"]].items() if amount}]
        ),
    )
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=ReadySearcher(queue, abort),
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
            stop=AbortStopper(abort),
            callbacks=[ListenerCallback(listener, by_id, queue, abort, capacity)],
        ),
    )
    tuner.fit()
    queue.tell(listener)
    abort.raise_error()
    if not queue.settled >= by_id.keys():
        raise KeyboardInterrupt


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
    except LostGpuError as error:
        tune.report({"lost_gpu": error.value})  # returns when the driver has it
        os._exit(LOST_GPU_CODE)
    except Exception as error:
        tune.report({"failed": account(error)})
    tune.report({"ended": True})
