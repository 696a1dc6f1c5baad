"""Records of a trial: its outcome, or how it failed; its epochs, maps and sensitivity."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from bench.errors import PluginError
from bench.results.provenance import Provenance
from bench.results.stored import read_stored
from bench.suite.cam import CAMS, CamMethod, cam_source
from bench.suite.frozen import Frozen
from bench.suite.grid import Part
from bench.suite.subject import InputSeen
from bench.suite.trial import Trial


class Sensitivity(Frozen):
    """Metrics of a trial's native maps by the default protocol and its variants."""

    num_units: int
    metrics: dict[str, dict[str, dict[str, float]]]
    """By metric, by the protocol's name in `bench.metrics.protocol` (the default, then each that differs),
    and by average."""


def read_sensitivity(path: Path) -> Sensitivity | None:
    """Returns what the file holds, or None if there is none.

    Raises:
        ResultsError: the file is there and cannot be read.
    """
    again = "move it out of the folder, and bench rescore computes it again from the stored maps"
    return read_stored(path, Sensitivity, "sensitivity", again)


EPOCH_COLUMNS = ("epoch", "learning_rate", "train_loss", "val_loss", "images_per_s", "duration_s")


class EpochRow(Frozen):
    """One epoch of training."""

    epoch: int
    """Counted from 1."""
    learning_rate: float
    """The rate that the epoch was trained with."""
    train_loss: float | None
    """Mean over the epoch's images of the loss at the time they were seen; None if it was not finite."""
    val_loss: float | None
    """Mean over validation images after the epoch; None where not evaluated, or not finite."""
    images_per_s: float
    """Training images per second."""
    duration_s: float
    """Training and validation together."""


class Outcome(Frozen):
    """The result of a finished trial's model; its tables lie in the trial's folder already."""

    metrics: dict[str, float]
    """Metrics of the logits by `bench.suite.metrics.Metric.key`. Those of maps stand in their evaluations."""
    best_epoch: int
    """0 of a subject, which was trained elsewhere, as is the number of epochs."""
    num_epochs: int
    duration_s: float
    """Training and evaluation, over all processes that worked on the trial."""
    phases_s: dict[str, float] = Field(default_factory=dict)
    """The same by phase: prepare, train, validate, save, score; empty where it is not known."""
    notes: tuple[str, ...]
    """Remarks for readers of the numbers, e.g. classes left out of a mean."""
    findings: tuple[str, ...]
    """The classes in the order of the model's heatmaps."""
    lacks: tuple[str, ...] = ()
    """Findings of the data set that a subject has no class for: nothing is scored of them."""
    input_seen: InputSeen | None = None
    """Of a subject, the values that it was given."""
    provenance: Provenance
    num_skipped_steps: int = 0
    """Optimisation steps that changed nothing, since gradients overflowed float16; 0 in other precisions. The
    first few of a trial are usual: the loss scale is found so."""


class Record(Frozen):
    """The state of a trial that has ended. A failure is a record too."""

    trial: Trial
    status: Literal["finished", "failed"]
    outcome: Outcome | None = None
    """Set if the trial is finished."""
    error: str | None = None
    """Set if the trial failed: a sentence, or the traceback where it is no mistake that a user can mend."""
    ended_at: str
    """ISO 8601 with time zone."""

    @property
    def reason(self) -> str:
        """Why the trial failed: the last line of its traceback; empty if it did not."""
        return last_line(self.error or "")


def evaluation_name(method: CamMethod, part: Part = "scores") -> str:
    """Returns what files and logs call a part of what is known of a method's maps."""
    return method if part == "scores" else f"{method}.{part}"


class CamEvaluation(Frozen):
    """The evaluation of one kind of map of a trial, or how it failed; the native map's is finished."""

    method: str
    """A name of `bench.suite.cam.CAMS`, perhaps of a plug-in that is not here any more."""
    part: Part = "scores"
    status: Literal["finished", "failed"]
    metrics: dict[str, float] = Field(default_factory=dict)
    """Metrics of the maps by `bench.suite.metrics.Metric.key`; empty if the evaluation failed."""
    notes: tuple[str, ...] = ()
    """Remarks for readers of the numbers, e.g. how many peaks are ties."""
    error: str | None = None
    """Set if the evaluation failed: the traceback, or a sentence."""
    provenance: Provenance | None = None
    """Set if the evaluation is finished."""
    duration_s: float | None = None
    """Time that sanity checks took; None of scores."""
    ended_at: str
    """ISO 8601 with time zone."""

    @property
    def name(self) -> str:
        """What files and logs call it."""
        return evaluation_name(self.method, self.part)

    @property
    def is_outdated(self) -> bool:
        """Whether a plug-in's source has computed it that is another one now; no if there is none now."""
        if self.method in CAMS.own or self.provenance is None or self.provenance.cam_source is None:
            return False
        try:
            source = cam_source(self.method)
        except (KeyError, PluginError):
            return False
        return source is not None and source.digest != self.provenance.cam_source.digest


def joined_metrics(
    record: Record | None, evaluation: CamEvaluation | None, sanity: CamEvaluation | None = None
) -> Mapping[str, float]:
    """Returns the metrics of a trial's model and of one of its maps; none unless both are finished."""
    if record is None or record.outcome is None or evaluation is None or evaluation.status != "finished":
        return {}
    return (sanity.metrics if sanity is not None else {}) | evaluation.metrics | record.outcome.metrics


def last_line(error: str) -> str:
    """Returns the last line of a traceback: what was raised."""
    return next(iter(error.strip().splitlines()[-1:]), "")


def now() -> str:
    """Returns the time as records write it: ISO 8601 with time zone, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
