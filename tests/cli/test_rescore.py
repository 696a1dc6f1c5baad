"""`bench rescore` as a user types it, on trials that were run."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from extracts import NIH_EXTRACT, WHOLE, needs_radiographs

from bench.cli.main import main
from bench.metrics.units import map_metrics, unit_columns
from bench.results.record import read_sensitivity
from bench.results.store import ResultsStore
from bench.results.units import read_maps, read_table, write_table

SUITE = """\
models: [baseline]
datasets: [{name: phantom, train: 10, val: 4, test: 12}]
resolutions: [64]
seeds: [0, 1]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 4, max_epochs: 1}
"""


POINT, IOBB = ("point_accuracy", "weighted"), ("iobb_accuracy", "weighted")


def rows_of(found: dict) -> dict[tuple[str, str], dict]:
    return {(row["metric"], row["column"]): row for row in found["rows"]}


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
    words = ["rescore", "suite.yaml", "--tolerance", "15", "--ties", "any"]
    words += ["--metric", "point_accuracy", "--metric", "iobb_accuracy"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *words],
        cwd=place,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "suite: ties any, tolerance 15.0"
    assert lines[2].startswith("phantom, 64 px: ")
    assert lines[4].split() == ["model", "n", *["default", "chosen", "difference"] * 2]
    assert lines[5].split()[:2] == ["Baseline", "2/2"]
    assert lines[5].count("±") == 6
    assert lines[7] == "phantom, 64 px: not moved by these choices"  # IoBB has no ties and no tolerance
    assert lines[10].count("±") == 2
    assert done.stderr == ""


def test_metrics_have_a_line_each_where_models_are_fewer(place, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    capsys.readouterr()
    assert rescore(place) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split() == ["Baseline,", "2/2"]
    titles = [metric.title for metric in map_metrics()]
    assert [line[: line.index("  ")] for line in lines[5 : 5 + len(titles)]] == titles
    assert all(line.count("±") == 2 for line in lines[5 : 5 + len(titles)])


def test_metrics_that_are_not_asked_for_are_left_out(place, capsys):
    rows = document(place, capsys, "--metric", "iobb_accuracy")["rows"]
    assert [(row["metric"], row["column"]) for row in rows] == [
        ("iobb_accuracy", "weighted"),
        ("iobb_accuracy", "macro"),
    ]
    every = document(place, capsys)["rows"]
    assert [row["metric"] for row in every[::2]] == [metric.name for metric in map_metrics()]
    assert [row for row in every if row["metric"] == "iobb_accuracy"] == rows


def test_json_has_the_numbers_of_the_tables(place, folders, capsys):
    found = document(place, capsys, "--tolerance", "15")
    assert found["protocol"]["tolerance_px"] == 15
    row = rows_of(found)[POINT]
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
    rows = rows_of(document(place, capsys, "--iobb", "0"))
    touched = [(read_table(folder.cam_units("native"))["iobb"] > 0).mean() for folder in folders]
    assert rows[IOBB]["chosen"]["mean"] == pytest.approx(sum(touched) / 2)
    assert rows[POINT]["difference"]["mean"] == 0
    sensitivities = [read_sensitivity(folder.sensitivity).metrics["iobb_accuracy"] for folder in folders]
    for name, option, value in (("iobb_10", "--iobb", "0.1"), ("threshold_10", "--threshold", "0.1")):
        rows = rows_of(document(place, capsys, option, value))
        mean = sum(overlaps[name]["weighted"] for overlaps in sensitivities) / 2
        assert rows[IOBB]["chosen"]["mean"] == pytest.approx(mean)


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
    rows = {row["model"]: row for row in found["rows"] if (row["metric"], row["column"]) == POINT}
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
        assert {tuple(row["trials"]) for row in found["rows"]} == {(folders[1].path.name,)}
        assert found["rows"][0]["difference"]["half_width"] is None
        (note,) = found["notes"]
        assert note == (
            f"Without stored maps, so that there are none to score again: {folders[0].path.name}."
        )
        assert rescore(place, "--seeds", "0") == 0
        assert "Nothing to score: nothing that is finished has stored maps." in capsys.readouterr().out
    finally:
        folders[0].cam_maps("native").write_bytes(kept)


def test_hits_that_another_machine_found_otherwise_are_told(place, folders, capsys):
    table = read_table(folders[1].cam_units("native"))
    write_table(folders[1].cam_units("native"), table.assign(hit=~table["hit"]), unit_columns())
    try:
        (note,) = document(place, capsys)["notes"]
    finally:
        write_table(folders[1].cam_units("native"), table, unit_columns())
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


CLAIMS = """\
cams: [native, grad_cam]
claims:
  - {superior: Baseline, to: "Baseline [Grad-CAM]"}
  - {superior: Baseline, to: "Baseline [Grad-CAM]", metric: iobb_accuracy, column: macro}
