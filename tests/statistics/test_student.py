"""Mean with Student-t interval."""

import csv
import math
from collections import defaultdict

import numpy as np
import pytest
from extracts import PUBLISHED
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.statistics.student import mean_interval

_SHARES = st.floats(0, 1, allow_subnormal=False)


def _reference_interval(values: list[float]) -> tuple[float, float]:
    low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    return float(low), float(high)


def test_five_seeds_by_hand() -> None:
    # Deviations −3, −1, 0, 1, 3 hundredths: s² = 20/4, s/√5 = 1 hundredth; t(0.975, 4) = 2.776445.
    interval = mean_interval([0.58, 0.60, 0.61, 0.62, 0.64])
    assert interval.mean == pytest.approx(0.61)
    assert interval.half_width == pytest.approx(0.02776445, rel=1e-6)
    assert interval.n == 5


def test_two_values_by_hand() -> None:
    # s = 0.2/√2, s/√2 = 0.1; t(0.975, 1) = 12.7062.
    interval = mean_interval([0.4, 0.6])
    assert interval.mean == pytest.approx(0.5)
    assert interval.half_width == pytest.approx(1.27062, rel=1e-5)


def test_a_single_value_has_no_half_width() -> None:
    interval = mean_interval([0.25])
    assert (interval.mean, interval.half_width, interval.n) == (0.25, None, 1)


@settings(max_examples=50)
@given(_SHARES, st.integers(2, 7))
def test_equal_values_have_a_half_width_of_zero(value: float, count: int) -> None:
    interval = mean_interval([value] * count)
    assert interval.half_width == 0
    assert interval.mean == pytest.approx(value)


@pytest.mark.parametrize("bad", [[], [math.nan], [0.5, math.nan], [0.5, math.inf], [-math.inf, 0.5]])
def test_nothing_and_what_is_not_finite_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one value, all finite"):
        mean_interval(bad)


@settings(max_examples=60)
@given(st.lists(_SHARES, min_size=2, max_size=12).filter(lambda values: np.ptp(values) > 1e-6))
def test_interval_agrees_with_scipy(values: list[float]) -> None:
    interval = mean_interval(values)
    assert interval.half_width is not None
    low, high = _reference_interval(values)
    assert interval.mean - interval.half_width == pytest.approx(low, rel=1e-9, abs=1e-12)
    assert interval.mean + interval.half_width == pytest.approx(high, rel=1e-9, abs=1e-12)
    assert interval.n == len(values)


@settings(max_examples=50)
@given(st.lists(_SHARES, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_order_of_values_does_not_matter(values: list[float], random) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    first, second = mean_interval(values), mean_interval(shuffled)
    assert first.mean == pytest.approx(second.mean)
    assert first.half_width == pytest.approx(second.half_width, abs=1e-14)


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_95_percent_of_intervals_contain_the_true_mean(n: int) -> None:
    """Half-widths are linear in the standard error, so one call gives the factor for all samples."""
    samples = np.random.default_rng(20).normal(0.5, 0.02, size=(100_000, n))
    errors = samples.std(axis=1, ddof=1) / math.sqrt(n)
    factors = []
    for sample, error in zip(samples[:20], errors[:20], strict=True):
        half_width = mean_interval(sample.tolist()).half_width
        assert half_width is not None
        factors.append(half_width / error)
    assert np.ptp(factors) < 1e-9
    covered = np.abs(samples.mean(axis=1) - 0.5) <= factors[0] * errors
    assert covered.mean() == pytest.approx(0.95, abs=0.01)


def test_the_authors_five_seeds() -> None:
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    with (PUBLISHED / "authors_seeds_pylon_nih256.csv").open() as stream:
        for row in csv.DictReader(stream):
            values[row["metric"], row["column"]].append(float(row["value"]))
    assert {len(seeds) for seeds in values.values()} == {5}
    for seeds in values.values():
        interval = mean_interval(seeds)
        assert interval.half_width is not None
        low, high = _reference_interval(seeds)
        assert (interval.mean - interval.half_width, interval.mean + interval.half_width) == pytest.approx(
            (low, high)
        )
    weighted = mean_interval(values["point_accuracy", "Weighted avg."])
    assert weighted.mean == pytest.approx(0.61626, abs=5e-6)
    assert weighted.half_width == pytest.approx(0.01925, abs=5e-5)
