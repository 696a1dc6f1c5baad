"""`bench rescore` as a user types it, on trials that were run."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from bench.cli.main import main
from bench.metrics.units import UNIT_COLUMNS
from bench.results.record import read_sensitivity
from bench.results.store import ResultsStore
from bench.results.units import read_table, write_table

SUITE = """\
models: [baseline]
datasets: [{name: phantom, train: 10, val: 4, test: 12}]
resolutions: [64]
seeds: [0, 1]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 4, max_epochs: 1}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rescore")
    (folder / "suite.yaml").write_text(SUITE)
    where = ["--results-dir", str(folder / "results"), "--reports-dir", str(folder / "reports")]
    assert main(["run", str(folder / "suite.yaml"), "--serial", "--no-mlflow", *where]) == 0
    return folder


@pytest.fixture
def folders(place):
    store = ResultsStore(place / "results")
    return [store.folder(path.name) for path in sorted((place / "results" / "trials").iterdir())]


def rescore(place, *words: str) -> int:
    return main(["rescore", str(place / "suite.yaml"), "--results-dir", str(place / "results"), *words])


def document(place, capsys, *words: str) -> dict:
    capsys.readouterr()
    assert rescore(place, "--json", *words) == 0
    return json.loads(capsys.readouterr().out)


def test_a_run_leaves_maps_and_a_report_with_sensitivity(place, folders):
    assert all(folder.cam_maps("native").exists() and folder.sensitivity.exists() for folder in folders)
    text = (place / "reports" / "suite" / "sensitivity-phantom-64px.md").read_text()
    assert text.startswith("### Sensitivity to the protocol, phantom, 64 px\n")


