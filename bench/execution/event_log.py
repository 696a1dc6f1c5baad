"""A run for programs: a JSON object per line for everything that happens, in the order in which it does.

Every line has "event" and "time" (ISO 8601 with time zone). By event, beside those:

preparing   what, done, total       images decoded or checked; at most one a second, and the last
notice      text                    a sentence for people
planned     trials                  ids of what this run is to do
started     id                      also when a trial goes on after its worker died
epoch       id, epoch, max_epochs, learning_rate, train_loss, val_loss, images_per_s, duration_s
finished    id, metrics, best_epoch, num_epochs, duration_s
failed      id, error, and cam if only the evaluation of that map failed
evaluated   id, cam, metrics         cam is that of sanity checks where it ends in .sanity
ended       report, exit_code       the last line
"""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

from bench.results.record import CamEvaluation, EpochRow, Record, now
from bench.suite.trial import Trial
from bench.tracking.observer import RunObserver

PREPARING_S = 1.0


class EventLog(RunObserver):
    """Writes events as they come, each line at once."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._prepared_at_s = float("-inf")

    def write(self, event: str, **values: object) -> None:
        """Writes one event."""
        line = json.dumps({"event": event, "time": now()} | values)
        print(line, file=self._stream, flush=True)

    def preparing(self, what: str, done: int, total: int) -> None:
        """See `RunObserver`."""
        if done < total and time.monotonic() - self._prepared_at_s < PREPARING_S:
            return
        self._prepared_at_s = time.monotonic()
        self.write("preparing", what=what, done=done, total=total)

    def notice(self, sentence: str) -> None:
        """See `RunObserver`."""
        self.write("notice", text=sentence)

    def started(self, trial: Trial) -> None:
        """See `RunObserver`."""
        self.write("started", id=trial.id)

    def epoch(self, trial: Trial, row: EpochRow) -> None:
        """See `RunObserver`."""
        self.write("epoch", id=trial.id, max_epochs=trial.recipe.max_epochs, **row.model_dump())

    def ended(self, record: Record, metrics: Mapping[str, float]) -> None:
        """See `RunObserver`."""
        if record.outcome is None:
            self.write("failed", id=record.trial.id, error=record.error)
            return
        kept = record.outcome.model_dump(include={"best_epoch", "num_epochs", "duration_s"})
        self.write("finished", id=record.trial.id, metrics=dict(metrics), **kept)

    def evaluated(self, record: Record, evaluation: CamEvaluation) -> None:
        """See `RunObserver`."""
        trial = record.trial
        if evaluation.status == "failed":
            self.write("failed", id=trial.id, cam=evaluation.name, error=evaluation.error)
        else:
            self.write("evaluated", id=trial.id, cam=evaluation.name, metrics=evaluation.metrics)

    @contextmanager
    def running(
        self, trials: Sequence[Trial], evaluations: Mapping[str, Sequence[str]] | None = None
    ) -> Iterator[None]:
        """See `RunObserver`."""
        self.write("planned", trials=[trial.id for trial in trials])
        yield
