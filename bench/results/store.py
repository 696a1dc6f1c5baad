"""The results folder: a trial is found from its id alone, so resuming is just running again.

results/trials/<id>/trial.json      the trial that was asked for
                    record.json     that it finished or failed, with metrics of its logits and provenance;
                                    written last, so that the trial is whole where it is
                    data.json       the digest of the data that its training began with, if there is one
                    initial_weights.json   what files of weights filled, and every tensor left out
                    history.csv     one row per epoch
                    learning_curve.png   the history drawn, once the trial has ended
                    heatmaps.png    typical units' heatmaps on their radiographs
                    losses.parquet  one row per optimisation step: epoch, step, images, loss
                    logits.parquet  one row per test image and finding: label, logit
                    boxes.parquet   the boxes of its units, in px of the input, and the images' own sizes
                    cams/<method>.parquet, cams/<method>.json, cams/<method>.npz   of the native map, and of
                                    others that were asked for: one row per unit (image, finding) with its
                                    peak and what metrics are made of; metrics, or why it failed; the maps,
                                    small as the model returned them
                    cams/<method>.sanity.parquet, cams/<method>.sanity.json   sanity checks of its maps, where
                                    a suite asked for them: one row per unit of a sample; their means
                    cams/native.maxima.parquet   local maxima of the native map: one row per test image and
                                    finding
                    cams/native.sensitivity.json   metrics when one choice of the protocol is changed
                    best.safetensors   weights of the best epoch, once training is over
                    last.ckpt, previous.ckpt, best-<epoch>.safetensors   the two latest states to resume from
                                    and the best weights that they know, until finished
                    progress.json   what a running trial is doing
                    lease.json      which driver runs it
"""

import csv
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import product
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import unquote

from bench.errors import ResultsError, brief, listing, nearest
from bench.redaction import redacted
from bench.results.files import locked, replacing, write_text
from bench.results.record import (
    EPOCH_COLUMNS,
    CamEvaluation,
    EpochRow,
    Outcome,
    Record,
    evaluation_name,
    joined_metrics,
    now,
    read_sensitivity,
)
from bench.results.stored import read_stored, write_stored
from bench.results.units import require_whole
from bench.suite.cam import CAMS, NATIVE, CamMethod, file_stem
from bench.suite.grid import Part
from bench.suite.metrics import UnitTable
from bench.suite.trial import Trial
from bench.suite.user_path import user_path
from bench.version import VERSION

State = Literal["finished", "failed", "interrupted", "todo", "unreadable"]
"""State of a trial; an "unreadable" one has a record, damaged or of a newer bench, that stays as it is."""

_AGAIN = "move the trial's folder out of trials/, where nothing of it is lost, to run the trial again"


_MOST_NAMED = 5
"""Ids that a message names before it counts the rest."""


