"""What is recorded of results that stand together and is not the same for all of them."""

import pytest
from records import finish_whole

from bench.errors import ResultsError
from bench.results.differences import (
    data_notes,
    difference_notes,
    differences,
    differences_of,
    require_same_data,
    require_same_data_of_all,
)
from bench.results.provenance import Arithmetic
from bench.results.record import CamEvaluation, Outcome
from bench.results.store import ResultsStore
from bench.suite.load import load_suite

SUITE = """\
models: [pylon, baseline]
datasets: [nih]
resolutions: [64]
seeds: [0, 1]
cams: [native, grad_cam]
"""
ONE, OTHER = ("sha256:" + letter * 64 for letter in "ab")
ARITHMETIC = Arithmetic(
    training="float32",
    scoring="float32",
    tf32=False,
    memory_format="channels_last",
    images_at_once=8,
    compiled=False,
    optimizer="Adam",
    num_threads=1,
    cuda=None,
    cudnn=None,
    nondeterministic=(),
)


@pytest.fixture
def loaded(tmp_path):
    (tmp_path / "mine.yaml").write_text(SUITE)
    return load_suite(tmp_path / "mine.yaml")


@pytest.fixture
def finish(tmp_path, provenance):
    store = ResultsStore(tmp_path / "results")

    def finish(trial, findings=("Mass", "Nodule"), **place) -> ResultsStore:
        outcome = Outcome(
            metrics={},
            best_epoch=1,
            num_epochs=1,
            duration_s=1.0,
            notes=(),
            findings=findings,
            provenance=provenance.model_copy(update={"data": ONE, "arithmetic": ARITHMETIC} | place),
        )
        store.announce(trial)
        finish_whole(store, trial, outcome)
        return store

    return finish


def facts(loaded, store) -> dict[str, dict[str, tuple[str, ...]]]:
    return {one.fact: dict(one.by_value) for one in differences_of(loaded.grid.points, store)}


def test_facts_are_grouped_by_value_the_most_frequent_first():
    found = differences({"a": {"x": "1", "y": "2"}, "b": {"x": "3"}, "c": {"x": "3", "y": "2"}})
    assert {one.fact: dict(one.by_value) for one in found} == {
        "x": {"3": ("b", "c"), "1": ("a",)},
        "y": {"2": ("a", "c"), "not recorded": ("b",)},
    }
    assert [one.is_known for one in found] == [True, False]
    assert differences({"a": {"x": "1"}, "b": {"x": "1"}}) == ()
    assert differences({}) == ()


@pytest.mark.parametrize(
    ("place", "fact"),
    [
        ({"data": OTHER}, "data"),
        ({"git_commit": "abc+"}, "git_commit"),
        ({"packages": {"torch": "2"}}, "packages.torch"),
        ({"python": "3.12.0"}, "python"),
        ({"bench": "9"}, "bench"),
        ({"platform": "other"}, "platform"),
        ({"device": "H100"}, "device"),
        ({"precision": "float16"}, "precision"),
        ({"num_threads": 7}, "num_threads"),
        ({"arithmetic": ARITHMETIC.model_copy(update={"tf32": True})}, "arithmetic.tf32"),
        ({"findings": ("Nodule", "Mass")}, "findings"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_recorded_fact_is_compared(loaded, finish, place, fact):
    first, *others = loaded.grid.trials
    for trial in others:
        finish(trial)
    store = finish(first, **place)
    found = facts(loaded, store)
    assert found.keys() == {fact}
    assert list(found[fact].values()) == [tuple(trial.id for trial in others), (first.id,)]
    (note,) = difference_notes(loaded.grid.points, store)
    assert first.id in note


def test_operations_that_a_model_has_by_nature_are_no_difference(loaded, finish):
    other = ARITHMETIC.model_copy(update={"nondeterministic": ("upsample",)})
    finish(loaded.grid.trials[0])
    assert facts(loaded, finish(loaded.grid.trials[1], arithmetic=other)) == {}


def test_drawn_data_and_trials_that_are_not_finished_are_equal(loaded, finish):
    first, second, third, _ = loaded.grid.trials
    finish(first, data=None)
    store = finish(second, data=None)
    store.fail(third, "boom")
    assert facts(loaded, store) == {}
    require_same_data(loaded.grid.points, store, {})


def test_known_data_is_refused_and_unknown_data_told(loaded, finish):
    first, second, *_ = loaded.grid.trials
    finish(first)
    store = finish(second, data=None)
    require_same_data(loaded.grid.points, store, {})
    assert facts(loaded, store).keys() == {"data"}
    key = first.dataset.model_dump_json()
    with pytest.raises(ResultsError, match=first.id):
        require_same_data(loaded.grid.points, store, {}, {key: OTHER})
    require_same_data(loaded.grid.points, store, {key: {"data_differ"}}, {key: OTHER})
    require_same_data(loaded.grid.points, store, {}, {key: ONE})


def test_maps_count_as_results_of_their_own(loaded, finish, provenance):
    trial = loaded.grid.trials[0]
    store = finish(trial)
    place = provenance.model_copy(update={"data": OTHER})
    evaluation = CamEvaluation(method="grad_cam", status="finished", provenance=place, ended_at="2026-01-01")
    store.evaluated(trial.id, evaluation)
    with pytest.raises(ResultsError, match=r"\[Grad-CAM\]"):
        require_same_data(loaded.grid.points, store, {})
    require_same_data([point for point in loaded.grid.points if point.cam == "native"], store, {})


def test_what_trials_start_from_counts_too(tmp_path, finish, loaded):
    (tmp_path / "tuned.yaml").write_text(
        "models: [{name: pylon, init: {from: mine, model: pylon}}]\ndatasets: [phantom]\nresolutions: [64]\n"
        "seeds: [0, 1]\n"
    )
    tuned = load_suite(tmp_path / "tuned.yaml")
    first, second = (trial.init for trial in tuned.grid.trials)
    finish(first)
    store = finish(second, data=OTHER)
    with pytest.raises(ResultsError, match=second.id):
        require_same_data(tuned.points, store, tuned.grid.accepted)
    (tmp_path / "mine.yaml").write_text(f"{SUITE}accept: [data_differ]\n")
    accepting = load_suite(tmp_path / "tuned.yaml")
    require_same_data(accepting.points, store, accepting.grid.accepted)


def test_suites_of_one_table_are_held_against_each_other(tmp_path, finish, loaded):
    (tmp_path / "large.yaml").write_text(SUITE.replace("[64]", "[96]"))
    large = load_suite(tmp_path / "large.yaml")
    for trial in loaded.grid.trials:
        finish(trial)
    for trial in large.grid.trials:
        store = finish(trial, data=OTHER)
    for suite in (loaded, large):
        require_same_data(suite.points, store, suite.grid.accepted)
    with pytest.raises(ResultsError, match=large.grid.trials[0].id):
        require_same_data_of_all([loaded, large], store)
    (tmp_path / "large.yaml").write_text(SUITE.replace("[64]", "[96]") + "accept: [data_differ]\n")
    require_same_data_of_all([loaded, load_suite(tmp_path / "large.yaml")], store)


def test_a_folder_of_results_is_looked_through_by_data_set(loaded, finish):
    finish(loaded.grid.trials[0])
    store = finish(loaded.grid.trials[1], data=OTHER)
    records = [store.record(trial.id) for trial in loaded.grid.trials[:2]]
    (note,) = data_notes(records)
    assert ONE[:12] in note
    assert OTHER[:12] in note
    assert data_notes(records[:1]) == ()
