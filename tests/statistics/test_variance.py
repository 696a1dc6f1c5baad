"""Brown–Forsythe test of the spread across seeds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.statistics.variance import compare_variances


def test_five_against_five_by_hand() -> None:
    # |distances| 4 2 0 2 4 and 2 1 0 1 2: means 2.4 and 1.2, squares within 11.2 and 2.8, pooled 14/8 = 1.75;
    # t = 1.2 / √(1.75 · 2/5) = 1.434274, P(|T₈| > t) = .1894. Variances 10 and 2.5.
    wide, narrow = [-4, -2, 0, 2, 4], [-2, -1, 0, 1, 2]
    comparison = compare_variances(wide, narrow)
    assert comparison.p == pytest.approx(2 * stats.t.sf(1.434274, 8), abs=1e-6)
    assert comparison.p == pytest.approx(0.1894, abs=1e-4)
    assert comparison.first_varies_more
    assert comparison.first_deviation == pytest.approx(math.sqrt(10))
    assert comparison.second_deviation == pytest.approx(math.sqrt(2.5))
    opposite = compare_variances(narrow, wide)
    assert (opposite.p, opposite.first_varies_more) == (pytest.approx(comparison.p), False)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(5, 9), st.integers(5, 9))
def test_comparison_agrees_with_the_t_test_of_distances_from_the_median(seed: int, m: int, n: int) -> None:
    generator = np.random.default_rng(seed)
    first, second = generator.normal(0.6, 0.03, m), generator.normal(0.5, 0.01, n)
    distances = [np.abs(values - np.median(values)) for values in (first, second)]
    expected = stats.ttest_ind(*distances)
    comparison = compare_variances(first.tolist(), second.tolist())
    assert comparison.p == pytest.approx(expected.pvalue)
    assert comparison.first_varies_more is bool(expected.statistic > 0)


def test_means_do_not_matter() -> None:
    first, second = [0.1, 0.2, 0.4, 0.5, 0.55], [0.1, 0.15, 0.17, 0.2, 0.21]
    moved = [value + 7 for value in second]
    assert compare_variances(first, moved).p == pytest.approx(compare_variances(first, second).p)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([0.5], [0.1, 0.2, 0.3]),
        ([0.1, 0.9], [0.1, 0.2]),
        ([0.0, 0.5, 1.0], [0.5, 0.5, 0.5]),
        ([0.0, 0.0, 1.0, 1.0], [0.5, 0.5, 0.5, 0.5]),
        ([0.5] * 5, [0.25] * 5),
        ([0.1] * 5, [0.1] * 5),
    ],
)
def test_what_cannot_be_tested_has_no_p(first: list[float], second: list[float]) -> None:
    assert math.isnan(compare_variances(first, second).p)


def test_one_group_without_spread_can_be_tested() -> None:
    comparison = compare_variances([0.1, 0.2, 0.3, 0.5, 0.6], [0.4] * 5)
    assert comparison.p < 0.05
    assert comparison.second_deviation == 0


@pytest.mark.parametrize("bad", [[], [0.1, math.nan, 0.2]])
def test_nothing_and_what_is_not_finite_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one value, all finite"):
        compare_variances([0.1, 0.2, 0.3], bad)


@pytest.mark.parametrize(("ratio", "expected"), [(1, 0.006), (4, 0.13), (10, 0.33)])
def test_five_seeds_find_only_gross_differences(ratio: float, expected: float) -> None:
    """The power that the docstring states, by 1,500 comparisons."""
    wide, narrow = np.random.default_rng(7).normal(size=(2, 1500, 5))
    pairs = zip((ratio * wide).tolist(), narrow.tolist(), strict=True)
    found = [compare_variances(first, second).p <= 0.05 for first, second in pairs]
    assert np.mean(found) == pytest.approx(expected, abs=0.03)
    if ratio == 1:
        assert np.mean(found) < 0.02
