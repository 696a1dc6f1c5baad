"""Which trial can start next: each as soon as the one that it starts from is finished, whatever else runs."""

import time
from collections.abc import Collection, Sequence

from bench.execution.executor import Listener
from bench.results.lease import Lease, Leases
from bench.results.store import ResultsStore
from bench.suite.trial import Trial


class ReadyQueue:
    """Trials that are to be started, in their order but for those that wait for another.

    Args:
        trials: each starts from none, from another of them, or from one that is finished.
        store: tells which of them are finished and have only maps to evaluate.
        leases: of this driver; a trial is popped with its lease taken.
        start_until_s: by the monotonic clock, after which no trial is popped; None is never.

    Attributes:
        settled: ids of trials that this run is done with: they have ended, here or in another driver's hands,
            or are not started any more, since one that they start from has failed or the time is over.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        store: ResultsStore,
        leases: Leases,
        start_until_s: float | None = None,
    ) -> None:
        self.settled: set[str] = set()
        self._start_until_s = start_until_s
        self._elsewhere: dict[str, Lease] = {}
        self._to_tell: list[tuple[Trial, Lease | None]] = []
        self._store, self._leases = store, leases
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
        """Removes and returns the first trial that waits for no other; None if all trials left wait.

        They wait for the trials that they start from, or for other drivers to end with them. A trial that
        another driver has finished is popped too: only its outcome is left to take.
        """
        if self._start_until_s is not None and time.monotonic() >= self._start_until_s:
            self._drop(self._left)
        for key, trial in tuple(self._left.items()):
            if key not in self._left or not self._unfinished.isdisjoint(self._awaited[key]):
                continue
            lease = self._leases.take(key)
            if lease is not None:
                if self._elsewhere.get(key) != lease:
                    self._to_tell.append((trial, lease))
                self._elsewhere[key] = lease
                continue
            del self._left[key]
            was_elsewhere = self._elsewhere.pop(key, None) is not None
            if not was_elsewhere or self._store.state(key) not in ("failed", "unreadable"):
                return trial
            self.ended(key)
            self._to_tell.append((trial, None))
            self.failed(key)
        return None

    def tell(self, listener: Listener) -> None:
        """Tells which trials other drivers have taken since the last call, and which have failed there."""
        told, self._to_tell = self._to_tell, []
        for trial, lease in told:
            if lease is not None:
                listener.held_elsewhere(trial, lease)
            else:
                record = self._store.record(trial.id)
                error = self._store.reason(trial.id) if record is None else record.error
                listener.failed(trial, error or "")

    def finished(self, trial_id: str) -> None:
        """Notes that the trial is trained and scored: trials that start from it need not wait any more."""
        self._unfinished.discard(trial_id)

    def failed(self, trial_id: str) -> None:
        """Drops trials that start from this one, unless it was finished and only its maps have failed."""
        if trial_id in self._unfinished:
            self._drop([key for key in self._left if trial_id in self._awaited[key]])

    def ended(self, trial_id: str) -> None:
        """Gives the lease of a trial back with which this driver has ended."""
        self.settled.add(trial_id)
        self._leases.give_back(trial_id)

    def _drop(self, ids: Collection[str]) -> None:
        self.settled |= set(ids)
        self._left = {key: trial for key, trial in self._left.items() if key not in self.settled}
