"""The seam between a run and where it is browsed, and the tracker that tracks nothing."""

from typing import Protocol

from bench.results.invocation import Invocation
from bench.results.record import EpochRow, Record
from bench.results.store import TrialFolder
from bench.suite.trial import Trial


class Tracker(Protocol):
    """Mirrors trials. Told everything in the driver process; never raises for an unreachable server."""

    def invoked(self, invocation: Invocation) -> None:
        """A run of a suite begins; all that is told after it belongs to it."""

    def started(self, trial: Trial) -> None:
        """The trial runs now."""

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """An epoch has ended; may be told again after a resumption."""

    def ended(self, record: Record, folder: TrialFolder) -> None:
        """The trial has ended, or a map of it was evaluated, now or in an earlier run."""

    def reported(self, invocation: Invocation) -> None:
        """The run of the suite has ended, with its report if it came to that."""

    def close(self) -> None:
        """Nothing more will be told."""


class NullTracker:
    """Tracks nothing: for tests, and machines without MLflow."""

    def invoked(self, invocation: Invocation) -> None:
        """Does nothing."""

    def started(self, trial: Trial) -> None:
        """Does nothing."""

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """Does nothing."""

    def ended(self, record: Record, folder: TrialFolder) -> None:
        """Does nothing."""

    def reported(self, invocation: Invocation) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""
