"""The clock of a trial: what it counts for which phase."""

import contextlib

import pytest

from bench.training import phases
from bench.training.phases import PhaseClock


@pytest.fixture
def at(monkeypatch):
    """Sets the monotonic clock."""
    now = {"s": 100.0}
    monkeypatch.setattr(phases.time, "monotonic", lambda: now["s"])
    return lambda seconds: now.update(s=seconds)


def test_phases_follow_each_other_and_sum_up_to_the_whole(at):
    clock = PhaseClock()
    at(103)
    clock.enter("train")
    at(110)
    with clock.phase("save"):
        at(112)
    at(113)
    assert clock.seconds() == {"prepare": 3, "train": 8, "save": 2}
    at(114)
    assert clock.seconds() == {"prepare": 3, "train": 9, "save": 2}


def test_what_fails_within_a_phase_ends_it(at):
    clock = PhaseClock()
    with contextlib.suppress(ValueError), clock.phase("score"):
        at(105)
        raise ValueError
    at(106)
    assert clock.seconds() == {"prepare": 1, "score": 5}


def test_earlier_runs_are_added(at):
    clock = PhaseClock()
    clock.add({"prepare": 2.0, "train": 30.0})
    at(101)
    assert clock.seconds() == {"prepare": 3, "train": 30}
