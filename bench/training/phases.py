"""The time of a trial by phase: a clock that is always in one, so that they sum up to the whole."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

Phase = Literal["prepare", "train", "validate", "save", "score"]
"""Loading data and building the model; steps of optimisation; validation losses; waiting until states are
captured and written; scores of the best weights and their tables."""


class PhaseClock:
    """Seconds of a trial in each phase; begins in the phase "prepare"."""

    def __init__(self) -> None:
        self._seconds: dict[Phase, float] = {}
        self._phase: Phase = "prepare"
        self._since = time.monotonic()

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        """Counts the block's time for `phase`, and what follows for the phase before."""
        before = self.enter(phase)
        try:
            yield
        finally:
            self.enter(before)

    def enter(self, phase: Phase) -> Phase:
        """Counts the time from now on for `phase`; returns the phase before."""
        now, before = time.monotonic(), self._phase
        self._seconds[before] = self._seconds.get(before, 0.0) + now - self._since
        self._phase, self._since = phase, now
        return before

    def seconds(self) -> dict[Phase, float]:
        """Returns the seconds of each phase so far, in the order in which they were first entered."""
        self.enter(self._phase)
        return dict(self._seconds)

    def add(self, earlier: Mapping[Phase, float]) -> None:
        """Adds the seconds of an earlier, interrupted run."""
        for phase, seconds in earlier.items():
            self._seconds[phase] = self._seconds.get(phase, 0.0) + seconds
