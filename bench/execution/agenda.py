"""What can start next: a trial as soon as the one that it starts from is finished, whatever else runs."""

from collections.abc import Sequence

from bench.results.store import ResultsStore
from bench.suite.trial import Trial


class Agenda:
    """Trials that are to be started, in their order but for those that wait for another. Picklable.

    Attributes:
        blocked: ids of trials that are not started any more, since one that they start from has failed.
    """

    def __init__(self, trials: Sequence[Trial], store: ResultsStore) -> None:
        """Takes over `trials`; what is finished in `store` is waited for by nobody.

        Args:
            trials: each starts from none, from another of them, or from one that is finished.
            store: tells which of them are finished and have only maps to evaluate.
        """
        self.blocked: set[str] = set()
        self._left = {trial.id: trial for trial in trials}
        self._awaited = {
            key: [one.id for one in store.unfinished_ancestors(trial)] for key, trial in self._left.items()
        }
        self._unfinished = {key for key in self._left if store.state(key) != "finished"}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to start, now or later."""
        return not self._left

    def pop_ready(self) -> Trial | None:
        """Removes and returns the first trial that waits for no other, or None if all that is left waits."""
        for key in self._left:
            if self._unfinished.isdisjoint(self._awaited[key]):
                return self._left.pop(key)
        return None

    def finished(self, trial_id: str) -> None:
        """Notes that the trial is trained and scored: what starts from it need not wait any more."""
        self._unfinished.discard(trial_id)

    def failed(self, trial_id: str) -> None:
        """Drops what starts from the trial, unless it was finished and only its maps have failed."""
        if trial_id in self._unfinished:
            self.blocked |= {key for key in self._left if trial_id in self._awaited[key]}
            self._left = {key: trial for key, trial in self._left.items() if key not in self.blocked}
