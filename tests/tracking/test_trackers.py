"""Trackers keep their contract, faults of one are found, and none ends a run."""

import logging

import pytest

from bench.suite.conformance import examined, name_of
from bench.tracking.conformance import CHECKS, Candidate
from bench.tracking.observer import RunObserver
from bench.tracking.trackers import MLFLOW, TRACKERS, PluginTracker

ONE, *OTHERS = CHECKS


@pytest.mark.parametrize(
    "check", [ONE, *(pytest.param(check, marks=pytest.mark.slow) for check in OTHERS)], ids=name_of
)
def test_mlflow(check):
    assert check(Candidate(TRACKERS[MLFLOW])) is None


class Silent(RunObserver):
    """Hears all and does nothing."""

    def __init__(self, results_dir):
        self.results_dir = results_dir


class NeedsALoss(Silent):
    def epoch(self, trial, row):
        return f"{row.train_loss:.3f}"


class NeedsAnOutcome(Silent):
    def ended(self, record, metrics):
        return record.outcome.best_epoch


class NeedsNewEpochs(Silent):
    def __init__(self, results_dir):
        self.epochs = []

    def epoch(self, trial, row):
        if row.epoch in self.epochs:
            raise ValueError("told before")
        self.epochs.append(row.epoch)


class NeedsAStart(Silent):
    def __init__(self, results_dir):
        self.running = {}

    def started(self, trial):
        self.running[trial.id] = trial

    def found(self, record):
        del self.running[record.trial.id]


class NeedsAnEnd(Silent):
    def __init__(self, results_dir):
        self.num_running = 0

    def started(self, trial):
        self.num_running += 1

    def ended(self, record, metrics):
        self.num_running = 0

    def close(self):
        assert self.num_running == 0, "still running"


@pytest.mark.parametrize(
    ("make", "check"),
    [
        (NeedsALoss, "finished trial is taken"),
        (NeedsAnOutcome, "failed trial is taken"),
        (NeedsNewEpochs, "trial that goes on tells its epochs again"),
        (NeedsAStart, "trial of an earlier run is found without a start"),
        (NeedsAnEnd, "run that is interrupted closes"),
    ],
)
def test_faults_are_found(make, check):
    assert dict(examined(CHECKS, Candidate(make), __name__))[check] is not None


def test_a_tracker_that_does_nothing_passes():
    assert {problem for _, problem in examined(CHECKS, Candidate(Silent), None)} == {None}


class Context:
    def __enter__(self):
        raise ValueError("no entry")

    def __exit__(self, *_):
        raise ValueError("no exit")


class Raises(Silent):
    def started(self, trial):
        raise SystemExit(f"no {trial}")

    def running(self, trials, cams=None):
        return Context()


def test_errors_of_a_tracker_are_warnings_each_told_once(tmp_path, caplog):
    tracker = PluginTracker("mine", Raises, tmp_path)
    with caplog.at_level(logging.WARNING), tracker.running([], {}):
        for trial in ("first", "first", "second"):
            tracker.started(trial)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 4
    assert all("'mine'" in sentence and f"{__file__}:" in sentence for sentence in told)


def test_an_interrupt_goes_through_a_tracker(tmp_path):
    tracker = PluginTracker("mine", Silent, tmp_path)
    with pytest.raises(KeyboardInterrupt), tracker.running([], {}):
        raise KeyboardInterrupt
