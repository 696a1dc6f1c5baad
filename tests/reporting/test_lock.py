"""The lock of a report: what it names, and what it does not depend on."""

import hashlib
import json
import shutil

import pytest

from bench.reporting.build import render_report
from bench.reporting.lock import LOCK, suite_digest
from bench.results.store import ResultsStore
from bench.suite.load import load_suite

TWO_SEEDS = "models: [pylon, baseline]\ndatasets: [phantom]\nresolutions: [64]\nseeds: [0, 1]\n"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def lock_of(loaded, store) -> dict:
    return json.loads(render_report(loaded, store).files[LOCK])


def test_every_other_file_of_the_report_has_its_digest(filled):
    report = render_report(filled.load(), filled.store)
    locked = json.loads(report.files[LOCK])["files"]
    assert locked == {name: sha256(text.encode()) for name, text in report.files.items() if name != LOCK}


def test_every_trial_has_its_state_and_the_digests_of_record_and_units(filled):
    loaded = filled.load()
    trials = {trial["id"]: trial for trial in lock_of(loaded, filled.store)["trials"]}
    assert list(trials) == [trial.id for trial in loaded.grid.trials]
    states = [trial["state"] for trial in trials.values()]
    assert {state: states.count(state) for state in states} == {"finished": 8, "failed": 1, "todo": 3}
    first = loaded.grid.trials[0].id
    folder = filled.store.folder(first)
    names = ("record.json", "boxes.parquet", "cams/native.json", "cams/native.parquet")
    assert trials[first]["files"] == {name: sha256((folder.path / name).read_bytes()) for name in names}
    assert trials[loaded.grid.trials[-1].id]["files"] == {}


def test_maps_beside_the_native_one_are_locked_where_they_are_asked_for(example):
    loaded = example.load(TWO_SEEDS + "cams: [native, grad_cam]\n")
    native, cam = loaded.grid.points[:2]
    example.finish(native, {"point_accuracy/weighted": 0.5})
    example.evaluate(cam, None)
    first = lock_of(loaded, example.store)["trials"][0]
    assert "cams/grad_cam.json" in first["files"]


def test_the_same_results_elsewhere_give_the_same_lock(filled, tmp_path):
    shutil.copytree(filled.store.root, tmp_path / "copy")
    text = render_report(filled.load(), filled.store).files[LOCK]
    assert render_report(filled.load(), ResultsStore(tmp_path / "copy")).files[LOCK] == text
    assert str(filled.folder) not in text


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ("resources: {cpu: 2}\n", True),
        ("title: Another\n", False),
        ("references: [authors_pylon_nih256]\n", False),
        ("recipe: {batch_size: 8}\n", False),
        ("claims: [{superior: PYLON, to: others}]\n", False),
    ],
)
def test_digest_of_the_suite_is_that_of_what_the_report_shows(example, change, is_same):
    before, after = (suite_digest(example.load(TWO_SEEDS + text)) for text in ("", change))
    assert (before == after) is is_same


def test_references_are_locked_by_their_files(example):
    loaded = example.load(TWO_SEEDS + "references: [authors_pylon_nih256]\n")
    locked = lock_of(loaded, example.store)["references"]["authors_pylon_nih256"]
    assert sorted(locked) == ["authors_hits_pylon_nih256_seed0.csv", "authors_seeds_pylon_nih256.csv"]


def test_trials_of_other_suites_that_claims_compare_are_locked_too(example):
    (example.folder / "other.yaml").write_text(TWO_SEEDS + "recipe: {batch_size: 8}\n")
    claims = "claims: [{superior: PYLON, to: {suite: other, model: PYLON}}]\n"
    loaded = example.load(TWO_SEEDS + claims)
    locked = {trial["id"] for trial in lock_of(loaded, example.store)["trials"]}
    theirs = {p.trial.id for p in load_suite(example.folder / "other.yaml").grid.points if p.label == "PYLON"}
    assert locked == {trial.id for trial in loaded.grid.trials} | theirs
