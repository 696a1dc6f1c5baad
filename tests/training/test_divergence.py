"""Losses and statistics that are not finite: where training ends, and what it says."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from bench.errors import TrainingError
from bench.training.divergence import require_finite_losses, require_finite_statistics


def look(precision: str, losses: list[float], first: int = 0) -> None:
    require_finite_losses(np.array(losses, dtype=np.float32), first, 3, 40, 2e-5, precision)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_one_loss_that_is_not_finite_ends_training(precision, bad):
    look(precision, [0.7, 0.6])
    place = rf"the loss is {bad} at epoch 3, step 5 of 40 \(learning rate 2e-05, {precision}\); try "
    with pytest.raises(TrainingError, match=place):
        look(precision, [0.5, 0.4, bad, 0.3], first=2)


def test_finite_losses_are_fine_however_large():
    look("float32", [1e30, 0.0])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_statistic_that_is_not_finite_ends_training(bad):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4))
    require_finite_statistics(model, 2, "float16")
    model[2].running_var[3] = bad
    with pytest.raises(TrainingError, match=r"2\.running_var is not finite after epoch 2 \(float16\).*try "):
        require_finite_statistics(model, 2, "float16")


def test_a_model_without_statistics_has_none_to_check():
    require_finite_statistics(nn.Linear(1, 1), 1, "float32")
    model = nn.Linear(1, 1)
    model.register_buffer("num_seen", torch.tensor(3))
    require_finite_statistics(model, 1, "float32")
