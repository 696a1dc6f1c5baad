"""The arithmetic of sanity checks, by hand and against scipy."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import spearmanr

from bench.errors import PluginError
from bench.metrics.sanity import SHIFTS, STEPS, area_below, followed, rank_correlations, removal_order
from bench.suite.metrics import _declared


def test_rank_correlation_is_scipys_ties_included():
    random = np.random.default_rng(0)
    maps, others = random.integers(0, 9, (2, 20, 5, 7)).astype(np.float32)
    expected = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(maps, others, strict=True)]
    assert rank_correlations(maps, others) == pytest.approx(expected, abs=1e-12)


def test_rank_correlation_of_an_order_its_reverse_and_maps_of_one_value():
    rising, flat = np.arange(6, dtype=np.float32).reshape(1, 2, 3), np.ones((1, 2, 3), np.float32)
    assert rank_correlations(rising, np.exp(rising)).tolist() == pytest.approx([1.0])
    assert rank_correlations(rising, -rising).tolist() == pytest.approx([-1.0])
    assert rank_correlations(flat, 2 * flat).tolist() == [1.0]
    assert rank_correlations(rising, flat).tolist() == [0.0]
    assert np.isnan(rank_correlations(rising, np.where(rising == 2, np.nan, rising))).all()


def test_a_peak_follows_the_shifts_that_leave_it_in_the_image():
    """At (40, 100) of 128 px: up 32 to row 8, down to 72, left to column 68; right would be 132, outside."""
    peak = np.array([[40.0, 100.0]])
    belongs = peak[:, None] + np.array(SHIFTS)
    assert followed(peak, belongs, 128).tolist() == [1.0]
    assert followed(peak, np.repeat(peak[:, None], 4, axis=1), 128).tolist() == [0.0]
    off = np.array([[16, 0], [17, 0], [-12, 10], [0, 0]])  # by 16, 17 and 15.6 px; the last is outside
    assert followed(peak, belongs + off, 128).tolist() == [pytest.approx(2 / 3)]


def test_a_map_without_a_peak_follows_nothing():
    peak, none = np.array([[64.0, 64.0]]), np.full((1, 2), -1.0)
    moved = peak[:, None] + np.array(SHIFTS)
    moved[:, 1] = -1
    assert followed(peak, moved, 128).tolist() == [0.75]
    assert followed(none, none[:, None] + np.array(SHIFTS), 128).tolist() == [0.0]


def test_pixels_are_removed_from_the_highest_down_and_equal_ones_at_random():
    values = np.array([[0, 0, 3], [0, 9, 0], [0, 0, 0]], np.float32)
    first, second = (removal_order(values, np.random.default_rng(seed)) for seed in (0, 1))
    for places in (first, second):
        assert (places[1, 1], places[0, 2]) == (0, 1)
        assert sorted(places.ravel()) == list(range(9))
    assert (first != second).any()
    assert (first == removal_order(values, np.random.default_rng(0))).all()


def test_area_below_a_curve_is_scipys():
    curves = np.random.default_rng(0).random((3, len(STEPS)))
    assert area_below(curves) == pytest.approx(trapezoid(curves, STEPS, axis=1))
    assert area_below(np.ones((1, len(STEPS)))).tolist() == [1.0]


def test_a_plug_in_cannot_ask_for_the_model():
    with pytest.raises(PluginError) as caught:
        _declared("bench.suite.metrics:ROAD")
    assert caught.value.place == "bench.suite.metrics:ROAD"
