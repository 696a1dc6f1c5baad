"""The thesis' tables of trials that were not all made alike."""

import json

import pytest

from bench.errors import ResultsError
from bench.reporting.thesis.report import render_thesis
from bench.suite.find import suites_in
from bench.suite.load import load_suite

from .conftest import SUITES

METRICS = {f"point_accuracy/{name}": 0.5 for name in ("weighted", "macro", "Mass")}


@pytest.fixture
def filled(finish, new_store):
    """Two seeds of two suites that share a table: the store, and what changes a provenance."""
    store = new_store()
    points = [
        point
        for name in ("nih_256", "nih_512")
        for point in load_suite(SUITES / f"{name}.yaml").grid.points
        if point.label == "PYLON" and point.trial.seed < 2
    ]
    for point in points:
        finish(store, point.trial, METRICS | {"auroc/weighted": 0.75})

    def change(index: int, **provenance: str) -> str:
        path = store.folder(points[index].trial.id).record
        document = json.loads(path.read_text())
        document["outcome"]["provenance"] |= provenance
        path.write_text(json.dumps(document))
        return points[index].trial.id

    return store, change


@pytest.mark.parametrize("other", [1, 2], ids=["of a row", "of another suite"])
def test_tables_of_different_data_are_refused(filled, other):
    store, change = filled
    names = change(0, data="sha256:" + "a" * 64), change(other, data="sha256:" + "b" * 64)
    with pytest.raises(ResultsError) as caught:
        render_thesis(suites_in(SUITES), store)
    assert all(name in str(caught.value) for name in names)


def test_what_else_differs_stands_below_the_tables_that_have_it(filled):
    store, change = filled
    changed = change(1, git_commit="abcdef012345")
    files = render_thesis(suites_in(SUITES), store).files
    for form in ("ours", "beside", "compact"):
        assert changed in files[f"{form}/table-5-1-{form}.md"]
        assert "abcdef012345" in files[f"{form}/table-5-1-{form}.tex"]
        assert "abcdef012345" in files[f"{form}/table-5-1-{form}.html"]
        assert "abcdef012345" not in files[f"{form}/table-5-3-{form}.md"]
