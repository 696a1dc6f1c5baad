"""Intervals of a row, and comparisons of two, on hits that are drawn here."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from bench.errors import ResultsError
from bench.reporting.tables.controls import gain_over
from bench.reporting.tables.intervals import MOST_ROWS, comparison_table, interval_table
from bench.reporting.tables.metric_rows import rows_by_metric
from bench.reporting.tables.table import Subject
from bench.results.grid_results import Results
from bench.results.units import write_table
from bench.statistics.bootstrap import draw_patients, interval_of_patients, interval_of_spread, spread_of
from bench.statistics.multiplicity import holm
from bench.statistics.scores import ColumnScores, interval_over_patients
from bench.statistics.spread import SEEDS_ALONE, SEEDS_AND_PATIENTS
from bench.statistics.unit_scores import MeanScores, Units
from bench.suite.cam import NATIVE

PATIENTS = 60
SUBJECT = Subject("comparisons", "point_accuracy", "Phantom", 64)


def _row(label: str, rate: float, seeds: tuple[int, ...] = (0, 1, 2), draw: int = 0) -> ColumnScores:
    """Two units of each patient, of two findings."""
    generator = np.random.default_rng([draw, round(1000 * rate)])
    hits = (generator.random((2 * PATIENTS, len(seeds))) < rate).astype(float)
    images = np.array([f"{unit:03}.png" for unit in range(2 * PATIENTS)])
    patients = np.repeat([f"p{patient:02}" for patient in range(PATIENTS)], 2)
    findings = np.tile(["Mass", "Nodule"], PATIENTS)
    return _scores(label, MeanScores(hits, Units(images, patients, findings)), seeds)


def _scores(
    label: str, units: MeanScores, seeds: tuple[int, ...] = (), average: str = "weighted"
) -> ColumnScores:
    """Without seeds it is a control."""
    by_seed = dict(zip(seeds or range(units.num_seeds), units.values(average).tolist(), strict=True))
    return ColumnScores(label, by_seed, tuple(f"{label}{i}" for i in seeds), lambda: units, average)


def _of(row: ColumnScores, hits: np.ndarray) -> MeanScores:
    return replace(row.units, scores=hits)


def test_intervals_are_those_of_the_statistics() -> None:
    row = _row("a", 0.6)
    generator = np.random.default_rng(0)
    replicates = row.units.resampled("weighted", draw_patients(PATIENTS, generator))
    assert row.over_patients == interval_of_patients(row.units, "weighted", replicates)
    spread = spread_of(row.units, "weighted", replicates)
    assert row.over_both == interval_of_spread(row.units, "weighted", spread)


def test_an_interval_of_both_leaves_out_zero_just_where_its_p_is_below_5_percent() -> None:
    found = set()
    for draw in range(20):
        difference = _row("a", 0.6, draw=draw).minus(_row("b", 0.5, draw=draw + 100))
        interval = difference.over_both
        is_apart = interval.low > 0 or interval.high < 0
        assert is_apart == (difference.p_over_both < 0.05)
        found.add(is_apart)
    assert found == {True, False}


@pytest.mark.parametrize("hit", [0.0, 1.0])
def test_a_row_that_hits_nothing_or_all_has_wilsons_interval_of_its_patients(hit) -> None:
    row = _row("a", 0.5, (0,))
    interval = interval_over_patients(_of(row, np.full_like(row.units.scores, hit)))
    low, high = proportion_confint(hit * PATIENTS, PATIENTS, method="wilson")
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_a_difference_that_is_none_anywhere_has_no_interval() -> None:
    row = _row("a", 0.5)
    assert row.minus(row).over_patients.low is None
    assert row.minus(row).over_both.low is None
    assert math.isnan(row.minus(row).p_over_both)


def test_rows_are_compared_on_the_seeds_that_both_have() -> None:
    first, second = _row("a", 0.6, (0, 1, 2)), _row("b", 0.5, (2, 3, 0))
    difference = first.minus(second)
    assert tuple(difference.by_seed) == (0, 2)
    assert difference.trial_ids == ("a0", "a2", "b0", "b2")
    expected = first.units.scores[:, [0, 2]] - second.units.scores[:, [2, 0]]
    np.testing.assert_array_equal(difference.units.scores, expected)
    assert first.minus(_row("c", 0.5, (7,))) is None


def test_too_few_patients_have_no_interval_of_their_own_and_are_said() -> None:
    row = _row("a", 0.5)
    few = slice(0, 2 * 39)
    units = row.units
    kept = replace(units, scores=units.scores[few], units=units.units.at(few))
    small = _scores("a", kept, (0, 1, 2))
    assert small.over_patients.low is None
    table = interval_table(SUBJECT, [small], [small], {small.label: NATIVE})
    assert "78 units of 39 patients: too few" in table.notes[0]
    seeds, patients, both = table.models[0].cells
    assert patients.mean is None
    assert both.low <= seeds.mean - seeds.half_width < seeds.mean + seeds.half_width <= both.high


def test_a_single_patient_leaves_the_decision_to_the_seeds() -> None:
    row, other = _row("a", 0.7, draw=1), _row("b", 0.4)
    one = np.zeros(2 * PATIENTS)
    alone = [
        _scores(r.label, replace(r.units, units=r.units.units._replace(patients=one)), (0, 1, 2))
        for r in (row, other)
    ]
    assert row.minus(other).decision == (row.minus(other).p_over_both, SEEDS_AND_PATIENTS)
    difference = alone[0].minus(alone[1])
    assert difference.decision == (difference.p_over_seeds, SEEDS_ALONE)
    table = comparison_table(SUBJECT, alone)
    assert "a − b" in table.notes[0]
    assert table.models[0].cells[2].mean == difference.p_over_seeds


def test_findings_of_nothing_but_misses_widen_a_macro_average() -> None:
    """Of two findings one is never hit: to the other's distances its Wilson distance adds as squares."""
    row = _row("a", 0.5, (0,))
    hits = np.where(row.units.units.findings[:, None] == "Mass", row.units.scores, 0.0)
    units = _of(row, hits)
    interval = interval_over_patients(units, "macro")
    resampled = interval_of_patients(
        units, "macro", units.resampled("macro", draw_patients(units.num_patients, np.random.default_rng(0)))
    )
    edge = proportion_confint(0, PATIENTS, method="wilson")[1] / 2
    assert interval.low == resampled.low
    assert interval.high - interval.mean == pytest.approx(math.hypot(resampled.high - interval.mean, edge))


