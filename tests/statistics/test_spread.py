"""Uncertainties of several sources, as interval and as p."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.statistics.spread import Spread, Term, spread_over_seeds


def test_half_widths_add_as_squares() -> None:
    # t(.975, 2) = 4.302653, t(.975, 10) = 2.228139: √((4.302653 · .1)² + (2.228139 · .2)²) = .619445.
    spread = Spread((Term(0.01, 2), Term(0.04, 10)))
    assert spread.half_width() == pytest.approx(0.619445, abs=1e-6)


def test_the_interval_is_never_shorter_than_its_floor() -> None:
    floor = Term(0.02, 2)
    spread = Spread((Term(0.001, 100), Term(0.004, 2)), floor)
    assert spread.half_width() == pytest.approx(Spread((floor,)).half_width())
    assert spread.p_of(0.5) == pytest.approx(Spread((floor,)).p_of(0.5))


def test_one_source_is_students_t() -> None:
    spread = Spread((Term(0.25, 7),))
    assert spread.p_of(1.0) == pytest.approx(2 * stats.t.sf(2, 7))
    assert spread.p_above(1.0) == pytest.approx(stats.t.sf(2, 7))
    assert spread.p_above(-1.0) == pytest.approx(stats.t.sf(-2, 7))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(1e-4, 1), st.integers(1, 800)), min_size=1, max_size=3),
    st.none() | st.tuples(st.floats(1e-4, 1), st.integers(1, 5)),
    st.floats(0.01, 10),
)
def test_p_is_the_level_at_which_the_interval_ends_there(terms, floor, distance: float) -> None:
    spread = Spread(tuple(Term(*term) for term in terms), None if floor is None else Term(*floor))
    p = spread.p_of(distance)
    assert 0 <= p <= 1
    if p > 1e-99:
        assert spread.half_width(p) == pytest.approx(distance, rel=1e-6)
    assert (p < 0.05) is bool(distance > spread.half_width()) or p == pytest.approx(0.05)
    assert spread.p_of(-distance) == p
    assert spread.p_above(distance) + spread.p_above(-distance) == pytest.approx(1)


def test_a_distance_of_zero_has_p_one() -> None:
    assert Spread((Term(0.1, 3), Term(0.1, 30))).p_of(0.0) == 1


def test_far_distances_have_p_zero() -> None:
    assert Spread((Term(1e-8, 300), Term(1e-8, 200))).p_of(50.0) == pytest.approx(0, abs=1e-90)


def test_seeds_alone_have_the_variance_of_their_mean() -> None:
    spread = spread_over_seeds([0.1, 0.2, 0.3])
    assert spread is not None
    assert spread.terms == (pytest.approx((0.01 / 3, 2)),)


@pytest.mark.parametrize("values", [[], [0.5], [0.25, 0.25], [0.7 - 0.6, 0.4 - 0.3, 0.1]])
def test_too_few_values_and_equal_ones_have_no_spread(values: list[float]) -> None:
    assert spread_over_seeds(values) is None


def test_what_does_not_vary_has_no_p() -> None:
    assert math.isnan(Spread((Term(0.0, 3), Term(0.0, 30))).p_of(0.3))


def test_arrays_of_variances_give_arrays_of_half_widths() -> None:
    variances = np.array([0.01, 0.04])
    both = Spread((Term(variances, 4),)).half_width()
    assert both == pytest.approx([Spread((Term(v, 4),)).half_width() for v in variances])
