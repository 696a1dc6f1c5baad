"""Differences of two models by seed."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.statistics.paired import paired_difference, paired_p


def _by_seed(*values: float) -> dict[int, float]:
    return dict(enumerate(values))


def test_difference_by_hand() -> None:
    # Differences .01 .03 .02: mean .02, s = .01, half-width 4.302653 · .01 / √3 = .0248414.
    difference = paired_difference(_by_seed(0.51, 0.63, 0.42), _by_seed(0.50, 0.60, 0.40))
    assert difference is not None
    assert difference.mean == pytest.approx(0.02)
    assert difference.half_width == pytest.approx(0.0248414, rel=1e-5)
    assert difference.n == 3


def test_only_common_seeds_differ() -> None:
    first, second = {4: 0.5, 1: 0.25, 2: 1.0}, {1: 0.5, 4: 0.125, 3: 1.0}
    difference = paired_difference(first, second)  # −.25 and .375
    assert difference is not None
    assert (difference.mean, difference.n) == (0.0625, 2)


def test_without_a_common_seed_there_is_no_difference() -> None:
    assert paired_difference({0: 0.5}, {1: 0.5}) is None


def test_a_single_common_seed_has_a_difference_without_interval() -> None:
    difference = paired_difference({0: 0.5, 1: 0.5}, {1: 0.25})
    assert difference is not None
    assert (difference.mean, difference.half_width, difference.n) == (0.25, None, 1)


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        paired_difference(_by_seed(0.5, math.nan), _by_seed(0.5, 0.5))


@settings(max_examples=80)
@given(st.integers(0, 2**32 - 1), st.integers(2, 8), st.floats(0, 0.1))
def test_p_agrees_with_scipys_paired_t_test(seed: int, count: int, shift: float) -> None:
    generator = np.random.default_rng(seed)
    first = generator.normal(0.5, 0.05, count)
    second = first + shift + generator.normal(0, 0.02, count)
    assert paired_p((first - second).tolist()) == pytest.approx(stats.ttest_rel(first, second).pvalue)


def test_p_is_that_of_students_t() -> None:
    """.1, .2, .3: t = .2/(.1/√3) = √12 with 2 df, for which P(|T| > t) = 1 − t/√(2 + t²)."""
    assert paired_p([0.1, 0.2, 0.3]) == pytest.approx(1 - (12 / 14) ** 0.5, rel=1e-12)
    assert paired_p([-0.1, -0.2, -0.3]) == pytest.approx(1 - (12 / 14) ** 0.5, rel=1e-12)


@pytest.mark.parametrize("differences", [[], [0.3], [0.3, 0.3], [0.7 - 0.6, 0.4 - 0.3, 0.1]])
def test_p_needs_spread(differences: list[float]) -> None:
    assert math.isnan(paired_p(differences))


def test_p_is_below_a_twentieth_just_where_the_interval_leaves_out_zero() -> None:
    for values in np.random.default_rng(3).normal(0.8, 1, (40, 5)):
        interval = paired_difference(dict(enumerate(values)), dict.fromkeys(range(5), 0.0))
        assert interval is not None
        assert interval.half_width is not None
        assert (paired_p(list(values)) < 0.05) == (abs(interval.mean) > interval.half_width)