def test_a_macro_average_of_nothing_but_hits_and_misses_has_an_interval() -> None:
    row = _row("a", 0.5, (0,))
    hits = np.where(row.units.units.findings[:, None] == "Mass", 1.0, 0.0)
    interval = interval_over_patients(_of(row, hits), "macro")
    low, high = (end / 2 for end in proportion_confint(0, PATIENTS, method="wilson"))
    assert low == pytest.approx(0)
    assert (interval.low, interval.mean, interval.high) == pytest.approx((0.5 - high, 0.5, 0.5 + high))


def test_the_table_of_intervals_has_each_kind() -> None:
    row, control = _row("a", 0.6), _row("control", 0.3, (0,))
    table = interval_table(SUBJECT, [row], [control], {row.label: NATIVE})
    seeds, patients, both = table.models[0].cells
    assert seeds.half_width == row.over_seeds.half_width
    assert (patients.low, patients.high) == (row.over_patients.low, row.over_patients.high)
    assert (both.low, both.high) == (row.over_both.low, row.over_both.high)
    hole, of_control, other = table.references[0].cells
    assert (hole.mean, other.mean) == (None, None)
    assert of_control.mean == pytest.approx(control.units.scores.mean())
    assert table.notes == ("120 units of 60 patients.",)


def test_a_gain_is_the_paired_difference_to_a_control_for_each_seed() -> None:
    row, control = _row("a", 0.8), _row("control", 0.4, (0,))
    difference = row.minus_control(control)
    assert difference.values == pytest.approx([value - control.values[0] for value in row.values])
    by_unit = row.units.scores - control.units.scores
    assert difference.units.scores.tolist() == by_unit.tolist()
    cell, both = gain_over(control, row), difference.over_both
    assert (cell.mean, cell.low, cell.high) == (both.mean, both.low, both.high)
    assert gain_over(control, control).mean is None


