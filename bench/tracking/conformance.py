"""The checks that every tracker passes, MLflow's and anyone's: each tells it of a run in another way.

The run is of one trial whose record is made up; nothing is trained. A tracker that writes elsewhere than
below the results folder writes these runs there too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.results.invocation import Invocation, Invocations
from bench.results.provenance import describe
from bench.results.record import CamEvaluation, EpochRow, Outcome, Record, now
from bench.results.store import ResultsStore
from bench.suite.cam import NATIVE
from bench.suite.load import load_suite
from bench.tracking.observer import RunObserver
from bench.tracking.trackers import Tracker

_SUITE = "models: [baseline]\ndatasets: [phantom]\nresolutions: [64]\nseeds: [0]\n"


@dataclass(frozen=True)
class Candidate:
    """A tracker to be checked.

    Attributes:
        make: returns it, given a results folder.
    """

    make: Tracker


@dataclass(frozen=True)
class _Run:
    """A run of a suite with one trial, and its tracker."""

    tracker: RunObserver
    invocation: Invocation
    record: Record
    evaluation: CamEvaluation
    store: ResultsStore

    def tell_epochs(self, num: int) -> None:
        for epoch in range(1, num + 1):
            row = EpochRow(
                epoch=epoch,
                learning_rate=1e-4,
                train_loss=None if epoch == 1 else 0.5,
                val_loss=0.4,
                images_per_s=10.0,
                duration_s=1.0,
            )
            self.tracker.epoch(self.record.trial, row)

    def tell_end(self) -> None:
        self.tracker.ended(self.record, self.store.metrics(self.record.trial.id))
        self.tracker.evaluated(self.record, self.evaluation)

    def close(self) -> None:
        self.tracker.reported(Invocations(self.store).end(self.invocation))
        self.tracker.close()


@contextmanager
def _run(of: Candidate, *, fails: bool = False) -> Iterator[_Run]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "conformance.yaml"
        path.write_text(_SUITE, "utf-8")
        loaded, store = load_suite(path), ResultsStore(Path(folder) / "results")
        (trial,) = loaded.grid.trials
        provenance = describe("cpu", "float32", 1)
        evaluation = CamEvaluation(
            method=NATIVE,
            status="finished",
            metrics={"point_accuracy/weighted": 0.75},
            provenance=provenance,
            ended_at=now(),
        )
        store.announce(trial)
        if fails:
            record = store.fail(trial, "a reason")
        else:
            store.evaluated(trial.id, evaluation)
            outcome = Outcome(
                metrics={"auroc/weighted": 0.5},
                best_epoch=2,
                num_epochs=2,
                duration_s=2.0,
                notes=("a note",),
                findings=("Mass",),
                provenance=provenance,
            )
            record = store.finish(trial, outcome)
        invocation = Invocations(store).begin(loaded, ("run", path.name))
        tracker = of.make(store.root)
        tracker.invoked(invocation)
        tracker.preparing("decode", 1, 2)
        tracker.notice("a sentence")
        yield _Run(tracker, invocation, record, evaluation, store)


def finished_trial_is_taken(of: Candidate) -> str | None:
    """It starts, has two epochs, one with a loss that is not finite, ends, and its map is evaluated."""
    with _run(of) as run:
        with run.tracker.running([run.record.trial], {}):
            run.tracker.started(run.record.trial)
            run.tell_epochs(2)
            run.tell_end()
        run.close()
    return None


def failed_trial_is_taken(of: Candidate) -> str | None:
    """It starts and fails before its first epoch ended."""
    with _run(of, fails=True) as run:
        run.tracker.started(run.record.trial)
        run.tracker.ended(run.record, {})
        run.close()
    return None


def trial_that_goes_on_tells_its_epochs_again(of: Candidate) -> str | None:
    """It was interrupted after an epoch, which comes twice."""
    with _run(of) as run:
        run.tracker.started(run.record.trial)
        run.tell_epochs(1)
        run.tracker.started(run.record.trial)
        run.tell_epochs(2)
        run.tell_end()
        run.close()
    return None


def trial_of_an_earlier_run_is_found_without_a_start(of: Candidate) -> str | None:
    """It ended before this run, and is told more than once."""
    with _run(of) as run:
        run.tracker.found(run.record)
        run.tracker.found(run.record)
        run.close()
    return None


def run_that_is_interrupted_closes(of: Candidate) -> str | None:
    """Its trial has started, and nothing more comes."""
    with _run(of) as run:
        run.tracker.started(run.record.trial)
        run.close()
    return None


CHECKS: tuple[Callable[[Candidate], str | None], ...] = (
    finished_trial_is_taken,
    failed_trial_is_taken,
    trial_that_goes_on_tells_its_epochs_again,
    trial_of_an_earlier_run_is_found_without_a_start,
    run_that_is_interrupted_closes,
)