annotations: {second: second.csv}
"""


@pytest.fixture(scope="module")
def claimed(place, tmp_path_factory):
    """The suite with another map, a claim on it, and a second reading: every other unit, its box moved."""
    folder = tmp_path_factory.mktemp("claimed")
    shutil.copytree(place / "results", folder / "results")
    (folder / "suite.yaml").write_text(SUITE + CLAIMS)
    where = ["--results-dir", str(folder / "results"), "--reports-dir", str(folder / "reports")]
    assert main(["run", str(folder / "suite.yaml"), "--serial", "--no-mlflow", *where]) == 0
    trial = next((folder / "results" / "trials").iterdir())
    write_second_reading(folder / "second.csv", read_table(trial / "boxes.parquet"), move_px=6)
    return folder


def write_second_reading(path, boxes, move_px: float) -> None:
    """Writes every other unit of the boxes, moved to the right."""
    units = boxes[["image", "finding"]].drop_duplicates().iloc[::2]
    second = boxes.merge(units).rename(columns={"w": "width", "h": "height"})
    second["x"] += move_px
    second[["image", "finding", "x", "y", "width", "height"]].to_csv(path, index=False)


def test_an_annotation_is_scored_beside_the_own_boxes_on_the_units_of_both(claimed, capsys):
    found = document(claimed, capsys, "--annotation", "second")
    (reading,) = found["readings"]
    trials = sorted((claimed / "results" / "trials").iterdir())
    units = [read_table(trial / "cams" / "native.parquet") for trial in trials]
    assert reading["both"] == found["rows"][0]["num_units"] == (len(units[0]) + 1) // 2
    second = pd.read_csv(claimed / "second.csv")
    is_read = units[0]["image"].isin(second["image"]) & units[0]["finding"].isin(second["finding"])
    assert (reading["only_own"], reading["only_other"]) == (is_read.sum() - reading["both"], 0)
    assert found["annotation"] == "second"
    own_hits, other_hits = [], []
    for table in units:
        both = table.merge(second, on=["image", "finding"])
        own_hits.append(both.drop_duplicates(["image", "finding"])["hit"].mean())
        right = both["x"] + both["width"]
        is_in = both["peak_column"].between(both["x"], right) & both["peak_row"].between(
            both["y"], both["y"] + both["height"]
        )
        other_hits.append(is_in.groupby([both["image"], both["finding"]]).any().mean())
    row = rows_of({"rows": [row for row in found["rows"] if row["model"] == "Baseline"]})[POINT]
    assert row["default"]["mean"] == pytest.approx(np.mean(own_hits))
    assert row["chosen"]["mean"] == pytest.approx(np.mean(other_hits))


def test_claims_are_judged_by_both_readings(claimed, capsys):
    claims = document(claimed, capsys, "--annotation", "second")["claims"]
    assert [claim["own"]["metric"] for claim in claims] == ["point_accuracy", "iobb_accuracy"]
    rows = document(claimed, capsys, "--annotation", "second")["rows"]
    for claim in claims:
        for side, name in (("own", "default"), ("other", "chosen")):
            (comparison,) = claim[side]["comparisons"]
            first, second = (
                row[name]["mean"]
                for row in rows
                if (row["metric"], row["column"]) == (claim[side]["metric"], comparison["column"])
            )
            assert comparison["effect"] == pytest.approx(first - second)
            assert comparison["num_seeds"] == 2
    assert rescore(claimed, "--annotation", "second") == 0
    assert "inconclusive by own boxes, inconclusive by second" in " ".join(capsys.readouterr().out.split())
    assert document(claimed, capsys, "--annotation", "second", "--tolerance", "15")["claims"] == []


def test_the_own_boxes_as_an_annotation_change_nothing(claimed, capsys, tmp_path):
    trial = next((claimed / "results" / "trials").iterdir())
    boxes = read_table(trial / "boxes.parquet").rename(columns={"w": "width", "h": "height"})
    boxes[["image", "finding", "x", "y", "width", "height"]].to_csv(tmp_path / "same.csv", index=False)
    found = document(claimed, capsys, "--annotation", f"same={tmp_path / 'same.csv'}", "--iobb", "0.1")
    assert all(row["difference"]["mean"] == 0 for row in found["rows"])
    (reading,) = found["readings"]
    assert (reading["only_own"], reading["only_other"], reading["median_iou"]) == (0, 0, 1)
    assert reading["centre_in_own"] == reading["centre_in_other"] == reading["both"]


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (("--annotation", "secnd"), "did you mean 'second'"),
        (("--annotation", "x=nowhere.csv"), "nowhere.csv: cannot be read"),
        (("--metric", "auroc"), "no metric of maps 'auroc'; allowed: point_accuracy"),
        (("--metric", "point_acuracy"), "did you mean 'point_accuracy'"),
        (("--reference", "theirs"), "unknown reference 'theirs'"),
    ],
)
def test_what_there_is_not_is_one_sentence(claimed, capsys, words, fact):
    assert rescore(claimed, *words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert fact in line


def test_an_annotation_of_other_images_is_one_sentence(claimed, capsys, tmp_path):
    (tmp_path / "other.csv").write_text("image,finding,x,y,width,height\nelsewhere.png,Mass,1,1,2,2\n")
    assert rescore(claimed, "--annotation", f"other={tmp_path / 'other.csv'}") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "other.csv") in line


def test_nothing_to_rescore_is_one_sentence(capsys):
    assert main(["rescore"]) == 2
    assert "--reference" in capsys.readouterr().err
    assert main(["rescore", "--reference", "x", "--seeds", "0"]) == 2
    assert "--seeds" in capsys.readouterr().err


def test_references_are_rows_of_a_suite_and_stand_alone(claimed, capsys, tmp_path):
    """A trial's own maps, added as if they were made elsewhere, score as the trial's do."""
    trial = sorted((claimed / "results" / "trials").iterdir())[0]
    units, boxes = (read_table(trial / name) for name in ("cams/native.parquet", "boxes.parquet"))
    np.save(tmp_path / "maps.npy", np.concatenate(list(read_maps(trial / "cams" / "native.npz"))))
    units.to_csv(tmp_path / "units.csv", index=False)
    boxes.rename(columns={"w": "width", "h": "height"}).to_csv(tmp_path / "boxes.csv", index=False)
    files = [f"--{kind}={tmp_path / kind}" for kind in ("maps.npy", "units.csv", "boxes.csv")]
    files = [word.replace(".npy=", "=").replace(".csv=", "=") for word in files]
    where = ["--results-dir", str(claimed / "results")]
    about = ["--dataset", "phantom", "--resolution", "64", "--frame", "64", "--logits", "--title", "Theirs"]
    assert main(["reference", "add", "theirs", *files, *about, *where]) == 0
    try:
        capsys.readouterr()
        assert main(["rescore", "--reference", "theirs", "--tolerance", "9", "--json", *where]) == 0
        alone = json.loads(capsys.readouterr().out)
        beside = document(claimed, capsys, "--set", "references=[theirs]", "--seeds", "0", "--tolerance", "9")
    finally:
        shutil.rmtree(claimed / "results" / "references")
    rows = [row for row in beside["rows"] if row["reference"] == "theirs"]
    own = [row for row in beside["rows"] if row["model"] == "Baseline"]
    assert alone["rows"] == rows
    assert alone["suite"] is None
    assert [row["model"] for row in rows] == ["Reference: Theirs"] * len(own)
    for theirs, ours in zip(rows, own, strict=True):
        assert (theirs["metric"], theirs["column"]) == (ours["metric"], ours["column"])
        assert theirs["default"]["mean"] == pytest.approx(ours["default"]["mean"], abs=1e-6)
        assert theirs["chosen"]["mean"] == pytest.approx(ours["chosen"]["mean"], abs=1e-6)


SECOND_READING = WHOLE / "data" / "second_reading" / "chestxdet_on_our_nih.json"

NIH_SUITE = """\
models: [baseline, pylon]
datasets: [{name: nih, split: {train: train.txt, val: val.txt, test: test.txt}}]
resolutions: [64]
seeds: [0]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 8, max_epochs: 1}
claims: [{superior: PYLON, to: Baseline}]
"""


@needs_radiographs
def test_real_radiographs_have_a_second_reading(tmp_path, capsys):
    """Of all that NIH has boxes on and ChestX-Det's readers have read: 20 units of both, 17 of NIH alone."""
    (tmp_path / "nih" / "images").mkdir(parents=True)
    read = {one["file_name"] for one in json.loads(SECOND_READING.read_text())}
    boxed = sorted(path.stem for path in (WHOLE / "data" / "nih_boxes").glob("*.jpg"))
    test = [name for name in boxed if f"{name}.png" in read]
    others = [name for name in boxed if f"{name}.png" not in read][:24]
    for part, names in {"train": others[:16], "val": others[16:], "test": test}.items():
        (tmp_path / f"{part}.txt").write_text("".join(f"{name}.png\n" for name in names))
    for name in (*test, *others):
        shutil.copy(WHOLE / "data" / "nih_boxes" / f"{name}.jpg", tmp_path / "nih" / "images")
    for name in ("BBox_List_2017.csv", "Data_Entry_2017.csv"):
        shutil.copy(NIH_EXTRACT / name, tmp_path / "nih")
    suite = tmp_path / "suite.yaml"
    suite.write_text(NIH_SUITE)
    where = ["--results-dir", str(tmp_path / "results"), "--reports-dir", str(tmp_path / "reports")]
    accept = [
        "--set",
        "accept=[patients_shared_train_val,patients_shared_train_test,patients_shared_val_test]",
    ]
    assert (
        main(["run", str(suite), "--serial", "--no-mlflow", "--data-root", str(tmp_path), *where, *accept])
        == 0
    )
    found = document(tmp_path, capsys, "--annotation", f"chestxdet={SECOND_READING}")
    (reading,) = found["readings"]
    assert (reading["num_images"], reading["both"], reading["only_own"]) == (77, 20, 17)
    assert reading["only_other"] == 73
    assert (reading["centre_in_own"], reading["median_iou"]) == (18, pytest.approx(0.45, abs=0.005))
    assert {row["num_units"] for row in found["rows"]} == {20}
    (claim,) = found["claims"]
    assert {claim[side]["comparisons"][0]["num_seeds"] for side in ("own", "other")} == {1}
