"""Two one-sided tests of equivalence."""

import math
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW, ttost_ind, ttost_paired

from bench.statistics.equivalence import (
    EquivalenceTest,
    PublishedMean,
    equivalence,
    equivalence_to_published,
    is_wide,
)
from bench.statistics.spread import spread_over_seeds


def _paired(first, second, margin: float) -> EquivalenceTest:
    """Of the differences of the seeds."""
    differences = np.subtract(first, second).tolist()
    return equivalence(fmean(differences), spread_over_seeds(differences), margin)


def _sample(mean: float, half_width: float, n: int = 5) -> np.ndarray:
    """n values with this mean and 95% half-width."""
    shape = np.arange(n) - (n - 1) / 2
    deviation = half_width * math.sqrt(n) / stats.t.ppf(0.975, n - 1)
    return mean + shape / shape.std(ddof=1) * deviation


def test_paired_test_by_hand() -> None:
    # Differences .01 .02 .03: standard error .01/√3. Against .05: t = −3√3, with 2 df
    # F(t) = ½ + t / (2√(2 + t²)) = ½ − 3√3 / (2√29) = .017549; against −.05: t = 7√3, 1 − F = .003371. p of
    # either verdict is twice the larger one.
    test = _paired([0.51, 0.52, 0.53], [0.5, 0.5, 0.5], 0.05)
    assert test.difference == pytest.approx(0.02)
    assert test.p_below_upper == pytest.approx(0.5 - 3 * math.sqrt(3) / (2 * math.sqrt(29)))
    assert test.p == 2 * test.p_below_upper
    assert test.p_above_lower == pytest.approx(0.5 - 7 * math.sqrt(3) / (2 * math.sqrt(149)))
    # t(.975, 2) = 4.302653; 4.302653 · .0057735 = .0248414.
    assert (test.low, test.high) == pytest.approx((0.02 - 0.0248414, 0.02 + 0.0248414), abs=1e-7)
    assert test.verdict == "equivalent"


def test_published_mean_by_hand() -> None:
    # Both with s²/n = .0001: error .01414214, df = .0002² / (2 · .0001²/4) = 8; difference .01, margin .03:
    # t = −.02 / .01414214 = −√2, P(T₈ < −√2) = .097503.
    half_width = 0.01 * stats.t.ppf(0.975, 4)
    test = equivalence_to_published(
        _sample(0.61, half_width).tolist(), PublishedMean(0.6, float(half_width)), 0.03
    )
    assert test.p == pytest.approx(2 * stats.t.cdf(-math.sqrt(2), 8)) == pytest.approx(0.195, abs=1e-4)
    assert test.verdict == "inconclusive"


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(2, 7), st.floats(0.005, 0.1))
def test_paired_test_agrees_with_statsmodels(seed: int, n: int, margin: float) -> None:
    first, second = np.random.default_rng(seed).normal(0.6, 0.02, (2, n))
    test = _paired(first, second, margin)
    p, lower, upper = ttost_paired(first, second, -margin, margin)
    assert (test.p_above_lower, test.p_below_upper) == pytest.approx((lower[1], upper[1]))
    assert test.p == pytest.approx(2 * min(p, 1 - p), abs=1e-12)
    interval = DescrStatsW(first - second).tconfint_mean(0.05)
    assert (test.low, test.high) == pytest.approx(interval)
    assert (test.verdict == "equivalent") is (-margin < test.low and test.high < margin)
    assert (test.verdict == "different") is (test.low > margin or test.high < -margin)
    assert (test.p < 0.05) is (test.verdict != "inconclusive")


@pytest.mark.parametrize("half_width", [0.002, 0.019, 0.1])
def test_published_interval_agrees_with_welchs_test_of_statsmodels(half_width: float) -> None:
    values = np.random.default_rng(4).normal(0.6, 0.02, 4)
    test = equivalence_to_published(values.tolist(), PublishedMean(0.59, half_width), 0.04)
    p, lower, upper = ttost_ind(values, _sample(0.59, half_width), -0.04, 0.04, usevar="unequal")
    assert (test.p_above_lower, test.p_below_upper) == pytest.approx((lower[1], upper[1]))
    assert test.p == pytest.approx(2 * min(p, 1 - p))


def test_published_mean_without_interval_is_taken_as_exact() -> None:
    values = np.random.default_rng(5).normal(0.6, 0.02, 5)
    test = equivalence_to_published(values.tolist(), PublishedMean(0.59, None), 0.04)
    _, lower, upper = DescrStatsW(values).ttost_mean(0.55, 0.63)
    assert (test.p_above_lower, test.p_below_upper) == pytest.approx((lower[1], upper[1]))
    zero = equivalence_to_published(values.tolist(), PublishedMean(0.59, 0.0), 0.04)
    assert zero.p == pytest.approx(test.p)


