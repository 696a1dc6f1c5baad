"""`bench replay` as a user types it."""

import cv2
import numpy as np
import pytest

from bench.cli.main import main
from bench.results.store import ResultsStore
from bench.results.units import LOSS_COLUMNS, read_table, write_table

SUITE = """\
models: [baseline]
datasets: [{name: phantom, train: 10, val: 4, test: 4}]
resolutions: [64]
seeds: [0]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 4, max_epochs: 1}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("replay")
    (folder / "suite.yaml").write_text(SUITE)
    where = ["--results-dir", str(folder / "results"), "--reports-dir", str(folder / "reports")]
    assert main(["run", str(folder / "suite.yaml"), "--serial", "--no-mlflow", *where]) == 0
    return folder


def replay(place, *arguments: str) -> int:
    return main(["replay", *arguments, "--results-dir", str(place / "results")])


def test_equal_losses_are_told_and_exit_with_0(place, capsys):
    assert replay(place, "baseline-phantom") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert ": the losses of the first 3 of 3 steps are equal to the bit" in told
    assert told.endswith("versions, device and settings are the recorded ones")


def test_another_loss_is_told_with_both_values_and_exits_with_1(place, capsys):
    (trial,) = (path.name for path in (place / "results" / "trials").iterdir())
    folder = ResultsStore(place / "results").folder(trial)
    table = read_table(folder.losses)
    changed = table.copy()
    changed.loc[1, "loss"] = 0.5
    write_table(folder.losses, changed, LOSS_COLUMNS)
    try:
        assert replay(place, trial, "--steps", "2", "--suite", str(place / "suite.yaml")) == 1
    finally:
        write_table(folder.losses, table, LOSS_COLUMNS)
    out = " ".join(capsys.readouterr().out.split())
    now = f"{table['loss'][1]:.9g}"
    assert f"{trial}: the losses differ from epoch 1, step 2 on: recorded 0.5, now {now} (difference " in out
    assert "; 2 of 3 steps were trained again" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pylon-phantom"], "no trial 'pylon-phantom' here; there are: baseline-phantom-64px-s0-"),
        (["baseline", "--steps", "0"], "--steps 0: give at least 1"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_with_2(place, capsys, arguments, sentence):
    assert replay(place, *arguments) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


def test_a_trial_that_is_not_finished_is_not_replayed(place, capsys):
    (place / "results" / "trials" / "unfinished").mkdir()
    assert replay(place, "unfinished") == 2
    assert "the trial is not finished; only a finished one can be replayed" in capsys.readouterr().err
    (place / "results" / "trials" / "unfinished").rmdir()


def test_a_data_set_of_files_is_compared_too_and_found_by_its_suite(tmp_path, capsys):
    random, lines = np.random.default_rng(0), ["image,Mass,split"]
    (tmp_path / "images").mkdir()
    for k in range(9):
        cv2.imwrite(str(tmp_path / "images" / f"{k}.png"), random.integers(0, 255, (64, 64), dtype=np.uint8))
        lines.append(f"{k}.png,{k % 2},{('train', 'train', 'train', 'val', 'test')[k % 5]}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        SUITE.replace(
            "{name: phantom, train: 10, val: 4, test: 4}",
            "{name: folder, images: images, labels: labels.csv}",
        )
    )
    where = ["--results-dir", str(tmp_path / "results"), "--reports-dir", str(tmp_path / "reports")]
    assert main(["run", str(suite), "--serial", "--no-mlflow", *where]) == 0
    assert replay(tmp_path, "baseline-folder") == 2
    assert "their paths are not known: images of sha256:" in capsys.readouterr().err
    assert replay(tmp_path, "baseline-folder", "--suite", str(suite)) == 0
    assert capsys.readouterr().out.endswith("versions, device and settings are the recorded ones\n")
