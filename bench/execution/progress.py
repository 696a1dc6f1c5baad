"""How far a running trial is, in a small file that is replaced often, and how long it still takes."""

import json
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median

from bench.results.files import write_text
from bench.results.store import TrialFolder
from bench.suite.trial import Trial

INTERVAL_S = 0.5

TRAINING_SHARE = 0.95
"""Share of a trial that training takes where there is any; the rest is evaluation."""


@dataclass(frozen=True)
class TrialProgress:
    """How far a running trial is.

    Attributes:
        phase: what it does, e.g. "decode train", "epoch 3/40", "evaluate".
        fraction: of the whole trial, in [0, 1], as if it trained to its cap on epochs.
        images_per_s: speed of training, 0 where there is none.
        step: running optimisation step of the epoch, from 1; 0 where nothing is trained.
        num_steps: steps per epoch.
        loss: mean over the epoch's images so far, some steps ago; None where it is not known.
        learning_rate: of the running epoch, 0 where nothing is trained.
        left_s: time to the end of an evaluation of maps, s; None elsewhere, and where it is not known.
        updated_at: seconds since 1970.
    """

    phase: str
    fraction: float
    images_per_s: float = 0.0
    step: int = 0
    num_steps: int = 0
    loss: float | None = None
    learning_rate: float = 0.0
    left_s: float | None = None
    updated_at: float = 0.0


class ProgressFile:
    """Writes progress, at most every half second; reading one that is not there gives None."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last = 0.0

    def write(self, progress: TrialProgress, *, force: bool = False) -> None:
        """Replaces the file unless it was replaced a moment ago."""
        if not force and time.monotonic() - self._last < INTERVAL_S:
            return
        self._last = time.monotonic()
        stamped = asdict(progress) | {"updated_at": time.time()}
        write_text(self.path, json.dumps(stamped), durable=False)

    def read(self) -> TrialProgress | None:
        """Returns the latest progress."""
        try:
            found = json.loads(self.path.read_text())
            return TrialProgress(**{field.name: found[field.name] for field in fields(TrialProgress)})
        except (OSError, ValueError, TypeError, KeyError):
            return None


def trial_left_s(trial: Trial, progress: TrialProgress, folder: TrialFolder) -> float | None:
    """Returns the time to the trial's cap on epochs, or to the end of a map, s; None where it is not known.

    From the median of the epochs that have ended, in whatever run, else from the speed of the running one.
    """
    if progress.num_steps == 0:
        return progress.left_s
    rows = folder.epochs()
    if rows:
        epoch_s = median(row.duration_s for row in rows)
    elif progress.images_per_s:
        epoch_s = progress.num_steps * trial.recipe.batch_size / progress.images_per_s
    else:
        return None
    return epoch_s * trial.recipe.max_epochs / TRAINING_SHARE * (1 - progress.fraction)


def earlier_share(trial: Trial, folder: TrialFolder) -> float:
    """Returns how much of the trial an interrupted run has done, in epochs."""
    if not folder.last_checkpoint.exists():
        return 0.0
    return min(TRAINING_SHARE * len(folder.epochs()) / trial.recipe.max_epochs, TRAINING_SHARE)