def test_far_means_are_different_and_wide_ones_inconclusive() -> None:
    published = PublishedMean(0.6, 0.01)
    assert equivalence_to_published(_sample(0.7, 0.01).tolist(), published, 0.03).verdict == "different"
    assert equivalence_to_published(_sample(0.5, 0.01).tolist(), published, 0.03).verdict == "different"
    assert equivalence_to_published(_sample(0.6, 0.3).tolist(), published, 0.03).verdict == "inconclusive"


@pytest.mark.parametrize(
    "test",
    [
        _paired([0.5], [0.5], 0.1),
        equivalence_to_published([0.5], PublishedMean(0.5, None), 0.1),
        equivalence_to_published([0.5], PublishedMean(0.5, 0.01), 0.1),
    ],
)
def test_fewer_than_two_seeds_are_inconclusive_without_a_test(test) -> None:
    assert test.verdict == "inconclusive"
    assert all(map(math.isnan, (test.p, test.p_above_lower, test.p_below_upper, test.low, test.high)))


@pytest.mark.parametrize("second", [0.9, 0.6, 0.0])
@pytest.mark.parametrize("first", [(0.9, 0.9), (0.9, 0.9, 0.9)])
def test_values_without_spread_decide_nothing(first: tuple[float, ...], second: float) -> None:
    paired = _paired(first, [second] * len(first), 0.25)
    exact = equivalence_to_published(list(first), PublishedMean(second, 0.0), 0.25)
    for test in (paired, exact):
        assert test.difference == pytest.approx(0.9 - second)
        assert test.verdict == "inconclusive"
        assert all(map(math.isnan, (test.p, test.low, test.high)))


def test_spread_of_rounding_alone_decides_nothing() -> None:
    test = _paired([0.9, 0.8, 0.7], [0.6, 0.5, 0.4], 0.05)
    assert test.verdict == "inconclusive"


@pytest.mark.parametrize("ratio", [0.05, 0.1, 0.25, 1.0])
def test_equal_models_come_out_different_one_time_in_twenty_at_most(ratio: float) -> None:
    """4,000 pairs of five seeds; the smaller the margin against the standard error, the more often."""
    first, second = np.random.default_rng(8).normal(0, 1, (2, 4000, 5))
    margin = ratio * math.sqrt(2 / 5)
    verdicts = [_paired(a, b, margin).verdict for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    share = verdicts.count("different") / len(verdicts)
    assert share <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 4000)
    if ratio < 0.1:
        assert share > 0.035  # nor is it far from the level


@pytest.mark.parametrize("margin", [0, -0.1, math.nan, math.inf])
def test_margin_has_to_be_positive(margin: float) -> None:
    with pytest.raises(ValueError, match="positive and finite"):
        equivalence(0.0, None, margin)


def test_impossible_published_intervals_are_refused() -> None:
    for published in (PublishedMean(0.5, -0.1), PublishedMean(0.5, 0.1, num_seeds=1)):
        with pytest.raises(ValueError, match="half-width"):
            equivalence_to_published([0.5, 0.6], published, 0.1)


def test_level_at_the_margin_and_coverage() -> None:
    """4,000 reproductions by five seeds, whose true mean lies just at the margin of the published one."""
    ours, theirs = np.random.default_rng(6).normal(0, 0.02, (2, 4000, 5))
    theirs = theirs + 0.06
    half_widths = stats.t.ppf(0.975, 4) * theirs.std(axis=1, ddof=1) / math.sqrt(5)
    tests = [
        equivalence_to_published(values, PublishedMean(mean, half_width), 0.06)
        for values, mean, half_width in zip(
            ours.tolist(), theirs.mean(axis=1).tolist(), half_widths.tolist(), strict=True
        )
    ]
    assert np.mean([test.verdict == "equivalent" for test in tests]) == pytest.approx(0.025, abs=0.01)
    assert np.mean([test.low <= -0.06 <= test.high for test in tests]) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(
    ("margin", "value", "expected"),
    [
        (0.1, 0.3, False),  # a third of it
        (0.1, 0.7, False),  # a third of what it lacks
        (0.1, 0.29, True),
        (0.1, 0.71, True),
        (0.02, 0.99, True),
        (0.05, 0.5, False),
        (0.001, 0.0, True),
        (0.001, 1.0, True),
    ],
)
def test_a_margin_is_wide_above_a_third_of_a_value_or_of_its_distance_to_1(margin, value, expected) -> None:
    assert is_wide(margin, value) is expected
