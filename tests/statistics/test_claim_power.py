"""The probability that a claim is supported, against the exact power of a t test and Holm's own function."""

import pytest

from bench.statistics.claim_power import PlannedComparison, claim_powers
from bench.statistics.power import power


def gap(first: str, second: str, difference: float = 0.05, margin: float | None = None) -> PlannedComparison:
    return PlannedComparison(first, second, 0.03, difference, margin)


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_a_claim_of_one_comparison_has_the_power_of_a_t_test(num_seeds):
    """But for findings on the wrong side, which are none of the claim: at .05 fewer than .001 here."""
    (found,) = claim_powers([gap("a", "b")], [[0]], num_seeds)
    assert found == pytest.approx(power(0.05, num_seeds, 0.03, paired=True), abs=0.03)


def test_comparisons_that_share_no_row_multiply_before_holm_is_counted():
    """Far apart, each of two is found at .05 or .025 alone; both are found if the larger p is below .05."""
    single = power(0.05, 8, 0.03, paired=True)
    both, first = claim_powers([gap("a", "b"), gap("c", "d")], [[0, 1], [0]], 8)
    assert both < first < single + 0.03
    assert both == pytest.approx(single**2, abs=0.05)
    assert claim_powers([gap("a", "b"), None], [[0]], 8)[0] < single - 0.03


def test_a_row_that_all_comparisons_share_makes_them_come_out_together():
    shared = claim_powers([gap("a", name) for name in "bcdef"], [range(5)], 5)
    apart = claim_powers([gap(name, name + name) for name in "bcdef"], [range(5)], 5)
    assert shared[0] > apart[0]


def test_equal_rows_are_rarely_found_different_and_close_ones_alike_with_seeds_enough():
    assert claim_powers([gap("a", "b", 0.0)], [[0]], 5)[0] == pytest.approx(0.025, abs=0.015)
    alike = [claim_powers([gap("a", "b", 0.0, margin=0.05)], [[0]], count)[0] for count in (3, 5, 30)]
    assert alike == sorted(alike)
    assert alike[-1] > 0.99
    assert claim_powers([gap("a", "b", 0.05, margin=0.05)], [[0]], 30)[0] == pytest.approx(0.025, abs=0.015)


def test_what_is_not_known_is_never_found():
    assert claim_powers([None, gap("a", "b", 9.0)], [[0], [1], [0, 1]], 5) == [0.0, 1.0, 0.0]
    assert claim_powers([], [], 5) == []