class TrialFolder:
    """The files of one trial; the module's docstring describes them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trial = path / "trial.json"
        self.record = path / "record.json"
        self.data = path / "data.json"
        self.initial_weights = path / "initial_weights.json"
        self.history = path / "history.csv"
        self.learning_curve = path / "learning_curve.png"
        self.heatmap_samples = path / "heatmaps.png"
        self.logits = path / "logits.parquet"
        self.boxes = path / "boxes.parquet"
        self.progress = path / "progress.json"
        self.losses = path / "losses.parquet"
        self.last_checkpoint = path / "last.ckpt"
        self.previous_checkpoint = path / "previous.ckpt"
        self.best_weights = path / "best.safetensors"
        self.cams = path / "cams"
        self.sensitivity = self.cams / f"{NATIVE}.sensitivity.json"

    def cam_units(self, method: CamMethod) -> Path:
        """Returns where the per-unit table of `method` is."""
        return self.cams / f"{file_stem(method)}.parquet"

    def cam_maxima(self, method: CamMethod) -> Path:
        """Returns where the local maxima of `method` are; those of the native map alone are kept."""
        return self.cams / f"{file_stem(method)}.maxima.parquet"

    def cam_sanity(self, method: CamMethod) -> Path:
        """Returns where the table of sanity checks of `method` is."""
        return self.cams / f"{file_stem(method)}.sanity.parquet"

    def table(self, kind: UnitTable, method: CamMethod) -> Path:
        """Returns where a table is that metrics of the maps of `method` are computed from."""
        return {
            "logits": self.logits,
            "units": self.cam_units(method),
            "maxima": self.cam_maxima(method),
            "sanity": self.cam_sanity(method),
        }[kind]

    def cam_maps(self, method: CamMethod) -> Path:
        """Returns where the maps of `method` are, of each unit one."""
        return self.cams / f"{file_stem(method)}.npz"

    def cam_evaluation(self, method: CamMethod, part: Part = "scores") -> Path:
        """Returns where the evaluation of `method` is, or its sanity checks."""
        return self.cams / f"{file_stem(evaluation_name(method, part))}.json"

    @property
    def checkpoints(self) -> tuple[Path, Path]:
        """The states to resume from, the latest first; either may be missing."""
        return self.last_checkpoint, self.previous_checkpoint

    def weights_of(self, epoch: int) -> Path:
        """Returns where the weights of an epoch are that is the best so far; `best_weights` is their end."""
        return self.path / f"best-{epoch}.safetensors"

    def drop_weights(self, keep: Collection[int] = ()) -> None:
        """Removes the weights of epochs that were the best at a time, but for those of the epochs to keep."""
        kept = {self.weights_of(epoch) for epoch in keep}
        for path in self.path.glob("best-*.safetensors"):
            if path not in kept:
                path.unlink()

    def sweep(self) -> None:
        """Removes what a killed run left half written; for who holds the lock.

        The driver's two files are left alone: it writes them without the lock.
        """
        for path in self.path.glob(".*.partial"):
            if not path.name.startswith((f".{self.trial.name}.", f".{self.record.name}.")):
                path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder for this process; waits while another one holds it."""
        with locked(self.path / ".lock"):
            yield

    def note_data(self, digest: str | None) -> None:
        """Writes down which data training begins with, by its digest; None is unknown, or drawn."""
        write_text(self.data, json.dumps({"data": digest}) + "\n")

    def read_data(self) -> str | None:
        """Returns the digest of the data that an interrupted training began with; None if none is known.

        Raises:
            ResultsError: the file is there and cannot be read.
        """
        if not any(path.exists() for path in self.checkpoints):
            return None
        try:
            digest: str | None = json.loads(self.data.read_bytes())["data"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ResultsError(f"cannot be read ({brief(error)})", place=self.data) from None
        return digest

    def read_record(self) -> Record | None:
        """Returns the record, or None if there is none; whatever the folder is called.

        Raises:
            ResultsError: the file is there and cannot be read.
        """
        record = read_stored(self.record, Record, "record", _AGAIN)
        if record is not None:
            _require_known(record.trial, self.record)
        return record

    def read_trial(self) -> Trial | None:
        """Returns the trial that was asked for, or None if it was not written down yet.

        Raises:
            ResultsError: the file is there and cannot be read.
        """
        trial = read_stored(self.trial, Trial, "trial", _AGAIN)
        if trial is not None:
            _require_known(trial, self.trial)
        return trial

    def read_evaluation(self, method: CamMethod, part: Part = "scores") -> CamEvaluation | None:
        """Returns the evaluation of the maps of `method`, or their sanity checks; None if there are none.

        Raises:
            ResultsError: the file is there and cannot be read.
        """
        path = self.cam_evaluation(method, part)
        evaluation = read_stored(path, CamEvaluation, "evaluation", _cure(method, part))
        if evaluation is not None and (evaluation.method, evaluation.part) != (method, part):
            other = evaluation.name
            raise ResultsError(f"is the evaluation of another map, {other}", place=path, value=other)
        return evaluation

    def read_evaluations(self) -> tuple[CamEvaluation, ...]:
        """Returns all evaluations of maps that can be read, the native map's first, and sanity checks."""
        found = []
        for method, part in product(self.evaluated(), get_args(Part)):
            with suppress(ResultsError):
                found.append(self.read_evaluation(method, part))
        return tuple(evaluation for evaluation in found if evaluation is not None)

    def evaluated(self) -> tuple[CamMethod, ...]:
        """Returns the maps that have an evaluation, bench's own first, also if it cannot be read."""
        paths = [path for path in self.cams.glob("*.json") if path != self.sensitivity]
        found = {unquote(path.stem).removesuffix(".sanity") for path in paths}
        return (*(name for name in CAMS.own if name in found), *sorted(found - set(CAMS.own)))

    def epochs(self) -> tuple[EpochRow, ...]:
        """Returns the trial's epochs so far; none while they are not readable."""
        with suppress(ResultsError):  # written anew after the next epoch
            return self.read_history()
        return ()

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
        try:
            with self.history.open(newline="", encoding="utf-8") as stream:
                rows = [{key: value or None for key, value in row.items()} for row in csv.DictReader(stream)]
            return tuple(EpochRow.model_validate(row, strict=False, extra="ignore") for row in rows)
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, csv.Error) as error:  # pydantic's and those of UTF-8 are ValueErrors
            raise ResultsError(f"not a readable history ({brief(error)})", place=self.history) from None


