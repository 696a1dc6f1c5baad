"""The interface of everything that follows a run: displays, logs of events, MLflow."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from bench.results.invocation import Invocation
from bench.results.record import CamEvaluation, EpochRow, Record
from bench.suite.trial import Trial


class RunObserver:
    """The driver calls these methods, in its process, once an event is written down. Here they do nothing."""

    def invoked(self, invocation: Invocation) -> None:
        """A run of a suite begins."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """`done` of `total` images of a data set are decoded or checked."""

    def notice(self, sentence: str) -> None:
        """A sentence that the user should know."""

    def running(
        self,
        trials: Sequence[Trial],
        evaluations: Mapping[str, Sequence[str]] | None = None,
    ) -> AbstractContextManager[None]:
        """Returns a context in which `trials` run.

        `evaluations` are, by id, the names of those that come after the outcome: of maps beside the native
        one, and of sanity checks.
        """
        return nullcontext()

    def started(self, trial: Trial) -> None:
        """The trial runs now."""

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """An epoch has ended; after a resumption the earlier ones come again."""

    def ended(self, record: Record, metrics: Mapping[str, float]) -> None:
        """The trial is finished, with these metrics of it and its native map, or has failed.

        Other maps may still be evaluated.
        """
        self.found(record)

    def evaluated(self, record: Record, evaluation: CamEvaluation) -> None:
        """A map of a finished trial other than the native one was evaluated, or checked, or that failed."""
        self.found(record)

    def found(self, record: Record) -> None:
        """The trial has ended or got a further map, now, in an earlier run or in another driver's."""

    def reported(self, invocation: Invocation) -> None:
        """The run of the suite has ended, with its report if it came to that."""

    def close(self) -> None:
        """Nothing more will come."""
