"""Holm's adjustment."""

import gc
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from bench.statistics.multiplicity import holm


def test_four_values_by_hand() -> None:
    # .005·4, .01·3, .03·2, and .04·1, which may not fall below .06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_a_test_that_could_not_be_made_is_not_counted() -> None:
    adjusted = holm([math.nan, 0.02, math.nan, 0.03])
    assert adjusted[1::2] == pytest.approx([0.04, 0.04])
    assert math.isnan(adjusted[0])
    assert math.isnan(adjusted[2])


def test_tests_that_were_chosen_count_their_family() -> None:
    # Of six: .004 · 6 and .01 · 5; the four that were not made count as larger.
    assert holm([0.01, 0.004], family=6) == pytest.approx([0.05, 0.024])
    assert holm([0.01, 0.004, 1, 1, 1, 1])[:2] == pytest.approx([0.05, 0.024])
    assert holm([0.01, 0.02], family=1) == holm([0.01, 0.02])


def test_degenerate_families() -> None:
    assert holm([]) == []
    assert holm([0.04]) == [0.04]
    assert holm([0.6, 0.7]) == [1, 1]
    assert all(map(math.isnan, holm([math.nan, math.nan])))


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.inf])
def test_what_is_no_probability_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        holm([0.5, bad])


@pytest.fixture(scope="module")
def quick_collection():
    """Sets aside what is in use: each call of multipletests collects garbage, and would search all of it."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("quick_collection")
@settings(max_examples=25)
@given(st.lists(st.floats(0, 1) | st.sampled_from([0.01, 0.02, math.nan]), min_size=1, max_size=12))
def test_adjustment_agrees_with_statsmodels(p_values: list[float]) -> None:
    adjusted, tested = np.array(holm(p_values)), ~np.isnan(p_values)
    assert (np.isnan(adjusted) == ~tested).all()
    if tested.any():
        expected = multipletests(np.array(p_values)[tested], method="holm")[1]
        assert adjusted[tested] == pytest.approx(expected)
