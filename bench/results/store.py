"""The results folder: a trial is found from its id alone, so resuming is just running again.

results/trials/<id>/trial.json      what was asked for
                    record.json     that it finished or failed, with metrics and provenance
                    history.csv     one row per epoch
                    units.parquet   one row per unit (image, finding): peak, score, ties, hit
                    boxes.parquet   the boxes of those units, in px of the input
                    best.safetensors, last.pt   weights; the state to resume from, until finished
                    progress.json   what a running trial is doing
"""

import csv
import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from bench.errors import ResultsError, brief
from bench.results.atomic import replacing, write_text
from bench.results.record import EPOCH_COLUMNS, EpochRow, Outcome, Record
from bench.suite.trial import Trial

State = Literal["finished", "failed", "interrupted", "todo"]


class TrialFolder:
    """The files of one trial; the module's docstring says what is in them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trial = path / "trial.json"
        self.record = path / "record.json"
        self.history = path / "history.csv"
        self.units = path / "units.parquet"
        self.boxes = path / "boxes.parquet"
        self.progress = path / "progress.json"
        self.last_checkpoint = path / "last.pt"
        self.best_weights = path / "best.safetensors"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder for this process; waits while another one holds it.

        The lock ends with the process, however it ends, so a killed run never blocks the next.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def write_history(self, rows: Sequence[EpochRow]) -> None:
        """Replaces the history by `rows`."""
        with replacing(self.history) as temporary, temporary.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, EPOCH_COLUMNS)
            writer.writeheader()
            writer.writerows(row.model_dump() for row in rows)

    def read_history(self) -> tuple[EpochRow, ...]:
        """Returns the epochs so far; none if there is no history.

        Raises:
            ResultsError: the file is damaged.
        """
        if not self.history.exists():
            return ()
        with self.history.open(newline="") as stream:
            rows = [{key: value or None for key, value in row.items()} for row in csv.DictReader(stream)]
        try:
            return tuple(EpochRow.model_validate(row, strict=False) for row in rows)
        except ValidationError as error:
            raise ResultsError(f"{self.history}: not a readable history ({brief(error)})") from None


class ResultsStore:
    """Reads and writes records. Only the driver process writes them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, trial_id: str) -> TrialFolder:
        """Returns the folder of a trial, whether it exists or not."""
        return TrialFolder(self.root / "trials" / trial_id)

    def record(self, trial_id: str) -> Record | None:
        """Returns the trial's record, or None if it has none.

        Raises:
            ResultsError: the file is there and cannot be read.
        """
        path = self.folder(trial_id).record
        try:
            record = Record.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            hint = "move it away to run the trial again"
            raise ResultsError(f"{path}: not a readable record ({brief(error)}); {hint}") from None
        if record.trial.id != trial_id:
            raise ResultsError(f"{path}: is the record of another trial, {record.trial.id}")
        return record

    def state(self, trial_id: str) -> State:
        """Returns where the trial stands; "interrupted" has a checkpoint to go on from."""
        record = self.record(trial_id)
        if record is not None:
            return record.status
        return "interrupted" if self.folder(trial_id).last_checkpoint.exists() else "todo"

    def announce(self, trial: Trial) -> None:
        """Writes what is asked for, and forgets an earlier failure."""
        folder = self.folder(trial.id)
        write_text(folder.trial, trial.model_dump_json(indent=2) + "\n")
        folder.record.unlink(missing_ok=True)

    def finish(self, trial: Trial, outcome: Outcome) -> Record:
        """Writes and returns the record of a finished trial, and drops the state to resume from."""
        record = Record(trial=trial, status="finished", outcome=outcome, ended_at=_now())
        self._write(record)
        folder = self.folder(trial.id)
        folder.last_checkpoint.unlink(missing_ok=True)
        folder.progress.unlink(missing_ok=True)
        return record

    def fail(self, trial: Trial, error: str) -> Record:
        """Writes and returns the record of a failed trial with its traceback; its checkpoint stays."""
        record = Record(trial=trial, status="failed", error=error, ended_at=_now())
        self._write(record)
        self.folder(trial.id).progress.unlink(missing_ok=True)
        return record

    def _write(self, record: Record) -> None:
        text = record.model_dump_json(indent=2) + "\n"
        write_text(self.folder(record.trial.id).record, text)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
