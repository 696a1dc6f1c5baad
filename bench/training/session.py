"""A model under training with all that changes meanwhile: step by step, in memory, resumable at every step.

The order of images and their augmentation are functions of (seed, epoch), so that of the data only the
position in the epoch has to be remembered.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.data.dataset import Dataset, ImageSet
from bench.data.feeding import Batch, evaluation_batches, training_batches
from bench.errors import listing
from bench.results.record import EpochRow
from bench.suite.schema import Recipe
from bench.suite.trial import Trial
from bench.training.checkpoint import CheckpointState
from bench.training.determinism import capture_random_state, restore_random_state
from bench.training.divergence import require_finite_losses, require_finite_statistics
from bench.training.losses import LossLog
from bench.training.micro_batches import (
    in_pieces,
    joined,
    part,
    refuses_single_images,
    require_more_than_one_image,
)
from bench.training.precision import (
    Precision,
    ToLogits,
    choose_precision,
    device_name,
    to_logits,
    uses_fused_adam,
)
from bench.training.schedule import PlateauSchedule


@torch.no_grad()
def validation_loss(
    model: nn.Module, logits_of: ToLogits, images: ImageSet, recipe: Recipe, precision: Precision
) -> float:
    """Returns the mean over images of the per-image mean binary cross-entropy, in the precision of training.

    Args:
        model: is put into evaluation mode.
        logits_of: calls it.
        images: the validation part.
        recipe: batches and normalisation.
        precision: of the network.

    Source: thesis §5.3 (batches are weighted by their size: code).
    """
    model.eval()
    total = torch.zeros((), dtype=torch.float64, device=precision.device)
    for batch in evaluation_batches(images, in_pieces(recipe), precision.device):
        with precision.autocast():
            logits = logits_of(batch.images)
        loss = F.binary_cross_entropy_with_logits(logits.float(), batch.labels)
        total += loss.double() * len(batch.indices)
    return float(total) / len(images)


_LOOK_EVERY = 32
"""Steps between looks at the losses on CUDA, where each waits for the device; on a CPU it is every step."""

LOSS_INTERVAL_S = 1.0
"""Between looks at the mean loss for displays."""


@dataclass(frozen=True)
class Step:
    """How far training is: for progress displays.

    Attributes:
        epoch: running epoch, from 1.
        max_epochs: cap on epochs.
        index: steps of the epoch that are done.
        num_steps: steps per epoch.
        images_done: images of the epoch that were trained on.
        images_total: images per epoch.
        images_per_s: speed in this epoch so far.
        loss: mean over the epoch's images, at most `LOSS_INTERVAL_S` old; None before it is first known.
        learning_rate: of the epoch.
    """

    epoch: int
    max_epochs: int
    index: int
    num_steps: int
    images_done: int
    images_total: int
    images_per_s: float
    loss: float | None
    learning_rate: float


class Session:
    """Trains a model in place: `steps` to the end of the epoch, then `end_epoch`, until `is_over`.

    Args:
        model: on `device`, freshly initialised.
        data: the trial's data set.
        trial: recipe, seed, resolution.
        device: where to train.

    Attributes:
        schedule: learning rate, best epoch, end of training.
        losses: of every step.
        rows: one per finished epoch.
        remarks: sentences for the record on what happened on the way.
        nondeterministic: operations without a deterministic algorithm; the caller fills it.

    Raises:
        TrainingError: the model cannot be trained on so few images at once.
    """

    def __init__(self, model: nn.Module, data: Dataset, trial: Trial, device: torch.device) -> None:
        self.model, self.data, self.trial, self.device = model, data, trial, device
        self.precision = choose_precision(trial.recipe, device)
        self.frozen = model.get_submodule("encoder") if trial.phase.freezes else None
        if self.frozen is not None:
            self.frozen.requires_grad_(requires_grad=False)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        fused = True if uses_fused_adam(device) else None
        self.optimizer = torch.optim.Adam(trained, lr=trial.recipe.learning_rate, fused=fused)
        self.scaler = self.precision.scaler()
        self.schedule = PlateauSchedule.start(trial.recipe)
        self.rows: list[EpochRow] = []
        self.remarks: list[str] = []
        self.nondeterministic: set[str] = set()
        self._logits_of = to_logits(model, compiled=trial.recipe.compile)
        self._joins_single = self._must_join_single()
        sizes = part(len(data.train), trial.recipe.batch_size, join_single=self._joins_single)
        self.losses = LossLog(sizes, device)
        self._num_watched = 0
        self._epoch_started, self._train_s = time.monotonic(), 0.0

    @property
    def is_over(self) -> bool:
        """Whether the protocol ends training here; only asked between epochs."""
        return self.schedule.is_over

    @property
    def epoch(self) -> int:
        """The epoch that runs or comes next, from 1."""
        return len(self.rows) + 1

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the record, of which its reader should know."""
        joins = self._joins_single and len(self.data.train) % self.trial.recipe.batch_size == 1
        single = (
            "the last image of each epoch joins the batch before: batch norm cannot be trained on it alone"
        )
        return (*([single] if joins else ()), *self.remarks)

    @property
    def num_skipped_steps(self) -> int:
        """Steps that float16's loss scaler skipped, since gradients overflowed; waits for the device.

        Adam counts the steps that it took, wherever it took them.
        """
        num_taken = next((int(state["step"]) for state in self.optimizer.state.values()), 0)
        return len(self.rows) * len(self.losses.sizes) + self.losses.num_steps - num_taken

    def steps(self) -> Iterator[Step]:
        """Trains the rest of the epoch, one optimisation step at a time, and yields after each.

        Raises:
            TrainingError: the loss is not finite any more.
        """
        if self.losses.num_steps == 0:
            self._epoch_started, self._train_s = time.monotonic(), 0.0
        self._set_training_mode()
        rate = self.schedule.learning_rate
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        total, done = len(self.data.train), int(self.losses.sizes[: self.losses.num_steps].sum())
        started = time.monotonic() - self._train_s
        looked_at, loss = time.monotonic(), None
        for batch in self._rest_of_epoch():
            self.losses.add(self._optimise(batch))
            if self.device.type != "cuda" or self.losses.num_steps % _LOOK_EVERY == 0:
                self.look_at_losses()
            done += len(batch.indices)
            self._train_s = time.monotonic() - started
            speed = done / max(self._train_s, 1e-9)
            if time.monotonic() - looked_at > LOSS_INTERVAL_S:
                looked_at, loss = time.monotonic(), _finite(self.losses.mean())
            yield Step(
                epoch=self.epoch,
                max_epochs=self.trial.recipe.max_epochs,
                index=self.losses.num_steps,
                num_steps=len(self.losses.sizes),
                images_done=done,
                images_total=total,
                images_per_s=speed,
                loss=loss,
                learning_rate=rate,
            )

    def look_at_losses(self) -> None:
        """Looks at the losses that came since the last look; waits for the device.

        Raises:
            TrainingError: they are not finite any more.
        """
        first = self._num_watched
        self._num_watched = self.losses.num_steps
        require_finite_losses(
            self.losses.running(first),
            first,
            self.epoch,
            len(self.losses.sizes),
            self.schedule.learning_rate,
            self.precision.name,
        )

    def end_epoch(self) -> bool:
        """Validates the epoch whose steps are done and goes on to the next; returns whether it is the best.

        Raises:
            TrainingError: the loss, or a statistic of batch norm, is not finite any more.
        """
        self.look_at_losses()
        require_finite_statistics(self.model, self.epoch, self.precision.name)
        rate, num_images = self.schedule.learning_rate, len(self.data.train)
        val_loss = None
        if self.schedule.evaluates_next:
            val_loss = validation_loss(
                self.model, self._logits_of, self.data.val, self.trial.recipe, self.precision
            )
        is_best = self.schedule.end_epoch(val_loss)
        row = EpochRow(
            epoch=self.epoch,
            learning_rate=rate,
            train_loss=_finite(self.losses.mean()),
            val_loss=_finite(val_loss),
            images_per_s=round(num_images / max(self._train_s, 1e-9), 2),
            duration_s=round(time.monotonic() - self._epoch_started, 3),
        )
        self.losses.end_epoch()
        self._num_watched = 0
        self._epoch_started, self._train_s = time.monotonic(), 0.0
        self.rows.append(row)
        return is_best

    def capture(self) -> CheckpointState:
        """Returns all that the next step depends on; between steps only.

        Raises:
            TrainingError: the loss is not finite any more.
        """
        self.look_at_losses()
        schedule = asdict(self.schedule)
        del schedule["recipe"]
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict()["state"],
            "scaler": self.scaler.state_dict(),
            "schedule": schedule,
            "rows": [row.model_dump() for row in self.rows],
            "losses": self.losses.to_tensor(),
            "num_steps": self.losses.num_steps,
            "epoch_s": time.monotonic() - self._epoch_started if self.losses.num_steps else 0.0,
            "train_s": self._train_s,
            "random": capture_random_state(self.device),
            "place": self._place(),
            "data": self.data.digest,
            "remarks": self.remarks,
            "nondeterministic": sorted(self.nondeterministic),
        }

    def restore(self, state: CheckpointState) -> None:
        """Goes back to where the state was captured, in the middle of an epoch or between two."""
        self.model.load_state_dict(state["model"])
        settings = self.optimizer.state_dict()["param_groups"]  # of this device
        self.optimizer.load_state_dict({"state": state["optimizer"], "param_groups": settings})
        if self.scaler.is_enabled() and state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.schedule = PlateauSchedule(self.trial.recipe, **state["schedule"])
        self.rows = [EpochRow.model_validate(row) for row in state["rows"]]
        self.losses.restore(state["losses"], state["num_steps"])
        self._num_watched = state["num_steps"]
        self._epoch_started = time.monotonic() - state["epoch_s"]
        self._train_s = state["train_s"]
        restore_random_state(state["random"], self.device)
        self.nondeterministic.update(state["nondeterministic"])
        self.remarks = state["remarks"]
        if state["place"] != self._place():
            self.remarks.append(self._of_move(state))

    def _place(self) -> str:
        """Returns the place in words; where an interrupted trial goes on at another one digits may change."""
        return f"{device_name(self.device)} in {self.precision.name} with torch {torch.__version__}"

    def _of_move(self, state: CheckpointState) -> str:
        """Returns a sentence on what another place than the one before can keep, and what it cannot."""
        lost = ["the last digits"]
        if self.scaler.is_enabled() != bool(state["scaler"]):
            lost.append("the loss scale")
        if (self.device.type == "cuda") != (state["random"]["cuda"] is not None):
            lost.append("the state of random numbers on the device (dropout)")
        return (
            f"trained up to epoch {self.epoch}, step {self.losses.num_steps} on {state['place']}, "
            f"from there on {self._place()}; kept: weights, optimizer, order and augmentation of images; "
            f"not kept: {listing(lost)}"
        )

    def _must_join_single(self) -> bool:
        """Whether somewhere an image would be alone, and the model refuses that."""
        recipe, total = self.trial.recipe, len(self.data.train)
        steps = part(total, recipe.batch_size, join_single=False)
        if all(1 not in part(size, recipe.piece_size, join_single=False) for size in set(steps)):
            return False
        self._set_training_mode()
        if not refuses_single_images(self.model, self.trial.resolution, self.device):
            return False
        require_more_than_one_image(total, self.trial)
        return True

    def _set_training_mode(self) -> None:
        self.model.train()
        if self.frozen is not None and self.trial.phase.freeze_statistics:
            self.frozen.eval()

    def _rest_of_epoch(self) -> Iterator[Batch]:
        first = self.losses.num_steps
        batches = training_batches(self.data.train, self.trial, self.epoch, self.device, first)
        sizes = [int(size) for size in self.losses.sizes[first:]]
        return joined(batches, sizes, self.trial.recipe)

    def _optimise(self, batch: Batch) -> Tensor:
        """Takes one step on the mean loss over the batch, and returns that loss, on the device."""
        size = len(batch.indices)
        pieces = part(size, self.trial.recipe.piece_size, join_single=self._joins_single)
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.device)
        for images, labels in zip(
            torch.split(batch.images, pieces), torch.split(batch.labels, pieces), strict=True
        ):
            with self.precision.autocast():
                logits = self._logits_of(images)
            loss = F.binary_cross_entropy_with_logits(logits.float(), labels) * (len(images) / size)
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return total


def _finite(value: float | None) -> float | None:
    return value if value is not None and abs(value) < float("inf") else None
