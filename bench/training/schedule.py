"""Learning rate, stopping and the best epoch: pure arithmetic on validation losses."""

import math
from dataclasses import dataclass

from bench.suite.schema import Recipe


@dataclass
class PlateauSchedule:
    """Divides the rate when the validation loss stalls; says which epoch is best and when training is over.

    Semantics of PyTorch's ReduceLROnPlateau (relative threshold, compared with the best so far), with the
    thesis' stopping rule on top. A loss that is not finite never counts as an improvement, nor as the best.

    Attributes:
        recipe: rates, patience and limits.
        learning_rate: of the next epoch.
        num_epochs: epochs that have ended.
        plateau_loss: lowest loss so far by the schedule's own, thresholded comparison.
        num_stalled: evaluations in a row without improvement.
        num_reductions: how often the rate was reduced.
        best_epoch: the first epoch, from 1, with the lowest loss, without a threshold; 0 before the first
            finite one.
        best_loss: that loss.

    Source: thesis §5.3; code.
    """

    recipe: Recipe
    learning_rate: float
    num_epochs: int = 0
    plateau_loss: float = math.inf
    num_stalled: int = 0
    num_reductions: int = 0
    best_epoch: int = 0
    best_loss: float = math.inf

    @classmethod
    def start(cls, recipe: Recipe) -> "PlateauSchedule":
        """Returns the schedule before the first epoch."""
        return cls(recipe, recipe.learning_rate)

    @property
    def evaluates_next(self) -> bool:
        """Whether the next epoch to end is evaluated: every so many, and the last that the cap allows."""
        epoch = self.num_epochs + 1
        return epoch % self.recipe.evaluate_every == 0 or epoch == self.recipe.max_epochs

    @property
    def is_over(self) -> bool:
        """Whether the rate was reduced as often as the recipe allows, or the cap on epochs is reached."""
        is_capped = self.num_epochs >= self.recipe.max_epochs
        return is_capped or self.num_reductions >= self.recipe.max_reductions

    def end_epoch(self, val_loss: float | None) -> bool:
        """Takes in an epoch, with its validation loss if it was evaluated; returns whether it is the best."""
        self.num_epochs += 1
        if val_loss is None:
            return False
        loss = val_loss if math.isfinite(val_loss) else math.inf
        self._reduce_if_stalled(loss)
        is_best = loss < self.best_loss  # the first of equals stays
        if is_best:
            self.best_loss, self.best_epoch = loss, self.num_epochs
        return is_best

    def _reduce_if_stalled(self, loss: float) -> None:
        if loss < self.plateau_loss * (1 - self.recipe.plateau_threshold):
            self.plateau_loss = loss
            self.num_stalled = 0
            return
        self.num_stalled += 1
        if self.num_stalled > self.recipe.plateau_patience:
            self.learning_rate *= self.recipe.plateau_factor
            self.num_stalled = 0
            self.num_reductions += 1


def fewest_epochs(recipe: Recipe) -> int:
    """Returns the epochs of a training whose validation loss never falls after the first evaluation."""
    schedule = PlateauSchedule.start(recipe)
    while not schedule.is_over:
        schedule.end_epoch(1.0 if schedule.evaluates_next else None)
    return schedule.num_epochs
