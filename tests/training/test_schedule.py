"""Learning rate, stopping and best epoch, against PyTorch's own scheduler and by hand."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.suite.schema import Recipe
from bench.training.schedule import PlateauSchedule

RATES = [1e-4, 1e-4 * 0.2, 1e-4 * 0.2 * 0.2, 1e-4 * 0.2 * 0.2 * 0.2]
"""The rate after no, one, two and three reductions: 1e-4, 2e-5, 4e-6, 8e-7 but for rounding."""


class Replayed(NamedTuple):
    """The rate of each epoch that is trained, the last of them and the best; None if there is none."""

    learning_rates: tuple[float, ...]
    stop_epoch: int | None
    best_epoch: int | None


def replay(val_losses: Sequence[float | None], **recipe) -> Replayed:
    """Returns what training does when its epochs have these validation losses."""
    schedule = PlateauSchedule.start(Recipe(**recipe))
    rates = []
    for val_loss in val_losses:
        if schedule.is_over:
            break
        rates.append(schedule.learning_rate)
        schedule.end_epoch(val_loss if schedule.evaluates_next else None)
    stop_epoch = schedule.num_epochs if schedule.is_over else None
    return Replayed(tuple(rates), stop_epoch, schedule.best_epoch or None)


def _reference(losses: list[float], recipe: Recipe) -> tuple[list[float], int | None, int | None]:
    """Rates, stop and best epoch by PyTorch's ReduceLROnPlateau and the thesis' words around it."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=recipe.learning_rate)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        factor=recipe.plateau_factor,
        patience=recipe.plateau_patience,
        threshold=recipe.plateau_threshold,
        eps=0,
    )
    rates, evaluated, stop = [], {}, None
    for epoch, loss in enumerate(losses, start=1):
        rates.append(optimizer.param_groups[0]["lr"])
        if epoch % recipe.evaluate_every == 0 or epoch == recipe.max_epochs:
            evaluated[epoch] = loss
            scheduler.step(loss)
        least = recipe.learning_rate * recipe.plateau_factor**recipe.max_reductions
        if optimizer.param_groups[0]["lr"] < least * 1.5 or epoch == recipe.max_epochs:
            stop = epoch
            break
    finite = {epoch: loss for epoch, loss in evaluated.items() if math.isfinite(loss)}
    best = min(finite, key=lambda epoch: (finite[epoch], epoch)) if finite else None
    return rates, stop, best


LOSSES = st.lists(st.floats(0.01, 2) | st.sampled_from([0.5, math.nan, math.inf]), min_size=1, max_size=60)


@settings(max_examples=200)
@given(
    LOSSES,
    st.fixed_dictionaries(
        {},
        optional={
            "plateau_patience": st.integers(0, 3),
            "plateau_threshold": st.sampled_from([0.0, 1e-4, 0.1]),
            "plateau_factor": st.sampled_from([0.1, 0.2, 0.5]),
            "max_reductions": st.integers(1, 4),
            "evaluate_every": st.integers(1, 4),
            "max_epochs": st.integers(1, 60),
            "learning_rate": st.sampled_from([1e-4, 1e-3]),
        },
    ),
)
def test_replay_equals_pytorchs_scheduler(losses, recipe):
    found = replay(losses, **recipe)
    assert (list(found.learning_rates), found.stop_epoch, found.best_epoch) == _reference(
        losses, Recipe(**recipe)
    )


@settings(max_examples=50)
@given(LOSSES)
def test_a_schedule_that_is_stored_and_restored_goes_on_alike(losses):
    from dataclasses import asdict

    straight, stored = PlateauSchedule.start(Recipe()), PlateauSchedule.start(Recipe())
    for loss in losses:
        straight.end_epoch(loss)
        state = asdict(stored)
        stored = PlateauSchedule(**{**state, "recipe": Recipe()})
        stored.end_epoch(loss)
    assert stored == straight


def test_fastest_possible_stop_is_epoch_seven():
    found = replay([1.0] * 20)
    assert found.stop_epoch == 7
    assert list(found.learning_rates) == [RATES[0]] * 3 + [RATES[1]] * 2 + [RATES[2]] * 2
    assert found.best_epoch == 1


def test_losses_that_are_never_finite_stop_at_six_without_a_best_epoch():
    """No first best: the first epoch stalls already."""
    for bad in (math.nan, math.inf):
        found = replay([bad] * 20)
        assert (found.stop_epoch, found.best_epoch) == (6, None)


def test_a_loss_that_is_not_a_number_is_never_best_and_counts_as_stalled():
    found = replay([math.nan, 1.0, math.nan, 0.9, math.nan, math.nan, 0.8])
    assert found.best_epoch == 7
    assert list(found.learning_rates) == [RATES[0]] * 6 + [RATES[1]]
    assert replay([-math.inf, 1.0]).best_epoch == 2


def test_first_of_equal_minima_is_best():
    assert replay([0.9, 0.5, 0.7, 0.5, 0.5]).best_epoch == 2


def test_improvement_below_the_threshold_is_best_but_stalls():
    found = replay([1.0, 0.99995, 0.9999, 1.0])
    assert found.best_epoch == 3
    assert found.learning_rates[3] == RATES[1]  # 0.9999 is not below 1.0 · (1 − 1e-4)


def test_second_stalled_epoch_in_a_row_reduces_the_rate():
    found = replay([1.0, 1.1, 0.9, 1.0, 0.95, 0.5])
    assert list(found.learning_rates) == [RATES[0]] * 5 + [RATES[1]]


def test_stalls_that_are_not_in_a_row_never_reduce_the_rate():
    losses = [loss for k in range(10) for loss in (1 - 0.05 * k, 1.0)]
    found = replay(losses)
    assert set(found.learning_rates) == {RATES[0]}
    assert found.stop_epoch is None


def test_compared_is_with_the_best_so_far_not_with_the_epoch_before():
    found = replay([0.5, 0.9, 0.8, 0.7])
    assert list(found.learning_rates) == [RATES[0]] * 3 + [RATES[1]]


def test_with_evaluations_every_third_epoch_two_in_a_row_are_two_evaluations():
    found = replay([1.0] * 100, evaluate_every=3, max_epochs=100)
    # Evaluated are 3, 6, 9, …: the first is best, then six stall, two for each reduction.
    assert found.stop_epoch == 21
    assert found.best_epoch == 3
    assert list(found.learning_rates) == [RATES[0]] * 9 + [RATES[1]] * 6 + [RATES[2]] * 6


def test_losses_of_epochs_that_are_not_evaluated_are_ignored():
    found = replay([0.1, None, 0.9, 0.1, None, 0.8], evaluate_every=3, max_epochs=100)
    assert found.best_epoch == 6
    assert found.stop_epoch is None


def test_training_ends_at_the_cap_and_its_last_epoch_is_evaluated():
    found = replay([1.0, 0.9, 0.8, 0.7, 0.6], max_epochs=4, evaluate_every=3)
    assert (found.stop_epoch, found.best_epoch) == (4, 4)
    assert len(found.learning_rates) == 4
    assert replay([1 / n for n in range(1, 60)]).stop_epoch == 40


def test_rates_are_those_of_the_thesis():
    assert pytest.approx([1e-4, 2e-5, 4e-6, 8e-7]) == RATES
    assert RATES[3] <= 1e-6 < RATES[2]  # the code stops at or below 1e-6: at the third reduction
