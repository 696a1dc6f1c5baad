"""Learning rate and stopping, against PyTorch's own scheduler and by hand."""

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.suite.schema import Recipe
from bench.training.schedule import PlateauSchedule


def _reference_rates(losses: list[float], recipe: Recipe) -> list[float]:
    """The rates after each epoch by PyTorch's ReduceLROnPlateau."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=recipe.learning_rate)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=recipe.plateau_factor, patience=recipe.plateau_patience, eps=0
    )
    rates = []
    for loss in losses:
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(0.01, 2), min_size=1, max_size=30), st.integers(0, 3))
def test_rates_equal_pytorchs(losses, patience):
    recipe = Recipe(plateau_patience=patience)
    schedule = PlateauSchedule.start(recipe)
    rates = []
    for loss in losses:
        schedule.step(loss)
        rates.append(schedule.learning_rate)
    assert rates == _reference_rates(losses, recipe)


def epochs_until_stop(losses) -> tuple[int, list[float]]:
    schedule = PlateauSchedule.start(Recipe())
    rates = []
    for epoch, loss in enumerate(losses, start=1):
        rates.append(schedule.learning_rate)
        schedule.step(loss)
        if schedule.is_over:
            return epoch, rates
    raise AssertionError("never stopped")


def test_fastest_possible_stop_is_epoch_seven():
    stop, rates = epochs_until_stop([1.0] * 20)
    assert stop == 7
    assert rates == [1e-4, 1e-4, 1e-4, *[1e-4 * 0.2] * 2, *[1e-4 * 0.2 * 0.2] * 2]


def test_second_stalled_epoch_in_a_row_reduces_the_rate():
    schedule = PlateauSchedule.start(Recipe())
    for loss in (1.0, 1.1, 0.9, 1.0):
        schedule.step(loss)
    assert schedule.learning_rate == 1e-4
    schedule.step(0.95)
    assert schedule.learning_rate == 1e-4 * 0.2


def test_improvement_below_the_threshold_is_none():
    schedule = PlateauSchedule.start(Recipe())
    for loss in (1.0, 0.99995, 0.99995):
        schedule.step(loss)
    assert schedule.num_reductions == 1


def test_loss_that_is_not_finite_never_counts_as_improvement():
    stop, _ = epochs_until_stop([math.nan] * 20)
    assert stop == 6
