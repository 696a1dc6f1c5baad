"""The serial executor: one trial after the other, in this process."""

import time
from collections.abc import Sequence
from functools import partial

from bench.errors import DiskFullError, LostGpuError, account
from bench.execution.context import RunContext
from bench.execution.executor import Listener
from bench.execution.ready_queue import ReadyQueue
from bench.execution.stopping import StopRequest
from bench.execution.trial import run_trial
from bench.execution.usable_gpus import num_usable_gpus
from bench.results.lease import Leases
from bench.results.record import Outcome
from bench.results.store import ResultsStore
from bench.suite.schema import Resources
from bench.suite.trial import Trial

WAIT_S = 1.0
"""Between two looks at trials that other drivers have, where nothing else is left."""


class SerialExecutor:
    """Runs trials in process: for debuggers, small machines and those without Ray."""

    def num_gpus(self) -> float:
        """See `bench.execution.executor.Executor`."""
        return num_usable_gpus()

    def run(
        self, trials: Sequence[Trial], context: RunContext, resources: Resources, listener: Listener
    ) -> None:
        """See `bench.execution.executor.Executor`; needs no resources beyond this process."""
        store = ResultsStore(context.results_dir)
        with Leases(store) as leases:
            queue = ReadyQueue(trials, store, leases, context.start_until_s)
            stop = StopRequest(context.stop)
            while not queue.is_empty:
                stop.raise_if_made()
                trial = queue.pop_ready()
                queue.tell(listener)
                if trial is not None:
                    _run(trial, context, queue, listener)
                elif not queue.is_empty:
                    time.sleep(WAIT_S)


def _run(trial: Trial, context: RunContext, queue: ReadyQueue, listener: Listener) -> None:
    def finished(outcome: Outcome) -> None:
        queue.finished(trial.id)
        listener.finished(trial, outcome)

    listener.started(trial)
    try:
        run_trial(
            trial, context, partial(listener.epoch, trial), finished, partial(listener.evaluated, trial)
        )
    except (DiskFullError, LostGpuError):
        raise
    except Exception as error:
        queue.failed(trial.id)
        listener.failed(trial, account(error))
    queue.ended(trial.id)
