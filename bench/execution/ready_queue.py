"""What can start next: a trial as soon as the one that it starts from is finished, whatever else runs."""

import time
from collections.abc import Sequence

from bench.execution.executor import Listener
from bench.results.lease import Lease, Leases
from bench.results.store import ResultsStore
from bench.suite.trial import Trial


class Agenda:
    """Trials that are to be started, in their order but for those that wait for another. Picklable.

    Attributes:
        blocked: ids of trials that are not started any more, since one that they start from has failed.
        failed_elsewhere: ids of trials that failed while another driver had them, and are not started here.
        too_late: ids of trials that are not started any more, since the time to start any is over.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        store: ResultsStore,
        leases: Leases,
        start_until_s: float | None = None,
    ) -> None:
        """Takes over `trials`; what is finished in `store` is waited for by nobody.

        Args:
            trials: each starts from none, from another of them, or from one that is finished.
            store: tells which of them are finished and have only maps to evaluate.
            leases: of this driver; a trial is popped with its lease taken.
            start_until_s: by the monotonic clock, after which no trial is popped; None is never.
        """
        self.blocked: set[str] = set()
        self.failed_elsewhere: set[str] = set()
        self.too_late: set[str] = set()
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
        """Removes and returns the first trial that waits for no other; None if all that is left waits.

        They wait for the trials that they start from, or for other drivers to end with them. What another
        driver has finished is popped too: there is nothing left to do but to take its outcome.
        """
        if self._start_until_s is not None and time.monotonic() >= self._start_until_s:
            self.too_late |= self._left.keys()
            self._left = {}
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
            self._leases.give_back(key)
            self.failed_elsewhere.add(key)
            self._to_tell.append((trial, None))
            self.failed(key)
        return None

    def tell(self, listener: Listener) -> None:
        """Tells what is new of trials that other drivers have: which have failed or are unreadable."""
        told, self._to_tell = self._to_tell, []
        for trial, lease in told:
            if lease is not None:
                listener.held_elsewhere(trial, lease)
            else:
                record = self._store.record(trial.id)
                error = self._store.reason(trial.id) if record is None else record.error
                listener.failed(trial, error or "")

    def finished(self, trial_id: str) -> None:
        """Notes that the trial is trained and scored: what starts from it need not wait any more."""
        self._unfinished.discard(trial_id)

    def failed(self, trial_id: str) -> None:
        """Drops what starts from the trial, unless it was finished and only its maps have failed."""
        if trial_id in self._unfinished:
            self.blocked |= {key for key in self._left if trial_id in self._awaited[key]}
            self._left = {key: trial for key, trial in self._left.items() if key not in self.blocked}

    def ended(self, trial_id: str) -> None:
        """Gives the lease of a trial back with which this driver has ended."""
        self._leases.give_back(trial_id)
