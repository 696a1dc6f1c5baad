"""What a running trial is doing, seen from outside: a small file that is replaced about once a second."""

import json
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from bench.results.files import write_text

INTERVAL_S = 0.5

TRAINING_SHARE = 0.95
"""Share of a trial that training takes where there is any; the rest is evaluation."""


@dataclass(frozen=True)
class Progress:
    """A running trial.

    Attributes:
        phase: what it does, e.g. "decode train", "epoch 3/40", "evaluate".
        fraction: of the whole trial, in [0, 1], as far as the cap on epochs tells.
        images_per_s: speed of training, 0 where there is none.
        step: running optimisation step of the epoch, from 1; 0 where nothing is trained.
        num_steps: steps per epoch.
        loss: mean over the epoch's images so far, some steps ago; None where it is not known.
        learning_rate: of the running epoch, 0 where nothing is trained.
        updated_at: seconds since 1970.
    """

    phase: str
    fraction: float
    images_per_s: float = 0.0
    step: int = 0
    num_steps: int = 0
    loss: float | None = None
    learning_rate: float = 0.0
    updated_at: float = 0.0


class ProgressFile:
    """Writes progress, at most every half second; reading one that is not there gives None."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last = 0.0

    def write(self, progress: Progress, *, force: bool = False) -> None:
        """Replaces the file unless it was replaced a moment ago."""
        if not force and time.monotonic() - self._last < INTERVAL_S:
            return
        self._last = time.monotonic()
        stamped = asdict(progress) | {"updated_at": time.time()}
        write_text(self.path, json.dumps(stamped), durable=False)

    def read(self) -> Progress | None:
        """Returns the latest progress."""
        try:
            found = json.loads(self.path.read_text())
            return Progress(**{field.name: found[field.name] for field in fields(Progress)})
        except (OSError, ValueError, TypeError, KeyError):
            return None
