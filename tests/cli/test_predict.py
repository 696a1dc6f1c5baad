"""`bench predict` on a trained trial: what it prints and writes, and mistakes."""

import csv
import json

import cv2
import numpy as np
import pytest
from records import finish_whole

from bench.cli.main import main
from bench.data.dataset import DataContext
from bench.data.phantom.source import load_phantom
from bench.execution.context import RunContext
from bench.execution.trial import run_trial
from bench.results.store import ResultsStore
from bench.results.units import read_table
from bench.suite.dataset_specs import PhantomSpec
from bench.suite.findings import NIH_BOXED_FINDINGS
from bench.suite.schema import Recipe
from bench.suite.trial import Trial

SIDE = 64
TRIAL = Trial(
    model="pylon",
    encoder="tu-test_resnet",
    weights="none",
    dataset=PhantomSpec(train=48, val=8, test=6),
    resolution=SIDE,
    seed=0,
    recipe=Recipe(batch_size=8, learning_rate=1e-3, max_epochs=2),
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A results folder with one finished trial."""
    root = tmp_path_factory.mktemp("results")
    outcome = run_trial(TRIAL, RunContext(results_dir=root, data_root=None, cache_dir=root / "cache"))
    finish_whole(ResultsStore(root), TRIAL, outcome)
    return root


@pytest.fixture
def predict(results, tmp_path, monkeypatch):
    """Runs the verb in a folder of its own; words are put behind the trial."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str, trial: str = "pylon") -> int:
        return main(["predict", trial, *words, "--results-dir", str(results)])

    return run


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_images_of_the_test_part_are_predicted_as_they_were_scored(predict, results, tmp_path):
    """Peaks and scores of the trial's own table of units, from images that went through PNG files."""
    test = load_phantom(TRIAL.dataset, SIDE, DataContext(None, tmp_path, {})).test
    for name, pixels in zip(test.names, test.pixels, strict=True):
        cv2.imwrite(f"{name}.png", pixels)
    assert predict(*(f"{name}.png" for name in test.names), "-o", "out") == 0
    table = {(row["image"], row["finding"]): row for row in rows(tmp_path / "out" / "predictions.csv")}
    assert len(table) == len(test) * len(NIH_BOXED_FINDINGS)
    units = read_table(ResultsStore(results).folder(TRIAL.id).cam_units("native"))
    assert len(units) > 3
    for unit in units.itertuples():
        row = table[f"{unit.image}.png", unit.finding]
        assert (float(row["peak_x"]), float(row["peak_y"])) == (unit.peak_column, unit.peak_row)
        maps = np.load(tmp_path / "out" / f"{unit.image}.npy")
        heatmap = maps[NIH_BOXED_FINDINGS.index(unit.finding)]
        assert float(row["probability"]) == pytest.approx(heatmap.max(), rel=1e-5)  # PYLON pools by maximum


def test_every_kind_of_file_is_read_and_shown_in_its_own_size(predict, write_dicom, tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 255, (150, 100), dtype=np.uint8)
    cv2.imwrite("chest.png", pixels)
    cv2.imwrite("chest.jpg", pixels)
    write_dicom(tmp_path / "chest.dcm", pixels.astype(np.uint16) * 16, bits=12)
    assert predict("chest.png", "chest.jpg", "chest.dcm", "--finding", "Mass") == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].split() == ["image", "finding", "probability", "peak", "x", "peak", "y"]
    assert [line.split()[:2] for line in lines[1:]] == [
        [f"chest.{suffix}", "Mass"] for suffix in ("png", "jpg", "dcm")
    ]
    folder = tmp_path / "predictions" / TRIAL.id
    assert "3 images predicted" in captured.err
    assert {path.name for path in folder.glob("*.png")} == {f"chest{n}.Mass.png" for n in ("", "-2", "-3")}
    for name in ("chest", "chest-2", "chest-3"):
        document = json.loads((folder / f"{name}.json").read_text())
        assert document["image_size_px"] == {"width": 100, "height": 150}
        assert np.load(folder / f"{name}.npy").shape == (len(NIH_BOXED_FINDINGS), 16, 16)
        picture = cv2.imread(str(folder / f"{name}.Mass.png"))
        assert picture.shape[0] > picture.shape[1]
        assert picture.std() > 10


def test_json_has_every_finding_and_where_files_are(predict, tmp_path, capsys):
    cv2.imwrite("chest.png", np.full((80, 120), 90, np.uint8))
    assert predict("chest.png", "gone.png", "--json", "-o", "out") == 2
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["trial"] == TRIAL.id
    (image,) = document["images"]
    assert (image["image"], image["width_px"], image["height_px"]) == ("chest.png", 120, 80)
    assert [finding["finding"] for finding in image["findings"]] == list(NIH_BOXED_FINDINGS)
    by_probability = sorted(image["findings"], key=lambda finding: -finding["probability"])
    drawn = {finding["finding"] for finding in image["findings"] if "overlay" in finding}
    assert drawn == {finding["finding"] for finding in by_probability[:3]}
    assert document["unreadable"][0]["image"] == "gone.png"
    assert captured.err.splitlines()[0] == "gone.png: cannot be read (No such file or directory)"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--finding", "Mas"], "--finding Mas: the trial knows Atelectasis, "),
        (["--finding", "Mas"], "did you mean 'Mass'?"),
        (["-o", "chest.png"], "chest.png: is no folder"),
    ],
)
def test_mistakes_are_a_sentence(predict, capsys, words, sentence):
    cv2.imwrite("chest.png", np.zeros((80, 80), np.uint8))
    assert predict("chest.png", *words) == 2
    assert sentence in capsys.readouterr().err


def test_images_that_cannot_be_read_leave_no_table(predict, tmp_path, capsys):
    (tmp_path / "notes.png").write_text("no image")
    assert predict("notes.png", "-o", "out") == 2
    assert "0 images predicted, 1 could not be read\n" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())
