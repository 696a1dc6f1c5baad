"""Trials of different data in one results folder: no verb joins them in silence, on trials that were run."""

import json
import shutil
from pathlib import Path

import cv2
import pandas as pd
import pytest

from bench.cli.main import main
from bench.results.store import ResultsStore

SUITE = """\
models: [baseline, {name: baseline, pooling: average, label: Average}]
datasets: [{name: folder, images: images, labels: labels.csv, boxes: boxes.csv}]
resolutions: [64]
seeds: [0, 1]
cams: [native, grad_cam]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 4, max_epochs: 1}
claims:
  - {superior: Baseline, to: Average, cam: native}
"""

JOINING = {
    "report": ["report", "suite.yaml"],
    "check": ["report", "suite.yaml", "--check"],
    "all": ["report", "--all", "--suites-dir", "."],
    "all, check": ["report", "--all", "--check", "--suites-dir", "."],
    "figures": ["report", "suite.yaml", "--figures"],
    "gallery": ["report", "suite.yaml", "--gallery"],
    "verify": ["verify", "suite.yaml"],
    "compare": ["compare", "suite.yaml", "Baseline", "Average"],
    "rescore": ["rescore", "suite.yaml"],
    "run": ["run", "suite.yaml", "--serial", "--no-mlflow"],
}
"""Verbs that put trials together."""

OTHER = "sha256:" + "b" * 64


@pytest.fixture(scope="module")
def original(tmp_path_factory, write_ward):
    folder = tmp_path_factory.mktemp("ward")
    names = write_ward(folder, ("Mass", "Effusion"))
    boxes = {"image": names[10::2], "finding": "Mass", "x": 8, "y": 9, "width": 20, "height": 30}
    pd.DataFrame(boxes).to_csv(folder / "boxes.csv", index=False)
    (folder / "suite.yaml").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(JOINING["run"]) == 0
    return folder


@pytest.fixture
def ward(original, tmp_path, monkeypatch) -> Path:
    shutil.copytree(original, tmp_path / "ward")
    monkeypatch.chdir(tmp_path / "ward")
    monkeypatch.setenv("COLUMNS", "300")
    return tmp_path / "ward"


def records(ward) -> list[Path]:
    return sorted((ward / "results" / "trials").glob("baseline-*/record.json"))


def change(path: Path, **provenance) -> str:
    """Lets a record or an evaluation say something else of where it is from; returns its trial's id."""
    document = json.loads(path.read_text())
    place = document.get("outcome", document)
    place["provenance"] |= provenance
    path.write_text(json.dumps(document))
    return next(part for part in path.parts if part.startswith("baseline-"))


def digest_of(path: Path) -> str:
    return json.loads(path.read_text())["outcome"]["provenance"]["data"]


