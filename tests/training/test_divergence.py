"""Losses that are not finite: where training ends, and what it says."""

import math

import numpy as np
import pytest

from bench.errors import TrainingError
from bench.training.session import MAX_SKIPPED_STEPS, DivergenceWatch


def look(watch: DivergenceWatch, losses: list[float], first: int = 0) -> None:
    watch.look(np.array(losses, dtype=np.float32), first, epoch=3, num_steps=40, learning_rate=2e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_one_loss_that_is_not_finite_ends_training(precision, bad):
    watch = DivergenceWatch(precision)
    look(watch, [0.7, 0.6])
    place = rf"the loss is {bad} at epoch 3, step 5 of 40 \(learning rate 2e-05, {precision}\); try a lower"
    with pytest.raises(TrainingError, match=place):
        look(watch, [0.5, 0.4, bad, 0.3], first=2)


def test_float16_may_skip_steps_but_not_for_ever():
    watch = DivergenceWatch("float16")
    look(watch, [math.nan] * (MAX_SKIPPED_STEPS - 1) + [0.5])
    look(watch, [math.inf] * (MAX_SKIPPED_STEPS - 1))
    with pytest.raises(
        TrainingError, match=r"for 25 steps in a row at epoch 3, step 30 of 40 .*precision bfloat16"
    ):
        look(watch, [math.nan], first=29)


def test_finite_losses_are_fine_however_large():
    look(DivergenceWatch("float32"), [1e30, 0.0])
