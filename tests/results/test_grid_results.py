"""The results of a grid as one frame."""

import numpy as np
import pytest

from bench.results.grid_results import Results
from bench.results.store import ResultsStore
from bench.results.units import writing_maps
from bench.suite.cam import NATIVE
from bench.suite.load import load_suite
from bench.suite.metrics import AUROC, METRICS, POINT_ACCURACY

SUITE = """\
models: [pylon, baseline]
datasets: [phantom, {name: phantom, seed: 1}]
resolutions: [64, 96]
seeds: [0, 1]
cams: [native, grad_cam]
"""

HITS = {("a", "p", "Mass"): True, ("b", "q", "Mass"): False}


@pytest.fixture
def results(tmp_path, finish_trial) -> Results:
    """The first model's trials are finished, without Grad-CAM."""
    path = tmp_path / "frame.yaml"
    path.write_text(SUITE, encoding="utf-8")
    grid, store = load_suite(path).grid, ResultsStore(tmp_path / "results")
    for trial in grid.trials:
        if trial.model == "pylon":
            finish_trial(store, trial, HITS)
    return Results(grid, store)


def test_places_are_data_sets_and_resolutions_in_the_order_of_the_grid(results):
    found = [(place.dataset, place.resolution) for place in results.places]
    assert found == [(name, px) for name in ("phantom", "phantom (seed 1)") for px in (64, 96)]


def test_a_metric_of_maps_has_a_row_for_each_map_one_of_the_model_a_row_for_each_model(results):
    place = results.places[0]
    assert list(place.rows(POINT_ACCURACY)) == [
        "PYLON",
        "PYLON [Grad-CAM]",
        "Baseline",
        "Baseline [Grad-CAM]",
    ]
    assert list(place.rows(AUROC)) == ["PYLON", "Baseline"]
    assert all(point.cam == NATIVE for row in place.rows(AUROC).values() for point in row)


def test_trials_have_a_row_for_each_value_of_what_is_finished(results):
    frame = results.trials
    assert set(frame["metric"]) <= set(METRICS)
    assert set(frame["model"]) == {"PYLON"}
    assert set(frame["cam"]) == {NATIVE}
    weighted = frame[(frame["metric"] == POINT_ACCURACY.name) & (frame["column"] == "weighted")]
    assert len(weighted) == 8
    assert weighted["value"].to_list() == [0.5] * 8
    by_seed = weighted.groupby(["dataset", "resolution"])["seed"].apply(list)
    assert by_seed.to_list() == [[0, 1]] * 4
    for trial_id, value in zip(weighted["trial_id"], weighted["value"], strict=True):
        units = results.units[results.units["trial_id"] == trial_id]
        assert units["hit"].mean() == value


def test_values_are_those_of_the_points_that_have_them_by_seed(results):
    rows = results.places[0].rows(POINT_ACCURACY)
    values = results.values(rows["PYLON"], POINT_ACCURACY, "Mass")
    assert {seed: one.value for seed, one in values.items()} == {0: 0.5, 1: 0.5}
    assert [one.trial_id for one in values.values()] == [point.trial.id for point in rows["PYLON"]]
    assert results.values(rows["PYLON [Grad-CAM]"], POINT_ACCURACY, "Mass") == {}
    assert results.values(rows["Baseline"], POINT_ACCURACY, "Mass") == {}


def test_what_has_no_results_is_told_with_its_reason(results):
    trial = results.points[-1].trial
    results.store.announce(trial)
    results.store.fail(trial, "RuntimeError: boom")
    (failed, missing) = Results(results.points, results.store).gaps(results.points)
    assert failed == f"Failed: {trial.id}."
    assert missing.startswith("Not finished: ")
    assert "[Grad-CAM]" in missing


def test_maps_come_one_by_one_in_the_order_of_units(results):
    trial_id = results.points[0].trial.id
    path = results.store.folder(trial_id).cam_maps(NATIVE)
    path.parent.mkdir(exist_ok=True)
    with writing_maps(path) as keep:
        for value in range(2):
            keep(np.full((2, 2), value, np.float32))
    assert [float(found.mean()) for found in results.maps(trial_id)] == [0, 1]
