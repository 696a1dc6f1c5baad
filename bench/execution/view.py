"""Who is shown a run: a person at a terminal, or a program."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from bench.results.record import CamEvaluation, EpochRow, Record
from bench.suite.cam import CamMethod
from bench.suite.trial import Trial


class View(Protocol):
    """Is told by the driver what happens to trials, once it is written down."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """So many images of a data set are decoded or checked."""

    def notice(self, sentence: str) -> None:
        """Something that a reader should know."""

    def started(self, trial: Trial) -> None:
        """The trial runs now."""

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """An epoch has ended; after a resumption the earlier ones are told again."""

    def ended(self, record: Record, metrics: Mapping[str, float]) -> None:
        """The trial is finished, with these metrics of it and its native map, or has failed.

        Other maps may still be evaluated.
        """

    def evaluated(self, trial: Trial, evaluation: CamEvaluation) -> None:
        """A map other than the native one was evaluated, or its evaluation failed."""

    def running(
        self, trials: Sequence[Trial], cams: Mapping[str, Sequence[CamMethod]] | None = None
    ) -> AbstractContextManager[None]:
        """Shows `trials` until the block ends; `cams` are, by id, the maps beside the native one."""
