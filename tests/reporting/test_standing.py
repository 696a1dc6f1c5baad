"""Which rows of a column are best, and which are shown to be worse."""

import numpy as np
import pytest
from scipy import stats

from bench.reporting.row_hits import RowHits
from bench.reporting.standing import standings
from bench.statistics.multiplicity import holm
from bench.statistics.unit_hits import UnitHits


def _column(**rows) -> dict[str, dict[int, float]]:
    return {label: dict(enumerate(values)) for label, values in rows.items()}


def _row(label: str, hits: np.ndarray) -> RowHits:
    names = np.arange(len(hits))
    units = UnitHits(hits.astype(float), names, names, np.full(len(hits), "Mass"))
    seeds = tuple(range(hits.shape[1]))
    return RowHits(label, seeds, units, tuple(f"{label}{seed}" for seed in seeds))


def test_the_best_mean_alone_is_best_however_noisy_the_others_are() -> None:
    found = standings(_column(steady=(0.5, 0.5, 0.5), noisy=(0.0, 0.49, 0.99)))
    assert [found[label].is_best for label in ("steady", "noisy")] == [True, False]


def test_equal_means_are_all_best() -> None:
    found = standings(_column(a=(0.25, 0.75), b=(0.5, 0.5), c=(0.4, 0.5)))
    assert [found[label].is_best for label in "abc"] == [True, True, False]


@pytest.mark.parametrize("column", [{}, _column(a=(0.5, 0.6)), _column(a=(0.5, 0.6), b=())])
def test_where_nothing_is_compared_nothing_is_best(column) -> None:
    assert standings(column) == {}


def test_p_to_the_best_is_the_paired_t_test_adjusted_by_holm() -> None:
    values = np.random.default_rng(1).normal([[0.8], [0.7], [0.78], [0.5]], 0.04, (4, 5))
    found = standings(_column(a=values[0], b=values[1], c=values[2], d=values[3]))
    assert found["a"].is_best
    assert found["a"].p_to_best is None
    raw = [stats.ttest_rel(values[0], other).pvalue for other in values[1:]]
    expected = holm([*raw, 1, 1, 1])[:3]  # six pairs, of which the data chose three
    assert [found[label].p_to_best for label in "bcd"] == pytest.approx(expected)


def test_below_five_seeds_in_common_nothing_is_tested() -> None:
    column = _column(a=(0.9, 0.91, 0.92, 0.93), b=(0.1, 0.11, 0.12, 0.14))
    assert standings(column)["b"].p_to_best is None
    column = {"a": dict.fromkeys(range(5), 0.9), "b": {seed: seed / 10 for seed in range(3, 8)}}
    assert standings(column)["b"].p_to_best is None


def test_with_units_the_test_is_over_patients_too() -> None:
    """All seeds agree on an advantage at 3 of 30 patients: shown by seed, not over patients."""
    second = np.zeros((30, 5), bool)
    second[10:20] = True
    first = second.copy()
    first[:3] = True
    first[3, 0] = True
    rows = {"a": _row("a", first), "b": _row("b", second)}
    column = _column(a=first.mean(axis=0), b=second.mean(axis=0))
    by_seed, by_both = standings(column), standings(column, rows.get)
    assert by_seed["b"].p_to_best < 0.001
    assert 0.05 < by_both["b"].p_to_best == pytest.approx(rows["a"].minus(rows["b"]).p_over_both)


def test_equal_models_are_marked_in_one_column_of_twenty_at_most() -> None:
    """300 columns of four models that are equal among patients; the test set favours some of them."""
    generator = np.random.default_rng(5)
    marked = 0
    for _ in range(300):
        hard = generator.normal(size=(80, 1))
        rows = {
            label: _row(
                label,
                hard + generator.normal(size=(80, 1)) + 0.05 * generator.normal(size=5)
                + 0.7 * generator.normal(size=(80, 5)) < 0.3,
            )
            for label in "abcd"
        }  # fmt: skip
        column = {label: dict(enumerate(row.values)) for label, row in rows.items()}
        places = standings(column, rows.get).values()
        marked += any(place.p_to_best is not None and place.p_to_best < 0.05 for place in places)
    assert marked / 300 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)
