"""docs/adding-a-cam.md is followed in a copy of the package, and its map is used wherever maps are."""

import json
from pathlib import Path

import pytest

PAGE = "adding-a-cam.md"
CONFORMANCE = Path(__file__).parents[1] / "evaluation" / "test_cam_conformance.py"
LABEL = "PYLON [Integrated Grad-CAM]"


@pytest.fixture(scope="module")
def example(copy, blocks):
    """The copy with the page's map, and its suite."""
    file, line = blocks(PAGE, "python")
    copy.add("bench/evaluation/integrated_grad_cam.py", file)
    opening = "_OWN: dict[str, Cam] = {\n"
    copy.replace("bench/suite/cam.py", opening, opening + line)
    (suite,) = blocks(PAGE, "yaml")
    (copy.folder / "integrated.yaml").write_text(suite, encoding="utf-8")
    return copy


@pytest.fixture(scope="module")
def ran(example):
    """What the suite printed when it ran."""
    return example.bench("run integrated.yaml --serial --no-mlflow")


@pytest.mark.slow
def test_the_map_passes_the_conformance_suite_by_its_line_alone(example):
    printed = example.pytest(CONFORMANCE, "integrated_grad_cam")
    assert "[integrated_grad_cam-units of a batch do not see each other] PASSED" in printed


@pytest.mark.slow
def test_the_map_has_rows_of_the_tables_and_decides_a_claim(ran, example):
    assert f"| {LABEL} " in ran
    folder = example.folder / "reports" / "integrated"
    for metric in ("point_accuracy", "iobb_accuracy"):
        assert f",{LABEL}," in (folder / f"{metric}-phantom-64px.csv").read_text(encoding="utf-8")
    assert f"{LABEL} gains over PYLON" in example.bench("verify integrated.yaml")


@pytest.mark.slow
def test_stored_maps_are_scored_again_by_another_protocol(ran, example):
    printed = example.bench("rescore integrated.yaml --ties mean --json")
    assert LABEL in {row["model"] for row in json.loads(printed)["rows"]}


@pytest.mark.slow
def test_a_map_that_bench_computes_names_no_library(ran, example):
    (path, *_) = (example.folder / "results" / "trials").glob("*/cams/integrated_grad_cam.json")
    assert "grad-cam" not in json.loads(path.read_text("utf-8"))["provenance"]["packages"]


def test_suites_their_schema_and_their_mistakes_know_the_map(example):
    schema = json.loads(example.bench("list schema"))
    assert "integrated_grad_cam" in schema["properties"]["cams"]["items"]["anyOf"][0]["enum"]
    plan = "plan integrated.yaml --set cams=[integrated_grad_can]"
    assert "did you mean 'integrated_grad_cam'" in example.bench(plan, expected=2)