@pytest.mark.parametrize("verb", JOINING)
def test_trials_of_different_data_are_refused_by_name(ward, capsys, verb):
    first, *others = records(ward)
    changed = change(first, data=OTHER)
    before = {
        path: path.read_bytes() for path in ward.rglob("*") if path.is_file() and "cache" not in path.parts
    }
    assert main(JOINING[verb]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert changed in line
    assert all(path.parent.name in line for path in others)
    assert OTHER[:19] in line
    assert digest_of(others[0])[:19] in line
    assert "accept: [data_differ]" in line
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("verb", JOINING)
def test_a_suite_can_accept_that_and_then_it_is_told(ward, capsys, verb):
    changed = change(records(ward)[0], data=OTHER)
    (ward / "suite.yaml").write_text(f"{SUITE}accept: [data_differ]\n")
    if "check" in verb:
        assert main([word for word in JOINING[verb] if word != "--check"]) == 0
    assert main(JOINING[verb]) == 0
    told = "".join(capsys.readouterr())
    if verb not in ("figures", "check", "all", "all, check"):
        assert changed in told
        assert OTHER[:19] in told
    if verb in ("report", "run", "all"):
        tables = [
            path for path in (ward / "reports" / "suite").glob("*-folder-64px.*") if path.suffix == ".md"
        ]
        assert tables
        assert all(OTHER[:19] in path.read_text() for path in tables)


@pytest.mark.parametrize("verb", JOINING)
def test_maps_evaluated_on_other_data_than_their_trials_are_refused(ward, capsys, verb):
    (ward / "suite.yaml").write_text(SUITE.replace(", cam: native", ""))
    path = next((ward / "results" / "trials").glob("baseline-*/cams/grad_cam.json"))
    changed = change(path, data=OTHER)
    words = ["compare", "suite.yaml", "Baseline [Grad-CAM]", "Average [Grad-CAM]"]
    assert main(words if verb == "compare" else JOINING[verb]) == 2
    error = capsys.readouterr().err
    assert f"{changed} [Grad-CAM]" in error
    assert OTHER[:19] in error


@pytest.mark.parametrize("verb", ["report", "verify", "compare", "rescore"])
def test_data_that_nobody_noted_is_told_and_not_refused(ward, capsys, verb):
    changed = change(records(ward)[0], data=None)
    assert main(JOINING[verb]) == 0
    told = "".join(capsys.readouterr())
    assert changed in told
    assert "not recorded" in told


@pytest.mark.parametrize("verb", ["report", "verify", "compare", "rescore", "gallery", "plan"])
@pytest.mark.parametrize(
    ("other", "word"),
    [
        ({"git_commit": "abcdef012345+"}, "abcdef012345+"),
        ({"packages": {"torch": "1.2.3"}}, "1.2.3"),
        ({"platform": "Plan-9"}, "Plan-9"),
    ],
    ids=["commit", "packages", "platform"],
)
def test_whatever_else_differs_is_told(ward, capsys, verb, other, word):
    changed = change(records(ward)[0], **other)
    assert main(JOINING.get(verb, ["plan", "suite.yaml"])) == 0
    told = "".join(capsys.readouterr())
    assert word in told
    assert changed in told


def test_trials_that_were_made_alike_have_no_such_note(ward, capsys):
    for verb in ("report", "verify", "compare", "rescore"):
        assert main(JOINING[verb]) == 0
    told = "".join(capsys.readouterr())
    assert "not the same for all" not in told


def test_plan_and_status_tell_and_go_on(ward, capsys):
    changed = change(records(ward)[0], data=OTHER)
    for verb in ("plan", "status"):
        for words in ([verb, "suite.yaml"], [verb, "suite.yaml", "--json"]):
            assert main(words) == 0
            out = capsys.readouterr().out
            assert changed in out
            assert OTHER[:19] in out
            assert words[-1] != "--json" or json.loads(out)["remarks"]


def test_the_trials_of_a_cell_are_held_against_each_other(ward, capsys):
    assert main(JOINING["report"]) == 0
    changed = change(records(ward)[0], git_commit="abcdef012345")
    capsys.readouterr()
    row = "Baseline" if "average" not in records(ward)[0].read_text() else "Average"
    table = "reports/suite/point_accuracy-folder-64px.csv"
    assert main(["show", table, "--row", row, "--column", "weighted"]) == 0
    out = capsys.readouterr().out
    assert "abcdef012345" in out
    assert changed in out


def test_a_run_on_changed_images_is_refused_before_it_trains(ward, capsys):
    shutil.rmtree(records(ward)[0].parent)
    (path,) = list(Path("images").glob("im00.*"))
    assert cv2.imwrite(str(path), 255 - cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    assert main(JOINING["run"]) == 2
    error = capsys.readouterr().err
    assert all(record.parent.name in error for record in records(ward))
    assert len(records(ward)) == 3
    assert (
        main([*JOINING["run"], "--only", "seed=0", "--only", "seed=1", "--set", "accept=[data_differ]"]) == 0
    )


def test_heatmaps_are_not_drawn_on_other_images_than_they_are_of(ward, capsys):
    (path,) = list(Path("images").glob("im10.*"))
    assert cv2.imwrite(str(path), 255 - cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    assert main(JOINING["gallery"]) == 2
    error = capsys.readouterr().err
    assert all(record.parent.name in error for record in records(ward))
    assert main([*JOINING["gallery"], "--set", "accept=[data_differ]"]) == 0


def test_a_selection_of_trials_that_share_their_data_is_fine(ward, capsys):
    for path in records(ward):
        if "-s0-" in path.parent.name:
            change(path, data=OTHER)
    assert main([*JOINING["run"], "--seeds", "1"]) == 2  # its report is of the whole suite
    assert main([*JOINING["report"], "--seeds", "1", "--only", "cam=native"]) == 0
    assert main([*JOINING["report"], "--seeds", "0", "--only", "cam=native"]) == 0


def test_a_training_that_began_with_other_data_does_not_go_on(ward, capsys):
    folder = ResultsStore(ward / "results").folder(records(ward)[0].parent.name)
    assert folder.read_data() is None  # it is no interrupted one
    assert json.loads(folder.data.read_text())["data"] == digest_of(folder.record)
    folder.record.unlink()
    folder.last_checkpoint.write_bytes(b"")
    folder.note_data(OTHER)
    assert main(JOINING["run"]) == 2
    error = capsys.readouterr().err
    assert folder.path.name in error
    assert OTHER[:19] in error
