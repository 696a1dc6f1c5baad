"""The MLflow mirror: complete, found again, and never the reason that a result is lost."""

import logging
import re
import threading
import time
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from bench.results.provenance import describe
from bench.results.record import CamEvaluation, EpochRow, Outcome
from bench.results.store import ResultsStore
from bench.suite.load import load_suite
from bench.tracking.mlflow import MlflowTracker
from bench.tracking.tracker import NullTracker, Tracker

SUITE = """\
models: [{name: pylon, label: Ours}]
datasets: [phantom]
resolutions: [64]
seeds: [0]
"""


@pytest.fixture
def grid(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    path = tmp_path / "mirror.yaml"
    path.write_text(SUITE)
    return load_suite(path).grid


@pytest.fixture
def store(tmp_path):
    return ResultsStore(tmp_path / "results")


def row(epoch: int) -> EpochRow:
    return EpochRow(
        epoch=epoch,
        learning_rate=1e-4,
        train_loss=0.5,
        val_loss=0.4 / epoch,
        images_per_s=10.0,
        duration_s=1.0,
    )


def outcome() -> Outcome:
    return Outcome(
        metrics={"point_accuracy/weighted": 0.75},
        best_epoch=2,
        num_epochs=2,
        duration_s=2.0,
        notes=("a note",),
        provenance=describe("cpu", "float32", 1),
    )


def runs(store: ResultsStore):
    client = MlflowClient(f"sqlite:///{store.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("mirror")
    return client, client.search_runs([experiment.experiment_id])


def mirror_whole_trial(tracker: Tracker, store: ResultsStore, trial) -> None:
    folder = store.folder(trial.id)
    store.announce(trial)
    tracker.started(trial)
    for epoch in (1, 2):
        tracker.epoch(trial, row(epoch))
    folder.write_history([row(1), row(2)])
    tracker.ended(store.finish(trial, outcome()), folder)


def sampling_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "SystemMetrics"]


def test_trial_is_mirrored_once_however_often_it_is_told(grid, store):
    (trial,) = grid.trials
    mirror_whole_trial(MlflowTracker("mirror", grid, store.root), store, trial)
    again = MlflowTracker("mirror", grid, store.root)
    again.epoch(trial, row(1))
    again.epoch(trial, row(2))
    again.ended(store.record(trial.id), store.folder(trial.id))
    client, (run,) = runs(store)
    assert run.info.run_name == "Ours · s0 · phantom 64 px"
    assert run.info.status == "FINISHED"
    assert run.data.metrics["point_accuracy/weighted"] == 0.75
    assert "a note" in run.data.tags["mlflow.note.content"]
    assert [m.step for m in client.get_metric_history(run.info.run_id, "val_loss")] == [1, 2]


def test_epochs_that_were_missed_are_made_up_for_from_disk(grid, store):
    (trial,) = grid.trials
    folder = store.folder(trial.id)
    store.announce(trial)
    folder.write_history([row(1), row(2)])
    record = store.finish(trial, outcome())
    MlflowTracker("mirror", grid, store.root).ended(record, folder)
    client, (run,) = runs(store)
    assert [m.value for m in client.get_metric_history(run.info.run_id, "val_loss")] == [0.4, 0.2]


def test_failure_is_shown_with_its_traceback(grid, store):
    (trial,) = grid.trials
    store.announce(trial)
    tracker = MlflowTracker("mirror", grid, store.root)
    tracker.ended(store.fail(trial, "Traceback: it broke"), store.folder(trial.id))
    _, (run,) = runs(store)
    assert run.info.status == "FAILED"
    assert "it broke" in run.data.tags["mlflow.note.content"]


def test_other_maps_are_logged_beside_the_native_one_when_they_come(grid, store):
    (trial,) = grid.trials
    folder, tracker = store.folder(trial.id), MlflowTracker("mirror", grid, store.root)
    mirror_whole_trial(tracker, store, trial)
    for method, status, values in (
        ("grad_cam", "finished", {"point_accuracy/weighted": 0.5}),
        ("eigen_cam", "failed", {}),
    ):
        tracker.started(trial)  # as when a finished trial is taken up again
        evaluation = CamEvaluation(method=method, status=status, metrics=values, ended_at="2026-01-01")
        store.evaluated(trial.id, evaluation)
        MlflowTracker("mirror", grid, store.root).ended(store.record(trial.id), folder)
    tracker.close()
    client, (run,) = runs(store)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["grad_cam/point_accuracy/weighted"] == 0.5
    assert run.data.metrics["point_accuracy/weighted"] == 0.75
    assert (run.data.tags["grad_cam.status"], run.data.tags["eigen_cam.status"]) == ("finished", "failed")
    artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id, "cams")}
    assert artifacts == {"cams/grad_cam.json", "cams/eigen_cam.json"}


def test_store_that_breaks_while_running_is_a_warning(grid, store, caplog, monkeypatch):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    (trial,) = grid.trials
    tracker = MlflowTracker("mirror", grid, store.root)
    tracker.started(trial)
    for path in store.root.glob("mlflow.db*"):
        path.write_bytes(b"no database" * 1000)
    with caplog.at_level(logging.WARNING):
        tracker.epoch(trial, row(1))
        time.sleep(0.3)  # for samples of the machine, which fail without a word
        tracker.close()
    (warning,) = (record for record in caplog.records if record.name.startswith("bench."))
    assert re.search("MLflow was not told", warning.message)
    assert not sampling_threads()


def test_machine_is_sampled_while_a_trial_runs(grid, store):
    (trial,) = grid.trials
    tracker = MlflowTracker("mirror", grid, store.root)
    tracker.started(trial)
    deadline = time.monotonic() + 60
    while "system/cpu_utilization_percentage" not in runs(store)[1][0].data.metrics:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    tracker.ended(store.fail(trial, "Traceback: it broke"), store.folder(trial.id))
    assert not sampling_threads()
    tracker.started(trial)
    assert len(sampling_threads()) == 1
    tracker.close()  # as when the run is interrupted
    assert not sampling_threads()


def test_null_tracker_takes_everything(grid, store):
    mirror_whole_trial(NullTracker(), store, grid.trials[0])
    assert not Path(store.root / "mlflow.db").exists()


def test_a_chain_of_trials_is_told_by_the_id_of_the_one_before(grid, store):
    """MLflow takes a hundred parameters at a time; a trial's ancestors would bring more."""
    trial = grid.trials[0]
    for _ in range(3):
        trial = trial.model_copy(update={"init": trial})
    tracker = MlflowTracker("mirror", grid, store.root)
    mirror_whole_trial(tracker, store, trial)
    _, (run,) = runs(store)
    assert run.data.params["init"] == trial.init.id
    assert not any(key.startswith("init.") for key in run.data.params)