class ResultsStore:
    """Reads and writes records. Only the driver process writes them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: dict[str, TrialFolder] = {}

    def folder(self, trial_id: str) -> TrialFolder:
        """Returns the folder of a trial, whether it exists or not."""
        if trial_id not in self._folders:
            self._folders[trial_id] = TrialFolder(self.root / "trials" / trial_id)
        return self._folders[trial_id]

    def record(self, trial_id: str) -> Record | None:
        """Returns the trial's record, or None if it has none or that cannot be read: see `problems`."""
        with suppress(ResultsError):
            return self._read_record(trial_id)
        return None

    def evaluation(self, trial_id: str, method: CamMethod, part: Part = "scores") -> CamEvaluation | None:
        """Returns the evaluation of a map, or None if there is none that can be read: see `problems`."""
        with suppress(ResultsError):
            return self._read_evaluation(trial_id, method, part)
        return None

    def metrics(self, trial_id: str, cam: CamMethod = NATIVE) -> Mapping[str, float]:
        """Returns the metrics of a finished trial's model and of one of its maps, as records name them.

        Empty unless both are finished and can be read. Those of sanity checks are there if these are done.
        """
        record = self.record(trial_id)
        if record is None:
            return {}
        return joined_metrics(
            record, self.evaluation(trial_id, cam), self.evaluation(trial_id, cam, "sanity")
        )

    def problems(self, trial_id: str) -> tuple[str, ...]:
        """Returns a sentence for each file of the trial that is there and cannot be read."""
        folder, found = self.folder(trial_id), []
        readers: list[Callable[[], object]] = [partial(self._read_record, trial_id)]
        asked = product(folder.evaluated(), get_args(Part))
        readers += [partial(self._read_evaluation, trial_id, *one) for one in asked]
        readers += [partial(read_sensitivity, folder.sensitivity), folder.read_history]
        for read in readers:
            try:
                read()
            except ResultsError as error:
                found.append(str(error))
        return tuple(dict.fromkeys(found))

    def state(self, trial_id: str, cam: CamMethod = NATIVE, part: Part = "scores") -> State:
        """Returns where the trial stands; "interrupted" has a checkpoint to go on from.

        A map and its sanity checks stand where its trial does, until that is finished; one that another
        source of its method has computed is to do again.
        """
        try:
            record = self._read_record(trial_id)
            if record is None:
                checkpoints = self.folder(trial_id).checkpoints
                return "interrupted" if any(path.exists() for path in checkpoints) else "todo"
            if record.status != "finished":
                return record.status
            evaluation = self._read_evaluation(trial_id, cam, part)
        except ResultsError:
            return "unreadable"
        return "todo" if evaluation is None or evaluation.is_outdated else evaluation.status

    def unfinished_ancestors(self, trial: Trial) -> tuple[Trial, ...]:
        """Returns the trials that have to be finished before this one, the first to run first.

        What a finished trial has started from is not needed any more.
        """
        parent = trial.init
        if parent is None or self.state(parent.id) == "finished":
            return ()
        return (*self.unfinished_ancestors(parent), parent)

    def blocker(self, trial: Trial) -> Trial | None:
        """Returns the trial that keeps this one from being run: it failed, or its record cannot be read."""
        parents = self.unfinished_ancestors(trial)
        return next((one for one in parents if self.state(one.id) in ("failed", "unreadable")), None)

    def reason(self, trial_id: str) -> str:
        """Returns in a line why the trial failed, or why its record cannot be read; else nothing."""
        record = self.record(trial_id)
        return next(iter(self.problems(trial_id)), "") if record is None else record.reason

    def announce(self, trial: Trial) -> None:
        """Writes what is asked for, and forgets an earlier failure; what is finished stays as it is.

        Raises:
            ResultsError: there is a record that cannot be read.
        """
        folder = self.folder(trial.id)
        record = self._read_record(trial.id)
        write_stored(folder.trial, trial)
        if record is None or record.status != "finished":
            folder.record.unlink(missing_ok=True)
            for path in folder.cams.glob("*.json"):  # of weights that are no more
                path.unlink()

    def finish(self, trial: Trial, outcome: Outcome) -> Record:
        """Writes and returns the record of a finished trial, and drops the state to resume from."""
        record = self._write(Record(trial=trial, status="finished", outcome=outcome, ended_at=now()))
        folder = self.folder(trial.id)
        for path in folder.checkpoints:
            path.unlink(missing_ok=True)
        folder.drop_weights()
        return record

    def fail(self, trial: Trial, error: str) -> Record:
        """Writes and returns the record of a failed trial and why; its checkpoint stays."""
        return self._write(Record(trial=trial, status="failed", error=redacted(error), ended_at=now()))

    def evaluated(self, trial_id: str, evaluation: CamEvaluation) -> None:
        """Writes the evaluation of a map; its per-unit table is in the folder already.

        That of the native map comes before the trial's record, those of others after it.

        Raises:
            ResultsError: there is one that cannot be read.
        """
        folder = self.folder(trial_id)
        self._read_evaluation(trial_id, evaluation.method, evaluation.part)
        write_stored(folder.cam_evaluation(evaluation.method, evaluation.part), evaluation)
        folder.progress.unlink(missing_ok=True)

    def _read_record(self, trial_id: str) -> Record | None:
        """Returns the trial's record, or None; refuses one that cannot be read, or is of another trial."""
        folder = self.folder(trial_id)
        record = folder.read_record()
        if record is not None and record.trial.id != trial_id:
            raise ResultsError(
                f"is the record of another trial, {record.trial.id}, or a newer bench asked for what this "
                f"one ({VERSION}) does not know; it is left as it is",
                place=folder.record,
                value=record.trial.id,
            )
        is_finished = record is not None and record.status == "finished"
        if is_finished and self._read_evaluation(trial_id, NATIVE) is None:
            path = folder.cam_evaluation(NATIVE)
            raise ResultsError(f"is missing, so that the trial is not whole; {_AGAIN}", place=path)
        return record

    def _read_evaluation(
        self, trial_id: str, method: CamMethod, part: Part = "scores"
    ) -> CamEvaluation | None:
        """Returns the evaluation, or None; refuses one that cannot be read, or whose units cannot."""
        folder = self.folder(trial_id)
        evaluation = folder.read_evaluation(method, part)
        if evaluation is not None and evaluation.status == "finished":
            table = folder.cam_units(method) if part == "scores" else folder.cam_sanity(method)
            require_whole(table, _cure(method, part))
        return evaluation

    def _write(self, record: Record) -> Record:
        """Writes and returns the record, unless there is one that cannot be read."""
        self._read_record(record.trial.id)
        folder = self.folder(record.trial.id)
        write_stored(folder.record, record)
        folder.progress.unlink(missing_ok=True)
        return record


