"""A written report against its results: whatever differs is told, and nothing else."""

import json
from dataclasses import replace

import pytest

from bench.reporting.build import render_report, write_report
from bench.reporting.check import check_report
from bench.reporting.lock import LOCK

SUITE = "models: [pylon, baseline]\ndatasets: [phantom]\nresolutions: [64]\nseeds: [0, 1]\n"


@pytest.fixture
def written(example):
    """A suite whose report was written."""
    loaded = example.load(SUITE)
    for point in loaded.grid.points:
        example.finish(point, {"point_accuracy/weighted": 0.5, "auroc/weighted": 0.75})
    write_report(render_report(loaded, example.store), example.folder / "reports")
    return loaded


def check(example, loaded) -> list[str]:
    return check_report(render_report(loaded, example.store), example.folder / "reports")


def in_report(example, name: str):
    return example.folder / "reports" / "example" / name


def test_a_report_that_is_still_true_has_no_differences(example, written):
    assert check(example, written) == []


def test_figures_and_other_files_are_left_alone(example, written):
    in_report(example, "learning_curves.png").write_bytes(b"x")
    assert check(example, written) == []


def test_a_changed_byte_is_told_with_its_line_and_that_it_was_changed_by_hand(example, written):
    path = in_report(example, "auroc-phantom-64px.csv")
    text = path.read_text()
    path.write_text(text.replace("0.75", "0.76", 1))
    (sentence,) = check(example, written)
    assert sentence.startswith(f"{path}: was changed after it was written; line 2 is ")
    assert "0.76" in sentence.split(", and would be ")[0]
    assert "0.75" in sentence.split(", and would be ")[1]


def test_a_missing_last_line_end_is_a_difference(example, written):
    path = in_report(example, "README.md")
    path.write_bytes(path.read_bytes()[:-1])
    (sentence,) = check(example, written)
    assert sentence.startswith(f"{path}: was changed after it was written; line ")


def test_a_file_that_is_missing_is_told(example, written):
    in_report(example, "auroc-phantom-64px.tex").unlink()
    assert check(example, written) == [f"{in_report(example, 'auroc-phantom-64px.tex')}: is missing"]


def test_records_that_changed_since_are_named_and_their_tables_are_not_called_edited(example, written):
    point = written.grid.points[0]
    example.finish(point, {"point_accuracy/weighted": 0.5, "auroc/weighted": 0.25})
    sentences = check(example, written)
    assert f"{in_report(example, LOCK)}: records changed since: {point.trial.id}" in sentences
    assert any("auroc-phantom-64px.md: line " in sentence for sentence in sentences)
    assert not any("was changed after" in sentence for sentence in sentences)
    assert not any("point_accuracy-phantom-64px.md" in sentence for sentence in sentences)


def test_a_record_that_changed_without_moving_a_table_is_told_by_the_lock_alone(example, written):
    path = example.store.folder(written.grid.points[0].trial.id).record
    path.write_text(path.read_text() + "\n")
    (sentence,) = check(example, written)
    assert "records changed since" in sentence


def test_a_table_that_is_no_longer_made_is_told(example, written):
    for point in written.grid.points:
        example.finish(point, {"point_accuracy/weighted": 0.5})
    sentences = check(example, written)
    path = in_report(example, "auroc-phantom-64px.md")
    assert f"{path}: is in the lock, and no file of the report any more" in sentences


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}'])
def test_a_lock_that_is_none_is_told(example, written, content):
    in_report(example, LOCK).write_text(content)
    assert check(example, written) == [f"{in_report(example, LOCK)}: is no lock that this version can read"]


def test_a_missing_lock_is_told(example, written):
    in_report(example, LOCK).unlink()
    assert check(example, written) == [f"{in_report(example, LOCK)}: is missing"]


@pytest.mark.parametrize("where", ["files", "spaces", "bench"])
def test_an_edited_lock_is_told(example, written, where):
    path = in_report(example, LOCK)
    lock = json.loads(path.read_text())
    if where == "files":
        lock["files"]["README.md"] = "sha256:0"
    if where == "bench":
        lock["bench"] = "0.0.9"
    path.write_text(json.dumps(lock))
    (sentence,) = check(example, written)
    assert sentence.startswith(f"{path}: was ")
    assert ("bench 0.0.9" in sentence) is (where == "bench")


def test_a_selection_is_checked_with_the_same_selection(example, written):
    narrowed = replace(written, grid=written.grid.select(seeds="0"))
    assert any("the suite is another" in sentence for sentence in check(example, narrowed))
    write_report(render_report(narrowed, example.store), example.folder / "reports")
    assert check(example, narrowed) == []


def test_nothing_is_written(example, written):
    in_report(example, "README.md").write_text("other\n")
    in_report(example, "auroc-phantom-64px.tex").unlink()
    before = {path: path.read_bytes() for path in example.folder.rglob("*") if path.is_file()}
    assert len(check(example, written)) == 2
    assert {path: path.read_bytes() for path in example.folder.rglob("*") if path.is_file()} == before


def test_nothing_was_written_yet(example, written):
    report = render_report(written, example.store)
    sentences = check_report(report, example.folder / "elsewhere")
    assert len(sentences) == len(report.files)
    assert all(sentence.endswith(": is missing") for sentence in sentences)
