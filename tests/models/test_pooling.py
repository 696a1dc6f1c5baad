"""Poolings against exact references in high precision, with finite gradients wherever logits may go."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from bench.models.pooling import (
    global_average_pool,
    global_max_pool,
    log_sum_exp_pool,
    multi_instance_pool,
)

logits = st.floats(-200, 200, width=32)
maps = st.integers(1, 30).flatmap(lambda n: st.lists(logits, min_size=n, max_size=n))


def as_map(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, 1, -1)


def _reference_multi_instance(values: list[float]) -> float:
    """The thesis' formula as it is written, with 60 digits."""
    with mp.workdps(200):
        product = mpf(1)
        for value in values:
            patch = 1 / (1 + mp.exp(-mpf(value)))
            product *= mpf(98) / 100 + mpf(2) / 100 * (1 - patch)
        return float(mp.log((1 - product) / product))


def _reference_log_sum_exp(values: list[float], r: float) -> float:
    with mp.workdps(200):
        mean = sum(mp.exp(mpf(r) * mpf(value)) for value in values) / len(values)
        return float(mp.log(mean) / mpf(r))


@given(maps)
def test_multi_instance_pooling_is_exact(values):
    found = float(multi_instance_pool(as_map(values)))
    assert found == pytest.approx(_reference_multi_instance(values), rel=1e-6, abs=1e-6)


@given(maps, st.sampled_from([0.5, 1.0, 10.0]))
def test_log_sum_exp_pooling_is_exact(values, r):
    found = float(log_sum_exp_pool(as_map(values), r))
    assert found == pytest.approx(_reference_log_sum_exp(values, r), rel=1e-6, abs=1e-6)


def test_multi_instance_pooling_equals_the_plain_formula_in_double_precision():
    """On the 20×20 grid of Li 2018, where the plain formula still has digits."""
    heatmaps = torch.linspace(-12, 12, 400, dtype=torch.float64).reshape(1, 1, 20, 20)
    product = (0.98 + 0.02 * (1 - torch.sigmoid(heatmaps))).prod(dim=3).prod(dim=2)
    expected = torch.log((1 - product) / product)
    assert torch.allclose(multi_instance_pool(heatmaps), expected, rtol=1e-9)
    assert torch.allclose(multi_instance_pool(heatmaps.float()).double(), expected, rtol=1e-6)


@pytest.mark.parametrize("level", [-200.0, -100.0, -13.0, 0.0, 13.0, 100.0, 200.0])
@pytest.mark.parametrize("side", [1, 20, 128])
def test_gradients_are_finite_and_right_at_every_level(level, side):
    """A constant map: by symmetry each position has the same share of the derivative by the level."""
    for pool in (multi_instance_pool, lambda x: log_sum_exp_pool(x, 10.0)):
        heatmaps = torch.full((1, 1, side, side), level, requires_grad=True)
        pooled = pool(heatmaps)
        pooled.sum().backward()
        assert pooled.isfinite().all()
        assert heatmaps.grad is not None
        assert heatmaps.grad.isfinite().all()
        with mp.workdps(200):
            step = mpf(10) ** -30
            if pool is multi_instance_pool:
                low, high = (_bag_logit(mpf(level) + s, side * side) for s in (-step, step))
                expected = float((high - low) / (2 * step))
            else:
                expected = 1.0
        assert float(heatmaps.grad.sum()) == pytest.approx(expected, rel=1e-4, abs=1e-30)


def _bag_logit(level, num_patches: int):
    factor = 1 - mpf(2) / 100 / (1 + mp.exp(-level))
    product = factor**num_patches
    return mp.log((1 - product) / product)


def test_multi_instance_pooling_learns_where_the_direct_form_has_no_gradient():
    """At −20 float32 knows no difference between 1 − 0.02·p and 1."""
    heatmaps = torch.full((1, 1, 20, 20), -20.0, requires_grad=True)
    direct = 1 - (0.98 + 0.02 * (1 - torch.sigmoid(heatmaps.detach()))).flatten().prod()
    assert direct == 0
    multi_instance_pool(heatmaps).sum().backward()
    assert float(heatmaps.grad.sum()) == pytest.approx(1, rel=1e-5)


@given(maps)
def test_log_sum_exp_lies_between_mean_and_maximum(values):
    heatmaps = as_map(values)
    low, high = float(global_average_pool(heatmaps)), float(global_max_pool(heatmaps))
    slack = 1e-5 * (1 + abs(low) + abs(high))
    assert low - slack <= float(log_sum_exp_pool(heatmaps, 2.0)) <= high + slack


def test_hand_computed_pools():
    heatmaps = torch.tensor([[[[0.0, math.log(3)]]]])
    assert float(global_max_pool(heatmaps)) == pytest.approx(math.log(3))
    assert float(global_average_pool(heatmaps)) == pytest.approx(math.log(3) / 2)
    assert float(log_sum_exp_pool(heatmaps, 1.0)) == pytest.approx(math.log(2))
    # p = 1/2 and 3/4: 1 − (1 − 0.01)(1 − 0.015) = 0.02485
    assert float(multi_instance_pool(heatmaps)) == pytest.approx(math.log(0.02485 / 0.97515), rel=1e-6)
