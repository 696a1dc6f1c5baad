"""Training that has diverged: where it is noticed, and what it says.

No precision tolerates a loss that is not finite. Float16's loss scaler skips steps whose gradients overflow,
but these leave the loss as it is; where a forward pass overflows, batch norm's statistics are spoilt with it,
and they never recover.
"""

import numpy as np
import torch
from torch import nn

from bench.errors import TrainingError
from bench.training.losses import Losses

_REMEDIES = {
    "float32": "try a lower recipe.learning_rate, and look at the data and initial weights",
    "bfloat16": "try a lower recipe.learning_rate, or recipe.precision float32",
    "float16": "try recipe.precision bfloat16 or float32, or a lower recipe.learning_rate",
}


def require_finite_losses(
    losses: Losses, first: int, epoch: int, num_steps: int, learning_rate: float, precision: str
) -> None:
    """Checks the losses of steps `first` (counted from 0) and later, of `num_steps`, in `epoch` (from 1).

    Raises:
        TrainingError: one is not finite.
    """
    wrong = np.flatnonzero(~np.isfinite(losses))
    if len(wrong):
        place = f"epoch {epoch}, step {first + wrong[0] + 1} of {num_steps}"
        raise TrainingError(
            f"training diverged: the loss is {losses[wrong[0]]} at {place} (learning rate {learning_rate:g}, "
            f"{precision}); {_REMEDIES[precision]}"
        )


def require_finite_statistics(model: nn.Module, epoch: int, precision: str) -> None:
    """Checks the model's buffers, which are batch norm's statistics, after `epoch`; waits for the device.

    Raises:
        TrainingError: one is not finite.
    """
    buffers = {name: buffer for name, buffer in model.named_buffers() if buffer.is_floating_point()}
    if not buffers:
        return
    are_finite = torch.stack([buffer.isfinite().all() for buffer in buffers.values()]).tolist()
    wrong = [name for name, is_finite in zip(buffers, are_finite, strict=True) if not is_finite]
    if wrong:
        raise TrainingError(
            f"training diverged: {wrong[0]} is not finite after epoch {epoch} ({precision}), and a network "
            f"with such statistics never recovers; {_REMEDIES[precision]}"
        )
