"""Trials that start from others, on real Ray: who waits for whom, and who does not.

That a trial still runs is made certain, not timed: the test holds the lock of its folder, for which its
worker waits.
"""

import os
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from trials import Ledger, context_in, make_trial

from bench.execution.ray.executor import RayExecutor
from bench.results.store import ResultsStore
from bench.suite.schema import Resources
from bench.suite.trial import Trial

HALF = Resources(cpu=0.5)
"""Two trials at a time, also on one core."""

GIVEN_UP_S = 240.0
"""When a run that waits for the wrong trial is let go, so that the test fails instead of hanging."""


trial = partial(make_trial, images=(16, 8, 8), batch_size=8, max_epochs=1)


def run(trials: list[Trial], ledger: Ledger, resources: Resources = HALF) -> None:
    RayExecutor(max_concurrent=2).run(trials, context_in(ledger.store.root), resources, ledger)


@pytest.mark.slow
def test_child_waits_for_its_own_parent_only_and_is_never_started_if_that_fails(tmp_path: Path):
    """Three chains: of the second one the parent cannot end before the first one's child has.

    The third one's parent fails, since it starts from a trial that is nowhere.
    """
    parents, broken = [trial(0), trial(1)], trial(2, trial(9))
    children = [trial(seed, parent) for seed, parent in enumerate(parents)]
    blocked = [trial(2, trial(2, broken), learning_rate=1e-3), trial(2, broken)]
    store, held = ResultsStore(tmp_path), ExitStack()
    held.enter_context(store.folder(parents[1].id).locked())

    class Releasing(Ledger):
        def finished(self, one: Trial, outcome) -> None:
            super().finished(one, outcome)
            if one.id == children[0].id:
                held.close()

    ledger = Releasing(store)
    patience = threading.Timer(GIVEN_UP_S, held.close)
    patience.start()
    try:
        run([*parents, broken, *blocked, *children], ledger)
    finally:
        patience.cancel()
        held.close()
    events = [event for event in ledger.events if event[0] in ("started", "finished", "failed")]
    assert events.index(("finished", children[0].id)) < events.index(("finished", parents[1].id))
    for parent, child in zip(parents, children, strict=True):
        assert events.index(("finished", parent.id)) < events.index(("started", child.id))
    ends = {one.id: "finished" for one in [*parents, *children]} | {broken.id: "failed"}
    assert sorted(events) == sorted((what, one) for one, end in ends.items() for what in ("started", end))


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="a trial of two threads asks for two cores")
def test_trials_that_need_more_or_less_than_their_parents_all_run(tmp_path: Path):
    """Without resources in the suite a trial asks for as many cores as its recipe has threads."""
    small, large = trial(0), trial(1, num_threads=2)
    trials = [small, large, trial(0, small, num_threads=2), trial(1, large)]
    ledger = Ledger(ResultsStore(tmp_path))
    run(trials, ledger, Resources())
    assert {one for what, one in ledger.events if what == "finished"} == {one.id for one in trials}
