"""`bench.read_results`, `compare` and `rescore`: what came out, from a script."""

import pandas as pd
import pytest

import bench
from bench.errors import ResultsError, SuiteError
from bench.results.store import ResultsStore


def test_values_of_the_frame_are_those_of_the_records(place):
    suite, store = bench.load_suite(place.suite), ResultsStore(place.results)
    values = bench.read_results(suite, place.results).trials.set_index(["trial_id", "metric", "column"])[
        "value"
    ]
    for trial in suite.grid.trials:
        recorded = store.record(trial.id).outcome.metrics | store.evaluation(trial.id, "native").metrics
        own = {f"{metric}/{column}": value for (metric, column), value in values[trial.id].items()}
        assert own == recorded


def test_a_metric_is_the_mean_of_its_units(place):
    results = bench.read_results(place.suite, place.results, only="model=pylon", seeds=[0])
    (value,) = results.trials.query("metric == 'point_accuracy' and column == 'weighted'")["value"]
    assert results.units["hit"].mean() == pytest.approx(value)
    assert len(list(results.maps(results.trials["trial_id"][0]))) == len(results.units)


def test_results_that_are_not_there_are_empty_frames(place, tmp_path):
    results = bench.read_results(place.suite, tmp_path / "nothing")
    assert results.trials.empty
    assert results.units.empty
    assert {"model", "metric", "value"} <= set(results.trials.columns)


def test_a_comparison_is_the_difference_of_two_rows(place):
    comparison = bench.compare(place.suite, "PYLON", "Baseline", results_dir=place.results)
    trials = bench.read_results(place.suite, place.results).trials
    points = (
        trials.query("metric == 'point_accuracy' and column == 'weighted'").groupby("model")["value"].mean()
    )
    assert comparison.difference == pytest.approx(points["PYLON"] - points["Baseline"])
    assert set(comparison.units["seed"]) == {0, 1}


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (("PYLON", "pylon"), "PYLON"),
        (("PYLON", "Baselin"), "did you mean 'Baseline'"),
        (("PYLON", "Baseline", "point_acuracy"), "did you mean 'point_accuracy'"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(place, words, fact):
    with pytest.raises(SuiteError, match=fact):
        bench.compare(place.suite, *words, results_dir=place.results)


def test_nothing_to_compare_is_one_sentence(place, tmp_path):
    with pytest.raises(ResultsError, match="no finished trial"):
        bench.compare(place.suite, "PYLON", "Baseline", results_dir=tmp_path)


def test_maps_are_scored_by_another_protocol_beside_the_thesis(place):
    same = bench.rescore(place.suite, results_dir=place.results).frame
    assert (same["difference"] == 0).all()
    wide = bench.rescore(place.suite, only="model=pylon", tolerance_px=40, results_dir=place.results).frame
    columns = ["metric", "column"]
    points = wide.set_index(columns).loc[("point_accuracy", "weighted")]
    assert points["difference"] == pytest.approx(points["chosen"] - points["default"]) != 0
    default = same.query("model == 'PYLON'").set_index(columns)["default"]
    pd.testing.assert_series_equal(wide.set_index(columns)["default"], default)


@pytest.mark.parametrize(
    ("choices", "where", "value"),
    [
        ({"tolerance": 15}, None, "tolerance"),
        ({"ties": "lst"}, "ties", "lst"),
        ({"iobb": "much"}, "iobb", "much"),
        ({"grid": 0}, "grid", 0),
        ({"align_corners": "yes"}, "align_corners", "yes"),
    ],
)
def test_a_choice_that_there_is_not_is_one_sentence(place, choices, where, value):
    with pytest.raises(SuiteError) as error:
        bench.rescore(place.suite, results_dir=place.results, **choices)
    assert (error.value.place, error.value.value) == (where, value)
    assert "\n" not in str(error.value)


def test_maps_are_scored_by_another_annotation_from_a_script(place, tmp_path):
    results = bench.read_results(place.suite, place.results, only="model=pylon")
    boxes = results.boxes_of(results.points[0].trial.id).rename(columns={"w": "width", "h": "height"})
    second = boxes[boxes["finding"] == boxes["finding"].iloc[0]]
    second[["image", "finding", "x", "y", "width", "height"]].to_csv(tmp_path / "second.csv", index=False)
    annotation = f"second={tmp_path / 'second.csv'}"
    found = bench.rescore(
        place.suite, results_dir=place.results, annotation=annotation, metrics="point_accuracy", iobb=0.1
    )
    assert set(found.frame["metric"]) == {"point_accuracy"}
    assert (found.frame["difference"] == 0).all()
    num_units = len(second[["image", "finding"]].drop_duplicates())
    assert set(found.frame["num_units"]) == {num_units}
    assert found.readings[0].both == num_units


@pytest.mark.parametrize(
    "words",
    [{"metrics": "auroc"}, {"references": "nobody"}, {"annotation": "second"}, {"metrics": ["a", "b"]}],
)
def test_what_maps_cannot_be_scored_by_is_one_sentence(place, words):
    with pytest.raises(SuiteError) as error:
        bench.rescore(place.suite, results_dir=place.results, **words)
    assert "\n" not in str(error.value)


def test_nothing_to_rescore_is_one_sentence(tmp_path):
    with pytest.raises(SuiteError, match="reference"):
        bench.rescore(results_dir=tmp_path)
