"""Learning rate and stopping: pure arithmetic on validation losses."""

import math
from dataclasses import dataclass

from bench.suite.schema import Recipe


@dataclass
class PlateauSchedule:
    """Divides the rate when the validation loss stalls, and says when training is over.

    Semantics of PyTorch's ReduceLROnPlateau (relative threshold, compared with the best so far), with the
    thesis' stopping rule on top. A loss that is not finite never counts as an improvement.

    Attributes:
        recipe: rates, patience and limits.
        learning_rate: of the next epoch.
        best: lowest loss so far by the schedule's own, thresholded comparison.
        num_stalled: evaluations in a row without improvement.
        num_reductions: how often the rate was reduced.

    Source: thesis §5.3; code.
    """

    recipe: Recipe
    learning_rate: float
    best: float = math.inf
    num_stalled: int = 0
    num_reductions: int = 0

    @classmethod
    def start(cls, recipe: Recipe) -> "PlateauSchedule":
        """Returns the schedule before the first epoch."""
        return cls(recipe, recipe.learning_rate)

    def step(self, val_loss: float) -> None:
        """Takes in the validation loss of an evaluated epoch."""
        if val_loss < self.best * (1 - self.recipe.plateau_threshold):
            self.best = val_loss
            self.num_stalled = 0
            return
        self.num_stalled += 1
        if self.num_stalled > self.recipe.plateau_patience:
            self.learning_rate *= self.recipe.plateau_factor
            self.num_stalled = 0
            self.num_reductions += 1

    @property
    def is_over(self) -> bool:
        """Whether the rate was reduced as often as the recipe allows."""
        return self.num_reductions >= self.recipe.max_reductions
