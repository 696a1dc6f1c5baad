"""Power of comparisons of few seeds."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from bench.statistics.power import power, seeds_needed, smallest_difference


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("num_seeds", [3, 5, 10, 20])
@pytest.mark.parametrize("effect", [0.1, 0.7, 1.2])
def test_power_agrees_with_statsmodels(paired: bool, num_seeds: int, effect: float) -> None:
    reference = TTestPower() if paired else TTestIndPower()
    expected = reference.power(effect, num_seeds, 0.05)
    assert power(0.02 * effect, num_seeds, 0.02, paired=paired) == pytest.approx(expected, abs=1e-6)
    assert power(-0.02 * effect, num_seeds, 0.02, paired=paired) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("paired", "ratio"), [(True, 1.6820), (False, 2.0244)])
def test_five_seeds_show_differences_of_about_two_deviations(paired: bool, ratio: float) -> None:
    # As statsmodels' TTestPower and TTestIndPower solve for the effect size: 1.68200 and 2.02444.
    assert smallest_difference(5, 0.01, paired=paired) == pytest.approx(0.01 * ratio, rel=1e-4)


@pytest.mark.parametrize("paired", [True, False])
def test_smallest_difference_is_found_four_times_in_five(paired: bool) -> None:
    """20,000 simulated comparisons of five seeds."""
    difference = smallest_difference(5, 1, paired=paired)
    first, second = np.random.default_rng(8).normal(size=(2, 20_000, 5))
    if paired:
        pvalues = stats.ttest_1samp(first + difference, 0, axis=1).pvalue
    else:
        pvalues = stats.ttest_ind(first + difference, second, axis=1).pvalue
    assert (pvalues <= 0.05).mean() == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("effect", [0.2, 0.5, 1.1, 3.0])
def test_seeds_needed_agree_with_statsmodels(paired: bool, effect: float) -> None:
    reference = TTestPower() if paired else TTestIndPower()
    expected = math.ceil(reference.solve_power(effect, alpha=0.05, power=0.8))
    assert seeds_needed(effect, 1, paired=paired) == expected


@pytest.mark.parametrize("paired", [True, False])
def test_seeds_needed_are_just_enough(paired: bool) -> None:
    needed = seeds_needed(0.013, 0.02, paired=paired)
    assert power(0.013, needed, 0.02, paired=paired) >= 0.8
    assert power(0.013, needed - 1, 0.02, paired=paired) < 0.8


def test_two_seeds_need_a_huge_difference() -> None:
    difference = smallest_difference(2, 1, paired=True)
    assert difference == pytest.approx(11.55, abs=0.01)
    assert seeds_needed(difference * 1.01, 1, paired=True) == 2


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("num_seeds", [2, 5, 100, 10_000])
def test_power_grows_with_the_difference_from_5_to_100_percent(paired: bool, num_seeds: int) -> None:
    effects = np.r_[0, np.geomspace(1e-12, 100, 300)]
    powers = np.array([power(effect, num_seeds, 1, paired=paired) for effect in effects])
    assert powers[0] == pytest.approx(0.05)
    assert powers[-1] == pytest.approx(1)
    assert (np.diff(powers) > -1e-9).all()


def test_no_difference_is_found_by_chance_only() -> None:
    assert power(0, 5, 0.02, paired=True) == pytest.approx(0.05)


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf])
def test_impossible_deviations_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="positive standard deviation"):
        smallest_difference(5, bad, paired=True)
    with pytest.raises(ValueError, match="positive standard deviation"):
        seeds_needed(0.1, bad, paired=False)


def test_single_seeds_and_no_difference_are_refused() -> None:
    with pytest.raises(ValueError, match="at least two seeds; got 1"):
        smallest_difference(1, 0.1, paired=True)
    with pytest.raises(ValueError, match="more than 1,000,000 seeds"):
        seeds_needed(0, 0.1, paired=True)
