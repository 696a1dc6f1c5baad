"""The training loop of one trial: epochs of training, validation, schedule, checkpoint.

Resumable after every epoch: all that an epoch depends on is in the checkpoint, and its order and augmentation
are functions of (seed, epoch).
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from bench.data.dataset import Dataset
from bench.data.feeding import evaluation_batches, training_batches
from bench.results.record import EpochRow
from bench.results.store import TrialFolder
from bench.suite.trial import Trial
from bench.training.checkpoint import Checkpoint, save_weights
from bench.training.precision import Precision, choose_precision
from bench.training.schedule import PlateauSchedule

LOSS_INTERVAL_S = 1.0
"""Between looks at the training loss for displays."""


@dataclass(frozen=True)
class Step:
    """How far training is: for progress displays.

    Attributes:
        epoch: running epoch, from 1.
        max_epochs: cap on epochs.
        images_done: images of the epoch that were trained on.
        images_total: images per epoch.
        images_per_s: speed in this epoch so far.
        loss: mean over the epoch's images, at most `LOSS_INTERVAL_S` old; None before it is first known.
        learning_rate: of the epoch.
    """

    epoch: int
    max_epochs: int
    images_done: int
    images_total: int
    images_per_s: float
    loss: float | None = None
    learning_rate: float = 0.0


@dataclass
class History:
    """What happened so far.

    Attributes:
        rows: one per finished epoch.
        best_epoch: epoch of the lowest validation loss; 0 before the first finite one.
        best_loss: that loss.
        earlier_s: time that epochs of interrupted runs took.
    """

    rows: list[EpochRow] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = math.inf
    earlier_s: float = 0.0


class TrainingError(RuntimeError):
    """Training ended without a usable model."""


def train(
    model: nn.Module,
    data: Dataset,
    trial: Trial,
    device: torch.device,
    folder: TrialFolder,
    *,
    on_step: Callable[[Step], None],
    on_epoch: Callable[[EpochRow], None],
) -> History:
    """Trains `model` in place and returns the history; the best weights are in the trial's folder.

    Goes on from the folder's checkpoint if there is one.

    Args:
        model: on `device`, freshly initialised.
        data: the trial's data set.
        trial: recipe, seed, resolution.
        device: where to train.
        folder: receives checkpoints, best weights and history.
        on_step: told after every batch.
        on_epoch: told of every epoch once its checkpoint is written; after a resumption also of the earlier
            ones.

    Raises:
        TrainingError: no epoch had a finite validation loss.
    """
    session = _Session(model, data, trial, choose_precision(trial.recipe, device))
    if folder.last_checkpoint.exists():
        session.restore(Checkpoint.load(folder.last_checkpoint))
    history = session.history
    for row in history.rows:
        on_epoch(row)
    while len(history.rows) < trial.recipe.max_epochs and not session.schedule.is_over:
        row, is_best = session.run_epoch(on_step)
        if is_best:
            save_weights(model, folder.best_weights)
        session.capture().save(folder.last_checkpoint)
        folder.write_history(history.rows)
        on_epoch(row)
    if history.best_epoch == 0:
        raise TrainingError(f"no finite validation loss in {len(history.rows)} epochs; no best checkpoint")
    return history


class _Session:
    """A model with everything that changes while it is trained."""

    def __init__(self, model: nn.Module, data: Dataset, trial: Trial, precision: Precision) -> None:
        self.model, self.data, self.trial, self.precision = model, data, trial, precision
        self.frozen = model.get_submodule("encoder") if trial.phase.freezes else None
        if self.frozen is not None:
            self.frozen.requires_grad_(requires_grad=False)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(trained, lr=trial.recipe.learning_rate)
        self.scaler = precision.scaler()
        self.schedule = PlateauSchedule.start(trial.recipe)
        self.history = History()

    def run_epoch(self, on_step: Callable[[Step], None]) -> tuple[EpochRow, bool]:
        """Trains and validates one epoch; returns its row, and whether its validation loss is the best."""
        recipe, history = self.trial.recipe, self.history
        epoch = len(history.rows) + 1
        started = time.monotonic()
        rate = self.schedule.learning_rate
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        train_loss, speed = self._train(epoch, on_step)
        val_loss, is_best = None, False
        if epoch % recipe.evaluate_every == 0 or epoch == recipe.max_epochs:
            val_loss = validation_loss(self.model, self.data, self.trial, self.precision)
            self.schedule.step(val_loss)
            is_best = val_loss < history.best_loss  # false for NaN; the first of equals stays
            if is_best:
                history.best_loss, history.best_epoch = val_loss, epoch
        row = EpochRow(
            epoch=epoch,
            learning_rate=rate,
            train_loss=_finite(train_loss),
            val_loss=_finite(val_loss),
            images_per_s=round(speed, 2),
            duration_s=round(time.monotonic() - started, 3),
        )
        history.rows.append(row)
        return row, is_best

    def _train(self, epoch: int, on_step: Callable[[Step], None]) -> tuple[float, float]:
        """Returns the mean training loss over the epoch's images, and images per second."""
        trial, device, images = self.trial, self.precision.device, self.data.train
        self.model.train()
        if self.frozen is not None and trial.phase.freeze_statistics:
            self.frozen.eval()
        total = torch.zeros((), device=device, dtype=torch.float64)
        done, speed, loss_so_far = 0, 0.0, None
        rate = self.schedule.learning_rate
        started = looked_at = time.monotonic()
        for batch in training_batches(images, trial, epoch, device):
            with self.precision.autocast():
                logits = self.model(batch.images).logits
            loss = F.binary_cross_entropy_with_logits(logits.float(), batch.labels)
            self.optimizer.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self.scaler.step(self.optimizer)
            self.scaler.update()
            total += loss.detach().double() * len(batch.indices)
            done += len(batch.indices)
            now = time.monotonic()
            speed = done / max(now - started, 1e-9)
            if now - looked_at > LOSS_INTERVAL_S:  # a look waits for the GPU
                looked_at, loss_so_far = now, _finite(float(total) / done)
            on_step(Step(epoch, trial.recipe.max_epochs, done, len(images), speed, loss_so_far, rate))
        return float(total) / done, speed

    def capture(self) -> Checkpoint:
        """Returns all that the next epoch depends on."""
        schedule = asdict(self.schedule)
        del schedule["recipe"]
        state: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "schedule": schedule,
            "rows": [row.model_dump() for row in self.history.rows],
            "best": [self.history.best_epoch, self.history.best_loss],
            "rng_cpu": torch.get_rng_state(),
            "rng_cuda": torch.cuda.get_rng_state_all() if self.precision.device.type == "cuda" else [],
        }
        return Checkpoint(state)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes back to the end of the epoch that was captured."""
        state = checkpoint.state
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.schedule = PlateauSchedule(self.trial.recipe, **state["schedule"])
        self.history.rows = [EpochRow.model_validate(row) for row in state["rows"]]
        self.history.best_epoch, self.history.best_loss = state["best"]
        self.history.earlier_s = sum(row.duration_s for row in self.history.rows)
        torch.set_rng_state(state["rng_cpu"])
        if state["rng_cuda"] and self.precision.device.type == "cuda":
            torch.cuda.set_rng_state_all(state["rng_cuda"])


@torch.no_grad()
def validation_loss(model: nn.Module, data: Dataset, trial: Trial, precision: Precision) -> float:
    """Returns the mean over validation images of the per-image mean binary cross-entropy."""
    model.eval()
    total = 0.0
    for batch in evaluation_batches(data.val, trial.recipe, precision.device):
        with precision.autocast():
            logits = model(batch.images).logits
        loss = F.binary_cross_entropy_with_logits(logits.float(), batch.labels)
        total += float(loss) * len(batch.indices)
    return total / len(data.val)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
