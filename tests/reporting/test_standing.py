"""Which rows of a column are best, and which are shown to be worse."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench.reporting.tables.standing import standings
from bench.statistics.multiplicity import holm
from bench.statistics.scores import ColumnScores
from bench.statistics.unit_scores import MeanScores, Units


def _column(**rows) -> dict[str, ColumnScores]:
    return {label: _scores(label, dict(enumerate(values))) for label, values in rows.items()}


def _scores(label: str, by_seed: dict[int, float]) -> ColumnScores:
    return ColumnScores(label, by_seed, tuple(f"{label}{seed}" for seed in by_seed))


def _row(label: str, hits: np.ndarray) -> ColumnScores:
    names = np.arange(len(hits))
    units = MeanScores(hits.astype(float), Units(names, names, np.full(len(hits), "Mass")))
    row = _scores(label, dict(enumerate(hits.mean(axis=0).tolist())))
    return replace(row, load_units=lambda: units)


def test_the_best_mean_alone_is_best_however_noisy_the_others_are() -> None:
    found = standings(_column(steady=(0.5, 0.5, 0.5), noisy=(0.0, 0.49, 0.99)), 1)
    assert [found[label].is_best for label in ("steady", "noisy")] == [True, False]


def test_equal_means_are_all_best() -> None:
    found = standings(_column(a=(0.25, 0.75), b=(0.5, 0.5), c=(0.4, 0.5)), 1)
    assert [found[label].is_best for label in "abc"] == [True, True, False]


@pytest.mark.parametrize("column", [{}, _column(a=(0.5, 0.6)), _column(a=(0.5, 0.6), b=())])
def test_where_nothing_is_compared_nothing_is_best(column) -> None:
    assert standings(column, 1) == {}


def test_p_to_the_best_is_the_paired_t_test_adjusted_by_holm() -> None:
    values = np.random.default_rng(1).normal([[0.8], [0.7], [0.78], [0.5]], 0.04, (4, 5))
    found = standings(_column(a=values[0], b=values[1], c=values[2], d=values[3]), 1)
    assert found["a"].is_best
    assert found["a"].p_to_best is None
    raw = [stats.ttest_rel(values[0], other).pvalue for other in values[1:]]
    expected = holm([*raw, 1, 1, 1])[:3]  # six pairs, of which the data chose three
    assert [found[label].p_to_best for label in "bcd"] == pytest.approx(expected)


def test_below_five_seeds_in_common_nothing_is_tested() -> None:
    column = _column(a=(0.9, 0.91, 0.92, 0.93), b=(0.1, 0.11, 0.12, 0.14))
    assert standings(column, 1)["b"].p_to_best is None
    values = {"a": dict.fromkeys(range(5), 0.9), "b": {seed: seed / 10 for seed in range(3, 8)}}
    column = {label: _scores(label, by_seed) for label, by_seed in values.items()}
    assert standings(column, 1)["b"].p_to_best is None


def test_with_units_the_test_is_over_patients_too() -> None:
    """All seeds agree on an advantage at 3 of 30 patients: shown by seed, not over patients."""
    second = np.zeros((30, 5), bool)
    second[10:20] = True
    first = second.copy()
    first[:3] = True
    first[3, 0] = True
    rows = {"a": _row("a", first), "b": _row("b", second)}
    column = _column(a=first.mean(axis=0), b=second.mean(axis=0))
    by_seed, by_both = standings(column, 1), standings(rows, 1)
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
        places = standings(rows, 1).values()
        marked += any(place.p_to_best is not None and place.p_to_best < 0.05 for place in places)
    assert marked / 300 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)


def test_of_a_metric_that_is_better_lower_the_lowest_is_best() -> None:
    found = standings(_column(a=(0.1, 0.2), b=(0.3, 0.4)), -1)
    assert [found[label].is_best for label in "ab"] == [True, False]
