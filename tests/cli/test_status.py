"""What a second terminal shows of drivers that it does not know."""

import json
import os
import subprocess
import sys
import time

import pytest

from bench.cli.main import main
from bench.execution.progress import TRAINING_SHARE, ProgressFile, TrialProgress
from bench.results.lease import Leases
from bench.results.record import EpochRow
from bench.results.store import ResultsStore
from bench.suite.dataset_specs import PhantomSpec
from bench.suite.schema import Recipe
from bench.suite.trial import Trial

HIT = {("i", "p", "Mass"): True}


def trial(seed: int) -> Trial:
    given = {"model": "pylon", "encoder": "resnet18", "weights": "none", "dataset": PhantomSpec()}
    return Trial(resolution=64, seed=seed, recipe=Recipe(max_epochs=5), **given)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return ResultsStore(tmp_path / "results")


def write_progress(store, of: Trial, **changes) -> None:
    given = {"phase": "epoch 3/5", "fraction": TRAINING_SHARE * 0.5, "images_per_s": 20.0}
    given |= {"step": 4, "num_steps": 8, "loss": 0.25, "learning_rate": 1e-3}
    ProgressFile(store.folder(of.id).progress).write(TrialProgress(**given | changes), force=True)


def status(capsys, *arguments: str) -> str:
    assert main(["status", *arguments]) == 0
    return capsys.readouterr().out


def test_a_running_trial_has_its_driver_progress_and_time_left(store, capsys):
    """Epochs of 30 s; half of five is left, and evaluation: (1 − .475) of 150 s / .95."""
    store.announce(trial(0))
    row = {"learning_rate": 1e-3, "train_loss": 1.0, "val_loss": 1.0, "images_per_s": 9.0, "duration_s": 30.0}
    store.folder(trial(0).id).write_history([EpochRow(epoch=epoch, **row) for epoch in (1, 2)])
    write_progress(store, trial(0))
    with Leases(store) as leases:
        leases.take(trial(0).id)
        (entry,) = json.loads(status(capsys, "--json"))["running"]
        shown = status(capsys)
    assert entry["id"] == trial(0).id
    assert entry["driver"].startswith(f"process {os.getpid()} on ")
    assert (entry["phase"], entry["step"], entry["num_steps"], entry["loss"]) == ("epoch 3/5", 4, 8, 0.25)
    assert entry["left_s"] == pytest.approx(150 / TRAINING_SHARE * (1 - 0.475))
    assert f"process {os.getpid()} on " in shown
    assert "epoch 3/5" in shown


def test_a_first_epoch_is_timed_by_its_speed(store, capsys):
    """Eight steps of 64 images at 20 images/s are 25.6 s."""
    store.announce(trial(0))
    write_progress(store, trial(0), fraction=0.0)
    with Leases(store) as leases:
        leases.take(trial(0).id)
        (entry,) = json.loads(status(capsys, "--json"))["running"]
    assert entry["left_s"] == pytest.approx(25.6 * 5 / TRAINING_SHARE)


def test_a_killed_driver_runs_nothing(store, capsys):
    code = (
        "import sys, os; from pathlib import Path; from bench.results.lease import Leases;"
        "from bench.results.store import ResultsStore;"
        "leases = Leases(ResultsStore(Path(sys.argv[1]))).__enter__(); leases.take(sys.argv[2]); os._exit(9)"
    )
    store.announce(trial(0))
    write_progress(store, trial(0))
    subprocess.run([sys.executable, "-c", code, str(store.root), trial(0).id], check=False)
    assert (store.folder(trial(0).id).path / "lease.json").exists()
    assert json.loads(status(capsys, "--json"))["running"] == []


def test_a_trial_that_says_nothing_any_more_is_told(store, capsys):
    store.announce(trial(0))
    write_progress(store, trial(0))
    path = store.folder(trial(0).id).progress
    path.write_text(json.dumps(json.loads(path.read_text()) | {"updated_at": time.time() - 200}))
    with Leases(store) as leases:
        leases.take(trial(0).id)
        assert "silent for 3 min 2" in status(capsys)


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(store, finish_trial, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    for seed in range(3):
        finish_trial(store, trial(seed), HIT)
    store.fail(trial(3), "RuntimeError: " + "no memory " * 30)
    store.announce(trial(4))
    write_progress(store, trial(4))
    with Leases(store) as leases:
        leases.take(trial(4).id)
        lines = status(capsys).splitlines()
    assert max(map(len, lines)) <= width
    assert any("epoch 3/5" in line for line in lines)
    assert any(line.startswith("3 finished, 1 failed") for line in lines)


def test_the_last_to_end_come_first(store, finish_trial, capsys):
    finish_trial(store, trial(0), HIT)
    store.fail(trial(1), "Traceback …\nRuntimeError: no memory")
    path = store.folder(trial(0).id).record
    path.write_text(path.read_text().replace('"ended_at": "20', '"ended_at": "19'))
    first, second = json.loads(status(capsys, "--json"))["last_ended"]
    assert (first["id"], first["reason"]) == (trial(1).id, "RuntimeError: no memory")
    assert (second["id"], second["point_accuracy"]) == (trial(0).id, 1.0)


def test_an_empty_folder_is_no_mistake(store, capsys):
    assert status(capsys).splitlines()[:2] == ["nothing runs", "0 finished, none failed"]


def test_watching_needs_a_terminal(store, capsys):
    assert main(["status", "--watch"]) == 2
    assert capsys.readouterr().err == "bench status: --watch needs a terminal; --json is for programs\n"
