"""docs/adding-a-metric.md is followed outside of bench, and its metric is used wherever any is."""

import csv
import json
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

PAGE = "adding-a-metric.md"
METRIC = "contrast"
CONTRAST = "my_package.contrast:CONTRAST"


@pytest.fixture(scope="module")
def example(outside, blocks):
    """The page's metric in a package of its own, and its suite."""
    (file,), (suite,) = blocks(PAGE, "python"), blocks(PAGE, "yaml")
    outside.add("my_package/contrast.py", file)
    outside.add("contrast.yaml", suite)
    return outside


@pytest.fixture(scope="module")
def ran(example):
    """What the suite printed when it ran."""
    return example.bench("run contrast.yaml --serial")


def _cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_metric_passes_the_checks_that_benchs_own_pass(example):
    told = example.bench(f"list metrics {CONTRAST} --check").splitlines()
    assert len(told) >= 12
    assert all(line.startswith(f"{METRIC}: passed") for line in told)


def test_the_metric_has_a_table_with_a_row_for_each_map(ran, example):
    assert "Contrast of the region, phantom, 64 px" in ran
    cells = _cells(example.folder / "reports" / "contrast" / f"{METRIC}-phantom-64px.csv")
    means = {
        (cell["row"], cell["cam"]): float(cell["mean"])
        for cell in cells
        if cell["kind"] == "model" and cell["column"] == "Weighted avg."
    }
    assert {("PYLON", "native"), ("PYLON [Grad-CAM]", "grad_cam")} <= means.keys()
    assert all(0 < mean < 1 for mean in means.values())


def test_claims_on_it_are_decided_by_its_margin(ran, example):
    judged = json.loads(example.bench("verify contrast.yaml --json"))
    claims = [claim for suite in judged["suites"] for claim in suite["claims"]]
    assert {claim["metric"] for claim in claims} == {METRIC}
    assert {claim["margin"] for claim in claims} == {None, 0.02}
    facts = _cells(example.folder / "reports" / "contrast" / "claims.csv")
    assert all(fact["num_seeds"] == "2" and fact["effect"] for fact in facts)
    assert "contrast of the region" in facts[0]["statement"]


def test_its_cells_are_traced_to_trials_and_units(ran, example):
    table = f"reports/contrast/{METRIC}-phantom-64px.csv"
    shown = example.bench(f"show {table} --row PYLON --column macro")
    assert "their tables of units give the same as their records" in shown


def test_stored_maps_are_scored_by_it_with_another_protocol(ran, example):
    rows = json.loads(example.bench("rescore contrast.yaml --grid 32 --json"))["rows"]
    own = [row for row in rows if (row["metric"], row["column"]) == (METRIC, "weighted")]
    assert {row["model"] for row in own} >= {"PYLON", "PYLON [Grad-CAM]"}
    assert any(row["difference"]["mean"] != 0 for row in own)


def test_rows_are_compared_by_it_unit_by_unit(ran, example):
    words = f"compare contrast.yaml PYLON Baseline --only cam=native --metric {METRIC}"
    found = json.loads(example.bench(f"{words} --json --csv units.csv"))
    assert found["metric"] == METRIC
    assert found["difference"]["over_seeds_and_patients"] is not None
    assert found["difference"]["mcnemar_clustered"] is None
    units = _cells(example.folder / "units.csv")
    by_hand = sum(float(unit["first"]) - float(unit["second"]) for unit in units) / len(units)
    assert found["difference"]["mean"] == pytest.approx(by_hand)
    assert "contrast of the region" in example.bench(words)


def test_mlflow_has_it_of_each_trial_and_map(ran, example):
    client = MlflowClient(f"sqlite:///{next(example.folder.glob('results/**/mlflow.db'))}")
    (experiment,) = client.search_experiments(filter_string="name = 'contrast'")
    runs = client.search_runs([experiment.experiment_id], "tags.trial_id != ''")
    for run in runs:
        assert {f"{METRIC}/weighted", f"grad_cam/{METRIC}/macro"} <= run.data.metrics.keys()


def test_mistakes_on_it_are_told_with_the_name_that_is_meant(example):
    assert METRIC in example.bench("plan contrast.yaml --set margins.contras=0.1", expected=2)
    assert METRIC in example.bench("plan contrast.yaml --set claims.0.metric=contras", expected=2)
    assert METRIC in example.bench("compare contrast.yaml PYLON Baseline --metric contras", expected=2)


def test_trials_of_a_suite_that_does_not_name_it_are_rescored_by_one_that_does(example):
    without = "--set claims=[] --set margins={} --set seeds=[7] --set models=[baseline] --set cams=[native]"
    printed = example.bench(f"run contrast.yaml --serial --no-mlflow --set metrics=[] {without}")
    assert "Contrast of the region" not in printed
    example.bench(f"rescore contrast.yaml {without}")
    rows = json.loads(example.bench(f"rescore contrast.yaml {without} --json"))["rows"]
    assert METRIC in {row["metric"] for row in rows}
