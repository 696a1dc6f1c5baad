"""Intervals of proportions."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from bench.statistics.interval import logit_interval, wilson_interval


def test_five_of_ten_by_hand() -> None:
    # z² = 3.841459. Centre .5; half-width z/(n + z²)·√(n/4 + z²/4) = 1.959964/13.841459·√3.460365 = .263405.
    interval = wilson_interval(5, 10)
    assert (interval.low, interval.high) == pytest.approx((0.236595, 0.763405), abs=2e-6)
    assert (interval.mean, interval.num_patients, interval.num_seeds) == (0.5, 10, 1)


def test_all_hits_by_hand() -> None:
    # For k = n the lower end is n/(n + z²) = 20/23.841459, the upper one 1.
    interval = wilson_interval(20, 20)
    assert interval.low == pytest.approx(0.838875, abs=1e-6)
    assert interval.high == pytest.approx(1)


@pytest.mark.parametrize(("num_hits", "num_units"), [(0, 1), (1, 1), (0, 79), (1, 79), (78, 79), (460, 984)])
def test_interval_agrees_with_statsmodels(num_hits: int, num_units: int) -> None:
    interval = wilson_interval(num_hits, num_units)
    expected = proportion_confint(num_hits, num_units, 0.05, method="wilson")
    assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("num_hits", "num_units"), [(0, 0), (-1, 3), (4, 3)])
def test_impossible_counts_are_refused(num_hits: int, num_units: int) -> None:
    with pytest.raises(ValueError, match=f"got {num_hits} of {num_units}"):
        wilson_interval(num_hits, num_units)


@pytest.mark.parametrize("num_units", [20, 50, 100])
def test_95_percent_of_intervals_contain_the_true_proportion(num_units: int) -> None:
    """Exactly, on average over proportions; none is covered less than 83%."""
    proportions = np.linspace(0, 1, 2001)[1:-1]
    coverage = np.zeros(len(proportions))
    for num_hits in range(num_units + 1):
        interval = wilson_interval(num_hits, num_units)
        inside = (interval.low <= proportions) & (proportions <= interval.high)
        coverage += inside * stats.binom.pmf(num_hits, num_units, proportions)
    assert coverage.mean() == pytest.approx(0.95, abs=0.01)
    assert coverage.min() > 0.83


def test_logit_interval_by_hand() -> None:
    # logit .9 = ln 9; .045/(.9 · .1) = ½: odds 9·e^±½ = 5.458776 and 14.838491.
    low, high = logit_interval(0.9, 0.045)
    assert (low, high) == pytest.approx((5.458776 / 6.458776, 14.838491 / 15.838491), abs=1e-6)


def test_logit_interval_mirrors_and_stays_inside() -> None:
    low, high = logit_interval(0.02, 0.3)
    assert 0 < low < 0.02 < high < 1
    assert logit_interval(0.98, 0.3) == pytest.approx((1 - high, 1 - low))
    assert logit_interval(0.5, 0.01) == pytest.approx((0.49, 0.51), abs=1e-5)


@pytest.mark.parametrize("mean", [0.0, 1.0])
def test_there_is_no_logit_at_the_ends(mean: float) -> None:
    assert logit_interval(mean, 0.1) == (mean, mean)


def test_near_one_the_logit_scale_covers_more_often_and_misses_more_evenly() -> None:
    """20,000 trials of 984 units at .99."""
    means = np.random.default_rng(0).binomial(984, 0.99, 20_000) / 984
    means = means[means < 1]
    half_widths = 1.96 * np.sqrt(means * (1 - means) / 984)
    ends = np.array([logit_interval(p, h) for p, h in zip(means.tolist(), half_widths.tolist(), strict=True)])
    above, below = np.mean(ends[:, 0] > 0.99), np.mean(ends[:, 1] < 0.99)
    symmetric = np.mean(means - half_widths > 0.99), np.mean(means + half_widths < 0.99)
    assert above + below < 0.05 < sum(symmetric)
    assert max(above, below) < 0.03 < max(symmetric)
