"""Executors run trials and tell a listener; whether trials run on GPUs is decided before any starts."""

from collections.abc import Sequence
from typing import Protocol

from bench.errors import SuiteError
from bench.execution.context import RunContext
from bench.results.lease import Lease
from bench.results.record import CamEvaluation, EpochRow, Outcome
from bench.suite.schema import Resources
from bench.suite.trial import Trial


class Listener(Protocol):
    """Executors call these methods, in the driver's process, when something happens to a trial."""

    def started(self, trial: Trial) -> None:
        """The trial runs now."""

    def held_elsewhere(self, trial: Trial, lease: Lease) -> None:
        """Another driver has the trial; it is waited for. Called once for each driver."""

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """An epoch has ended; after a resumption the earlier ones come again."""

    def finished(self, trial: Trial, outcome: Outcome) -> None:
        """The trial is trained and scored, now or in an earlier run; evaluations of maps may follow."""

    def evaluated(self, trial: Trial, evaluation: CamEvaluation) -> None:
        """A map was evaluated, or its evaluation failed; the native map before the trial is finished."""

    def failed(self, trial: Trial, error: str) -> None:
        """The trial, or what was left of it, ended with an error: a sentence, or a traceback."""


class Executor(Protocol):
    """Runs trials; one that fails keeps only those from running that start from it."""

    def num_gpus(self) -> float:
        """Returns how many GPUs there are for one trial.

        Raises:
            BenchError: GPUs are there, and torch cannot use them.
        """

    def run(
        self, trials: Sequence[Trial], context: RunContext, resources: Resources, listener: Listener
    ) -> None:
        """Runs `trials` and returns when each has ended, is blocked, or the user has interrupted.

        A trial that starts from another of them is run as soon as that one is finished, and never if it
        fails; otherwise they are started in their order. Trials outside of `trials` that one of them starts
        from are finished. A trial that another driver has on the same results folder is waited for, and its
        outcome taken.

        Raises:
            BenchError: the resources that a trial asks for are not there, or not any more.
            DiskFullError: no room is left; running trials can be resumed.
            LostGpuError: CUDA failed this process, or too many workers on one node; trials can be resumed.
            KeyboardInterrupt: the user has interrupted; running trials can be resumed.
        """


def decide_gpu(resources: Resources, executor: Executor, *, cpu_only: bool) -> bool:
    """Returns whether trials run on CUDA: where the suite asks for it, or leaves it open and a GPU is there.

    No trial falls back to the CPU by accident.

    Args:
        resources: asked for by the suite.
        executor: knows the GPUs.
        cpu_only: the user has chosen the CPU, whatever the suite asks for.

    Raises:
        SuiteError: a trial asks for more GPUs than one can have.
        BenchError: GPUs are there, and torch cannot use them.
    """
    if cpu_only or resources.gpu == 0:
        return False
    found = executor.num_gpus()
    if (resources.gpu or 0) > found:
        raise SuiteError(
            f"the suite asks for {resources.gpu:g} GPUs per trial, and a trial can have {found:g}; --cpu "
            "runs it on the CPU",
            value=resources.gpu,
        )
    return found > 0
