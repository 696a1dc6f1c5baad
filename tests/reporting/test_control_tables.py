"""Rows against controls: gains, marks, and the table of what tuning thresholds would have added."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from records import THESIS_COLUMNS

from bench.metrics.measure import measure_of
from bench.reporting.tables.build import build_tables
from bench.reporting.tables.controls import Control, best_of, gain_over, is_beaten
from bench.reporting.tables.table import UNDECIDED, Table
from bench.reporting.verdicts import judge
from bench.results.grid_results import Results
from bench.results.units import BOX_COLUMNS, write_table
from bench.statistics.scores import ColumnScores
from bench.statistics.unit_scores import ReducedScores, UnitScores, scores_of, scores_of_statistic
from bench.suite.metrics import METRICS, POINT_ACCURACY, PXAP, TOUCHING_AREA, Metric

PATIENTS, UNITS = 60, 120
NAMES = pd.DataFrame(
    {
        "image": [f"{unit:03}.png" for unit in range(UNITS)],
        "patient": np.repeat([f"p{patient:02}" for patient in range(PATIENTS)], 2),
        "finding": np.tile(["Mass", "Nodule"], PATIENTS),
    }
)


def _hits(rate: float, draw: int) -> np.ndarray:
    return (np.random.default_rng(draw).random((UNITS, 1)) < rate).astype(float)


def _control(name: str, statistic: np.ndarray, metric: Metric = POINT_ACCURACY) -> Control:
    return Control(name, scores_of_statistic(NAMES, statistic, measure_of(metric.name)))


def _row(units: UnitScores, num_seeds: int) -> ColumnScores:
    by_seed = dict(enumerate(units.values("weighted").tolist()))
    return ColumnScores("PYLON", by_seed, tuple(f"t{i}" for i in range(num_seeds)), lambda: units)


def _model(rate: float, num_seeds: int = 3) -> ColumnScores:
    tables = [NAMES.assign(hit=_hits(rate, 10 + seed)[:, 0]) for seed in range(num_seeds)]
    return _row(scores_of(tables, measure_of("point_accuracy")), num_seeds)


@pytest.mark.parametrize("num_seeds", [1, 3])
def test_a_control_is_beaten_if_a_row_is_shown_to_be_better(num_seeds: int) -> None:
    control = _control("prior", _hits(0.4, 0))
    assert is_beaten(control, [_model(0.7, num_seeds)], POINT_ACCURACY) is True
    assert is_beaten(control, [_model(0.1, num_seeds)], POINT_ACCURACY) is False
    assert is_beaten(control, [_model(0.42, num_seeds)], POINT_ACCURACY) is False
    assert is_beaten(control, [_model(0.1, num_seeds), _model(0.7, num_seeds)], POINT_ACCURACY) is True


def test_what_cannot_be_tested_is_neither_beaten_nor_not() -> None:
    control = _control("prior", _hits(0.4, 0))
    without_units = ColumnScores("PYLON", {0: 0.9, 1: 0.8}, ("t0", "t1"))
    assert is_beaten(control, [without_units], POINT_ACCURACY) is None
    assert is_beaten(control, [], POINT_ACCURACY) is None


def _ranks(scale: float, draw: int) -> np.ndarray:
    return np.random.default_rng(draw).random((UNITS, 1)) * scale


def _areas(scale: float) -> ColumnScores:
    tables = [NAMES.assign(touch_rank=_ranks(scale, 10 + seed)[:, 0]) for seed in range(3)]
    return _row(scores_of(tables, measure_of("touching_area")), 3)


def test_of_an_area_the_smaller_one_is_better() -> None:
    control = _control("prior", _ranks(0.5, 0), TOUCHING_AREA)
    large = _control("random", _ranks(1.0, 1), TOUCHING_AREA)
    assert best_of([large, control], TOUCHING_AREA) is control
    assert is_beaten(control, [_areas(0.1)], TOUCHING_AREA) is True
    assert is_beaten(control, [_areas(0.9)], TOUCHING_AREA) is False


@pytest.mark.parametrize("average", ["weighted", "macro"])
def test_a_metric_that_is_no_mean_is_subtracted_in_each_sample_of_patients(average: str) -> None:
    measure = measure_of("touching_area")
    control, row = _control("prior", _ranks(0.5, 0), TOUCHING_AREA), _areas(0.3)
    difference = replace(row, average=average).minus_control(replace(control.weighted, average=average))
    times = np.random.default_rng(2).integers(0, 3, (4, PATIENTS)).astype(float)
    assert isinstance(difference.units, ReducedScores)
    found = difference.units.resampled(average, times)
    weights = times[:, np.repeat(np.arange(PATIENTS), 2)]
    parts = [NAMES["finding"] == name for name in ("Mass", "Nodule")]
    parts = [np.full(UNITS, True)] if average == "weighted" else parts

    def mean_of(ranks: np.ndarray) -> np.ndarray:
        return np.mean([measure.reduce(ranks[own], weights[:, own]) for own in parts], axis=0)

    for seed in range(3):
        expected = mean_of(_ranks(0.3, 10 + seed)) - mean_of(_ranks(0.5, 0))
        assert found[:, seed] == pytest.approx(expected)
    assert difference.values == pytest.approx(
        [value - control.units.values(average)[0] for value in row.units.values(average)]
    )


def test_the_gain_of_pixel_precision_has_an_interval() -> None:
    random = np.random.default_rng(0)
    above = np.sort(random.integers(1, 60, (UNITS, 100)), axis=1)[:, ::-1]
    few, many = (
        np.minimum(above, np.sort(random.integers(0, most, (UNITS, 100)), axis=1)[:, ::-1])
        for most in (10, 40)
    )
    model, control = (np.column_stack([np.full(UNITS, 40), above, both]) for both in (many, few))
    row = _row(scores_of_statistic(NAMES, model.astype(float), measure_of("pxap")), 1)
    gain = gain_over(_control("prior", control.astype(float), PXAP).weighted, row)
    assert 0 < gain.low < gain.mean < gain.high


TWO = "models: [pylon, baseline]\ndatasets: [phantom]\nresolutions: [64]\nseeds: [0, 1, 2]\n"
CLAIM = TWO + "claims:\n  - {superior: PYLON, to: Baseline}\n  - {equivalent: [PYLON, Baseline]}\n"


def _finish(example, is_same_place: bool, rates: dict[str, float]):
    """Finishes trials on boxes that are all in one place, where the prior map is, or all elsewhere."""
    loaded, place = example.load(CLAIM), np.arange(UNITS)
    corners = {"x": place * 7 % 61, "y": place * 11 % 61} if not is_same_place else {"x": 9.0, "y": 20.0}
    boxes = NAMES.assign(**corners, w=2.0, h=2.0, width_px=64, height_px=64)
    for point in loaded.grid.points:
        hits = _hits(rates[point.label], 20 + point.trial.seed)[:, 0]
        units = NAMES.assign(**dict.fromkeys(THESIS_COLUMNS[3:], 0)).assign(hit=hits == 1)
        example.finish(point, {"point_accuracy/weighted": float(hits.mean())})
        folder = example.store.folder(point.trial.id)
        write_table(folder.cam_units("native"), units[list(THESIS_COLUMNS)], THESIS_COLUMNS)
        write_table(folder.boxes, boxes[list(BOX_COLUMNS)].astype({"x": float, "y": float}), BOX_COLUMNS)
    return loaded


def _table(tables: tuple[Table, ...], kind: str) -> Table:
    return next(table for table in tables if table.subject.kind == kind)


def test_a_metric_on_which_the_prior_map_wins_is_marked_and_bears_no_claim_to_be_superior(example) -> None:
    loaded = _finish(example, True, {"PYLON": 0.8, "Baseline": 0.2})
    results = Results(loaded.grid, example.store)
    tables = build_tables(results)
    summary = _table(tables, "summary")
    assert [column.marks for column in summary.columns] == ["§", ""]
    assert summary.footnotes == (UNDECIDED,)
    prior = next(row for row in summary.references if row.label == "Prior map")
    assert prior.cells[0].mean == 1
    assert prior.cells[1].text == "all"
    assert UNDECIDED.text in _table(tables, "metric").caption
    superior, equivalent = judge(loaded.claims, results)
    assert superior.verdict == "not decidable by this metric"
    assert superior.comparisons[0].adjusted_p < 0.05  # PYLON is better than Baseline, for what that is worth
    assert equivalent.verdict == "refuted"


def test_a_metric_on_which_a_row_beats_all_controls_has_no_mark(example) -> None:
    loaded = _finish(example, False, {"PYLON": 0.8, "Baseline": 0.2})
    results = Results(loaded.grid, example.store)
    tables = build_tables(results)
    assert not any(column.marks for column in _table(tables, "summary").columns)
    assert UNDECIDED.text not in _table(tables, "metric").caption
    assert [claim.verdict for claim in judge(loaded.claims, results)] == ["supported", "refuted"]


def test_thresholds_stand_beside_what_tuning_would_have_added(example) -> None:
    """By brute force over thresholds; the gain is the mean over units and seeds."""
    loaded, columns = example.load(TWO), (*THESIS_COLUMNS, "box_iou")
    metric, found = METRICS["max_box_acc"], []
    peaks = np.where(NAMES["finding"] == "Mass", 20, 70)[:, None]
    for point in loaded.grid.select(["model=PYLON"], None).points:
        random = np.random.default_rng(point.trial.seed)
        ious = (0.9 - abs(np.arange(100) - peaks) / 60 * random.random((UNITS, 1))).clip(0, 1)
        units = NAMES.assign(**dict.fromkeys(THESIS_COLUMNS[3:], 0), box_iou=list(ious.astype(np.float32)))
        crossed = measure_of(metric.name).statistic(units)[:, 0]
        found.append((ious >= 0.5, crossed))
        example.finish(point, {metric.key("weighted"): float(crossed.mean())})
        folder = example.store.folder(point.trial.id)
        boxes = NAMES.assign(x=1.0, y=1.0, w=2.0, h=2.0, width_px=64, height_px=64)
        write_table(folder.cam_units("native"), units[list(columns)], columns)
        write_table(folder.boxes, boxes[list(BOX_COLUMNS)], BOX_COLUMNS)
    table = _table(build_tables(Results(loaded.grid, example.store)), "thresholds")
    (row,) = table.models
    mass = (NAMES["finding"] == "Mass").to_numpy()
    expected = [
        [
            hits[:, 50].mean(),
            crossed.mean(),
            max(hits[:, t].mean() for t in range(100)),
            sum(max(hits[own, t].sum() for t in range(100)) for own in (mass, ~mass)) / UNITS,
        ]
        for hits, crossed in found
    ]
    assert [cell.mean for cell in row.cells[:4]] == pytest.approx(np.mean(expected, axis=0).tolist())
    gain = np.mean(expected, axis=0)[2] - np.mean(expected, axis=0)[1]
    assert row.cells[4].mean == pytest.approx(gain)
    assert row.cells[4].low <= gain <= row.cells[4].high
    assert row.section == metric.title
    assert not any(cell.is_best for cell in row.cells)
    assert [group for group, _ in table.groups[:2]] == ["Boxes used: none", "Boxes used: 96 of others"]
    summary = _table(build_tables(Results(loaded.grid, example.store)), "summary")
    assert summary.models[0].cells[-1].text == "96"