def test_the_process_prints_both_protocols_and_their_difference(place):
    command = [sys.executable, "-m", "bench", "rescore", "suite.yaml", "--tolerance", "15", "--ties", "any"]
    done = subprocess.run(
        command,
        cwd=place,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    first, _, place_of_rows, heading, *rows = done.stdout.splitlines()
    assert first == "suite: ties any, tolerance 15.0"
    assert place_of_rows == "phantom, 64 px"
    assert heading.split() == ["model", "metric", "n", "default", "chosen", "difference"]
    assert [row.split()[1:4] for row in rows] == [
        [metric, average, "2/2"] for metric in ("point", "iobb") for average in ("weighted", "macro")
    ]
    assert rows[0].count("±") == 3
    assert done.stderr == ""


def test_json_has_the_numbers_of_the_tables(place, folders, capsys):
    found = document(place, capsys, "--tolerance", "15")
    assert found["protocol"]["tolerance_px"] == 15
    (row,) = (row for row in found["rows"] if row["metric"] == "point weighted")
    sensitivities = [read_sensitivity(folder.sensitivity).metrics["point_accuracy"] for folder in folders]
    for name, key in (("default", "default"), ("chosen", "tolerance_15")):
        mean = sum(accuracies[key]["weighted"] for accuracies in sensitivities) / 2
        assert row[name]["mean"] == pytest.approx(mean)
    assert row["difference"]["mean"] == pytest.approx(row["chosen"]["mean"] - row["default"]["mean"])
    assert row["trials"] == [folder.path.name for folder in folders]
    assert (row["model"], row["resolution"], row["expected"]) == ("Baseline", 64, 2)
    assert found["notes"] == []


def test_the_least_iobb_moves_hits_by_overlap_alone(place, folders, capsys):
    """T(IoBB) of 0 counts any pixel in a box; a map's cut at 0 predicts nearly all of the image."""
    rows = {row["metric"]: row for row in document(place, capsys, "--iobb", "0")["rows"]}
    touched = [(read_table(folder.cam_units("native"))["iobb"] > 0).mean() for folder in folders]
    assert rows["iobb weighted"]["chosen"]["mean"] == pytest.approx(sum(touched) / 2)
    assert rows["point weighted"]["difference"]["mean"] == 0
    sensitivities = [read_sensitivity(folder.sensitivity).metrics["iobb_accuracy"] for folder in folders]
    for name, option, value in (("iobb_10", "--iobb", "0.1"), ("threshold_10", "--threshold", "0.1")):
        rows = {row["metric"]: row for row in document(place, capsys, option, value)["rows"]}
        mean = sum(overlaps[name]["weighted"] for overlaps in sensitivities) / 2
        assert rows["iobb weighted"]["chosen"]["mean"] == pytest.approx(mean)


def test_the_default_protocol_gives_the_recorded_hits(place, folders, capsys):
    found = document(place, capsys)
    accuracies = [read_table(folder.cam_units("native"))["hit"].mean() for folder in folders]
    assert found["rows"][0]["default"] == found["rows"][0]["chosen"]
    assert found["rows"][0]["default"]["mean"] == pytest.approx(sum(accuracies) / 2)
    assert found["rows"][0]["difference"] == {"mean": 0, "half_width": 0, "n": 2}


def test_maps_other_than_the_native_one_are_rows_too(place, tmp_path, capsys):
    shutil.copytree(place, tmp_path / "copy")
    cams = ["--set", "cams=[native,grad_cam,eigen_cam]"]
    where = ["--results-dir", str(tmp_path / "copy" / "results"), "--reports-dir", str(tmp_path / "reports")]
    assert main(["run", str(place / "suite.yaml"), "--serial", "--no-mlflow", *cams, *where]) == 0
    store = ResultsStore(tmp_path / "copy" / "results")
    ids = sorted(path.name for path in (store.root / "trials").iterdir())
    store.folder(ids[0]).cam_maps("eigen_cam").unlink()
    found = document(tmp_path / "copy", capsys, *cams, "--tolerance", "15")
    rows = {row["model"]: row for row in found["rows"] if row["metric"] == "point weighted"}
    assert list(rows) == ["Baseline", "Baseline [Grad-CAM]", "Baseline [Eigen-CAM]"]
    recorded = [store.evaluation(trial_id, "grad_cam").metrics for trial_id in ids]
    mean = sum(metrics["point_accuracy/weighted"] for metrics in recorded) / 2
    assert rows["Baseline [Grad-CAM]"]["default"]["mean"] == pytest.approx(mean)
    assert rows["Baseline [Grad-CAM]"]["trials"] == ids
    assert rows["Baseline [Grad-CAM]"]["chosen"]["mean"] >= mean
    assert rows["Baseline [Eigen-CAM]"]["trials"] == ids[1:]
    (note,) = found["notes"]
    assert f"{ids[0]} [Eigen-CAM]" in note


def test_a_sensitivity_that_lacks_is_computed_and_nothing_else_is_written(place, folders, capsys):
    before = {path: path.read_bytes() for path in (place / "results").rglob("*") if path.is_file()}
    folders[0].sensitivity.unlink()
    assert rescore(place) == 0
    after = {path: path.read_bytes() for path in (place / "results").rglob("*") if path.is_file()}
    assert after == before


def test_results_on_a_full_disk_are_shown_all_the_same(place, folders, capsys, mount_disk):
    disk = mount_disk("8m")
    shutil.copytree(place / "results" / "trials", disk / "trials")
    (disk / "trials" / folders[0].path.name / "cams" / "native.sensitivity.json").unlink()
    with pytest.raises(OSError, match="space"):
        (disk / "filler").write_bytes(bytes(8 * 2**20))
    assert main(["rescore", str(place / "suite.yaml"), "--results-dir", str(disk)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Baseline" in out
    assert "sensitivity.json cannot be written (No space left on device)." in out


def test_trials_of_before_maps_were_kept_are_told(place, folders, capsys):
    kept = folders[0].cam_maps("native").read_bytes()
    folders[0].cam_maps("native").unlink()
    try:
        found = document(place, capsys, "--grid", "32")
        assert [row["trials"] for row in found["rows"]] == [[folders[1].path.name]] * 4
        assert found["rows"][0]["difference"]["half_width"] is None
        (note,) = found["notes"]
        assert note == (
            f"Without stored maps, so that there are none to score again: {folders[0].path.name}."
        )
        assert rescore(place, "--seeds", "0") == 0
        assert "Nothing to score: no finished trial of this suite has stored maps." in capsys.readouterr().out
    finally:
        folders[0].cam_maps("native").write_bytes(kept)


def test_hits_that_another_machine_found_otherwise_are_told(place, folders, capsys):
    table = read_table(folders[1].cam_units("native"))
    write_table(folders[1].cam_units("native"), table.assign(hit=~table["hit"]), UNIT_COLUMNS)
    try:
        (note,) = document(place, capsys)["notes"]
    finally:
        write_table(folders[1].cam_units("native"), table, UNIT_COLUMNS)
    assert note.startswith("Scored elsewhere, some units differ from what this machine's arithmetic gives: ")
    assert folders[1].path.name in note


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--grid", "big"), "--grid: 'big': give input, native, or a whole number of px from 1 to 4096"),
        (("--grid", "0"), "--grid: '0': give input, native"),
        (("--tolerance", "-1"), "--tolerance: '-1': give a number of px, 0 or more"),
        (("--tolerance", "nan"), "--tolerance: 'nan': give a number of px, 0 or more"),
        (("--threshold", "1"), "--threshold: '1': give a share, at least 0 and below 1"),
        (("--iobb", "-0.1"), "--iobb: '-0.1': give a share, at least 0 and below 1"),
        (
            ("--ties", "lst"),
            "--ties: there is no 'lst'; allowed: first, last, mean, any, fraction; did you mean 'last'?",
        ),
        (("--edges", "open"), "--edges: there is no 'open'; allowed: inclusive, exclusive"),
    ],
)
def test_bad_values_are_one_sentence_and_exit_with_2(place, capsys, words, sentence):
    with pytest.raises(SystemExit) as ended:
        rescore(place, *words)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert f"bench rescore: argument {sentence}" in error
    assert len(error.splitlines()) == 1


def test_damaged_maps_are_told_and_the_others_scored(place, folders, capsys):
    kept = [folder.cam_maps("native").read_bytes() for folder in folders]
    try:
        folders[0].cam_maps("native").write_bytes(kept[0][:300])
        found = document(place, capsys)
        folders[1].cam_maps("native").write_bytes(b"")
        assert rescore(place) == 2
    finally:
        for folder, content in zip(folders, kept, strict=True):
            folder.cam_maps("native").write_bytes(content)
    assert [row["trials"] for row in found["rows"]] == [[folders[1].path.name]] * len(found["rows"])
    assert str(folders[0].cam_maps("native")) in " ".join(found["notes"])
    (line,) = capsys.readouterr().err.splitlines()
    assert str(folders[0].cam_maps("native")) in line
