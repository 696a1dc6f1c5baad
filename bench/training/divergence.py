"""Ends training whose loss is not finite any more, in a sentence that says where and what to try."""

from dataclasses import dataclass, field

import numpy as np

from bench.errors import TrainingError
from bench.training.losses import Losses

MAX_SKIPPED_STEPS = 25
"""Steps in a row without a finite loss that float16 may have: the loss scaler skips them, and the network may
recover. In float32 and bfloat16 the first such step has spoilt the weights."""

_REMEDIES = {
    "float32": "try a lower recipe.learning_rate, and look at the data and initial weights",
    "bfloat16": "try a lower recipe.learning_rate, or recipe.precision float32",
    "float16": "try recipe.precision bfloat16 or float32, or a lower recipe.learning_rate",
}


@dataclass
class DivergenceWatch:
    """Looks at losses in their order.

    Attributes:
        precision: float32, bfloat16 or float16.
        num_in_a_row: steps up to now without a finite loss.
    """

    precision: str
    num_in_a_row: int = field(default=0, init=False)

    @property
    def tolerated(self) -> int:
        """Steps in a row without a finite loss that do not end training."""
        return MAX_SKIPPED_STEPS - 1 if self.precision == "float16" else 0

    def look(self, losses: Losses, first: int, epoch: int, num_steps: int, learning_rate: float) -> None:
        """Takes in losses of steps `first` (counted from 0) and later, of `num_steps`, in `epoch` (from 1).

        Raises:
            TrainingError: too many in a row are not finite.
        """
        for step, (loss, is_finite) in enumerate(zip(losses, np.isfinite(losses), strict=True), first + 1):
            self.num_in_a_row = 0 if is_finite else self.num_in_a_row + 1
            if self.num_in_a_row > self.tolerated:
                skipped = f" for {self.num_in_a_row} steps in a row" if self.tolerated else ""
                raise TrainingError(
                    f"training diverged: the loss is {loss}{skipped} at epoch {epoch}, step {step} of "
                    f"{num_steps} (learning rate {learning_rate:g}, {self.precision}); "
                    f"{_REMEDIES[self.precision]}"
                )