def find_trial(store: ResultsStore, word: str) -> TrialFolder:
    """Returns the folder of the trial that `word` means, whatever state it is in.

    Args:
        store: where ids are looked for.
        word: an id, a beginning that only one id has, or the path of a trial's folder, wherever it is.

    Raises:
        ResultsError: there is no such trial, or there are several.
    """
    trials = store.root / "trials"
    ids = sorted(path.name for path in trials.glob("*") if path.is_dir())
    matches = [word] if word in ids else [name for name in ids if name.startswith(word)]
    if len(matches) == 1:
        return store.folder(matches[0])
    if matches:
        named = listing(matches, _MOST_NAMED)
        raise ResultsError(
            f"{len(matches)} trials begin with {word!r}: {named}; give more of the id",
            place=trials,
            value=word,
        )
    path = user_path(word)
    if not path.is_dir():
        known = (
            f"there are: {listing(ids, _MOST_NAMED)}{nearest(word, ids)}" if ids else "bench run makes them"
        )
        raise ResultsError(f"no trial {word!r} here; {known}", place=trials, value=word)
    folder = TrialFolder(path)
    if not (folder.trial.exists() or folder.record.exists()):
        raise ResultsError("is no folder of a trial; it has neither trial.json nor record.json", place=path)
    return folder


def _cure(method: CamMethod, part: Part = "scores") -> str:
    """Returns what brings the evaluation of a map back: the native map's failure is the trial's."""
    name = evaluation_name(method, part)
    if name == NATIVE:
        return _AGAIN
    evaluation = f"{file_stem(name)}.json"
    return f"move it and the {evaluation} beside it out of the folder, and bench run evaluates the map again"


def _require_known(trial: Trial, path: Path) -> None:
    """Checks that this bench has the model and options of the trial, without which it has no id."""
    try:
        _ = trial.id
    except LookupError as error:
        raise ResultsError(
            f"names a model or an option, {brief(error)}, that this bench ({VERSION}) does not have, and is "
            "left as it is; the bench that wrote it can read it",
            place=path,
        ) from None