def test_comparisons_agree_with_scipy_and_holm() -> None:
    rows = [_row("low", 0.3), _row("high", 0.7), _row("middle", 0.5)]
    table = comparison_table(SUBJECT, rows)
    assert [row.label for row in table.models] == ["high − middle", "high − low", "middle − low"]
    by_label = {row.label: row for row in rows}
    unadjusted = []
    for line in table.models:
        first, second = (by_label[name] for name in line.label.split(" − "))
        seeds, both, p_both, _, t_test, signs, mcnemar = line.cells
        a, b = first.units.scores.mean(axis=0), second.units.scores.mean(axis=0)
        assert seeds.mean == pytest.approx((a - b).mean())
        assert t_test.mean == pytest.approx(stats.ttest_rel(a, b).pvalue)
        exact = stats.permutation_test(
            (a - b,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
        )
        assert signs.mean == pytest.approx(exact.pvalue)
        assert signs.text == f"{signs.mean:.3f} (0.250)"
        by_patient = (first.units.scores - second.units.scores).reshape(PATIENTS, -1).sum(axis=1)
        chi2 = (PATIENTS - 1) / PATIENTS * by_patient.sum() ** 2 / (by_patient**2).sum()
        assert mcnemar.mean == pytest.approx(stats.chi2.sf(chi2, 1))
        assert both.low < seeds.mean < both.high
        unadjusted.append(p_both.mean)
    assert [line.cells[3].mean for line in table.models] == pytest.approx(holm(unadjusted))
    assert [heading for heading, _ in table.groups] == ["Difference", "Decides", "Beside it, p"]


def test_many_rows_are_compared_with_the_best_alone() -> None:
    rates = np.linspace(0.2, 0.8, MOST_ROWS + 1)
    table = comparison_table(SUBJECT, [_row(f"r{i}", rate) for i, rate in enumerate(rates)])
    assert len(table.models) == MOST_ROWS
    assert {row.label.split(" − ")[0] for row in table.models} == {f"r{MOST_ROWS}"}
    assert "55 pairs" in table.notes[0]
    smallest = min(table.models, key=lambda row: row.cells[2].mean)
    assert smallest.cells[3].mean == pytest.approx(55 * smallest.cells[2].mean)


def test_one_seed_each_is_compared_by_patients_alone() -> None:
    table = comparison_table(SUBJECT, [_row("a", 0.7, (0,)), _row("b", 0.3, (0,))])
    seeds, both, p_both, adjusted, t_test, signs, mcnemar = table.models[0].cells
    assert seeds.half_width is None
    assert [cell.mean for cell in (both, t_test, p_both, adjusted)] == [None] * 4
    assert signs.text == "1.000 (1.000)"
    assert mcnemar.mean < 0.01


def test_rows_without_a_common_seed_are_not_compared() -> None:
    assert comparison_table(SUBJECT, [_row("a", 0.7, (0,)), _row("b", 0.3, (1,))]) is None
    assert comparison_table(SUBJECT, [_row("a", 0.7)]) is None


def test_trials_of_different_units_cannot_share_a_row(example) -> None:
    loaded = example.load()
    example.fill(loaded)
    other = example.store.folder(loaded.grid.trials[1].id).cam_units(NATIVE)
    table = example.units((True,) * 4).assign(patient=["p", "q", "q", "q"])
    write_table(other, table, tuple(table.columns))
    results = Results(loaded.grid, example.store)
    first = rows_by_metric(results.places[0], results)[0].rows[0]
    with pytest.raises(ResultsError, match=loaded.grid.trials[1].id) as raised:
        _ = first.units
    assert raised.value.place == first.label


def test_rows_come_in_the_suites_order_with_their_seeds_and_columns(filled) -> None:
    results = Results(filled.load().grid, filled.store)
    rows = rows_by_metric(results.places[0], results)[0].rows
    found = [(row.label, tuple(row.in_column("weighted").by_seed)) for row in rows]
    assert found[:3] == [("PYLON", (0, 1, 2)), ("UP1", (0, 1, 2)), ("50% | A_vg & more", (0, 1))]
    assert rows[0].units.units.images.tolist() == ["a.png", "b.png", "b.png", "c.png"]
    assert rows[0].in_column("Hernia").by_seed == {}
    assert not rows[3].scored
