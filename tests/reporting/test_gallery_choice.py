"""Which units a gallery shows, on cases counted by hand."""

import numpy as np
import pandas as pd
import pytest

from bench.reporting.gallery.content import typical_units, worst_units

# Five units of Mass that 2, 0, 1, 3 and 1 of three models hit, one of Nodule that all hit.
UNITS = pd.DataFrame({"image": list("edcbaz"), "finding": ["Mass"] * 5 + ["Nodule"]})
HITS = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 0], [1, 1, 1], [1, 0, 0], [1, 1, 1]], bool)


def test_the_middle_unit_by_how_many_models_hit_it_is_typical():
    # By hits, then name: d (0), a (1), c (1), e (2), b (3).
    assert typical_units(UNITS, HITS, 1) == [2, 5]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (2, [4, 0]),  # halves of five: up to the middle and from it on
        (3, [1, 2, 3]),
        (5, [1, 4, 2, 0, 3]),
        (9, [1, 4, 2, 0, 3]),  # there are no more
    ],
)
def test_several_units_are_the_middles_of_equal_parts(count, expected):
    assert typical_units(UNITS[:5], HITS[:5], count) == expected


def test_of_an_even_number_the_lower_middle_is_taken():
    assert typical_units(UNITS[:4], HITS[:4], 1) == [2]  # d, c, e, b


def test_the_order_of_the_table_does_not_matter():
    order = np.random.default_rng(0).permutation(len(UNITS))
    shuffled = UNITS.iloc[order].reset_index(drop=True)
    chosen = typical_units(shuffled, HITS[order], 2)
    names = shuffled["image"].iloc[chosen].to_list()
    assert names == UNITS["image"].iloc[typical_units(UNITS, HITS, 2)].to_list()


def test_worst_are_the_surest_misses():
    missed = np.array([True, False, False, False, False, False])
    scores = [0.99, 0.2, 0.7, 0.7, np.nan, 0.9]
    # Not e, which is hit, nor a, which has no score; b comes before c.
    assert worst_units(UNITS, missed, scores, 3) == [5, 3, 2]
    assert worst_units(UNITS, missed, scores, 9) == [5, 3, 2, 1]
    assert worst_units(UNITS, ~np.zeros(6, bool), scores, 9) == []
