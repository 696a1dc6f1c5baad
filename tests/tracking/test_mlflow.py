"""The MLflow mirror while a suite runs: complete, found again, and never the reason that a result is lost."""

import json
import logging
import re
import subprocess
import threading
import time
from urllib.parse import parse_qs

import pytest
from records import finish_whole

from bench.errors import DiskFullError
from bench.results.record import CamEvaluation
from bench.tracking.dashboard import VIEW, VIEW_TAG
from bench.tracking.mlflow import MlflowTracker

from .conftest import outcome, row


def sampling_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "SystemMetrics"]


def test_a_run_of_a_suite_is_a_parent_with_its_trials_below(mirror):
    ended = mirror.run()
    (parent,), (child,) = mirror.runs("suite run"), mirror.runs()
    assert (parent.info.run_name, parent.info.status) == ("mirror #1", "FINISHED")
    assert (child.info.run_name, child.info.status) == ("Ours · s0 · phantom 64 px", "FINISHED")
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.data.tags["trained_by"] == "mirror #1"
    note = parent.data.tags["mlflow.note.content"]
    assert "**A mirror**" in note
    assert "| 0.75 |" in note
    assert parent.data.metrics["point_accuracy/weighted/Ours"] == 0.75
    assert (parent.data.metrics["trials/finished"], parent.data.metrics["trials/reused"]) == (1, 0)
    assert mirror.artifacts(parent) == {
        "config.json",
        "environment.json",
        "invocation.json",
        "report",
        "suite.yaml",
    }
    assert mirror.artifacts(parent, "report") == {"report/README.md", "report/figure.png"}
    assert ended.status == "finished"
    assert mirror.artifacts(child) == {"trial.json", "record.json", "history.csv", "heatmaps.png", "cams"}
    assert mirror.artifacts(child, "cams") == {"cams/native.json"}


def test_a_trial_of_several_runs_of_a_suite_is_below_the_widest_only(mirror):
    mirror.run()
    mirror.text = mirror.text.replace("[0]", "[0, 1]")
    mirror.run()
    parents, children = mirror.runs("suite run"), mirror.runs()
    assert [parent.info.run_name for parent in parents] == ["mirror #1", "mirror #2"]
    assert [child.data.tags["trained_by"] for child in children] == ["mirror #1", "mirror #2"]
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {parents[1].info.run_id}
    assert (parents[1].data.metrics["trials/finished"], parents[1].data.metrics["trials/reused"]) == (2, 1)
    mirror.text = mirror.text.replace("[0, 1]", "[1]")
    mirror.run()
    children = mirror.runs()
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {parents[1].info.run_id}
    assert [child.data.tags["invocations"] for child in children] == ["#1, #2,", "#2, #3,"]
    note = mirror.runs("suite run")[2].data.tags["mlflow.note.content"]
    charts, runs = re.findall(r"\(#/experiments/1/runs\?(\S+?)\)", note)
    (condition,) = parse_qs(charts)["searchFilter"]
    (shown,) = mirror.client.search_runs(["1"], condition)
    assert shown.info.run_id == children[1].info.run_id
    (view,) = parse_qs(runs)["viewStateShareKey"]
    kept = mirror.client.get_experiment("1").tags[f"mlflow.sharedViewState.{view}"]
    assert "metrics.`point_accuracy/weighted`" in json.loads(kept)["selectedColumns"]


def test_of_equally_wide_runs_of_a_suite_the_latest_has_the_trials(mirror):
    mirror.run()
    mirror.run()
    (child,), parents = mirror.runs(), mirror.runs("suite run")
    assert child.data.tags["mlflow.parentRunId"] == parents[1].info.run_id


def test_a_trial_that_another_suite_trained_links_to_it(mirror):
    mirror.run("first")
    mirror.run("second")
    (there,), (here,) = mirror.runs(name="first"), mirror.runs(name="second")
    assert here.data.tags["trial_id"] == there.data.tags["trial_id"]
    assert here.data.tags["trained_by"] == "first #1"
    link = f"[first #1](#/experiments/{there.info.experiment_id}/runs/{there.info.run_id})"
    assert link in here.data.tags["mlflow.note.content"]
    assert "](" not in there.data.tags["mlflow.note.content"]


def test_trial_is_mirrored_once_however_often_it_is_told(mirror):
    trial = mirror.trial
    mirror.run()
    again, _ = mirror.tracker()
    again.epoch(trial, row(1))
    again.epoch(trial, row(2))
    again.ended(mirror.store.record(trial.id), {})
    (run,) = mirror.runs()
    assert run.info.status == "FINISHED"
    assert run.data.metrics["point_accuracy/weighted"] == 0.75
    assert "a note" in run.data.tags["mlflow.note.content"]
    assert mirror.steps(run) == [1, 2]
    assert mirror.steps(run, "point_accuracy/weighted") == [0]


def test_names_that_mlflow_does_not_take_are_changed_to_such_as_it_takes(mirror):
    mirror.run()
    (run,) = mirror.runs()
    assert run.data.metrics["point_accuracy/Mass left"] == 0.5


def test_default_columns_and_filters_have_something_to_show(mirror):
    mirror.run()
    (parent,), (run,) = mirror.runs("suite run"), mirror.runs()
    (data,) = run.inputs.dataset_inputs
    assert data.dataset.name == "phantom 64 px"
    assert parent.data.tags["mlflow.source.name"] == "bench run mirror.yaml"
    assert run.info.end_time - run.info.start_time >= 0
    tags = {"suite": "mirror", "model": "Ours", "dataset": "phantom", "resolution": "64", "seed": "0"}
    assert tags.items() <= run.data.tags.items()


@pytest.mark.parametrize("heard", [(), (2,)])
def test_epochs_that_were_missed_are_made_up_for_from_disk(mirror, heard):
    trial, folder = mirror.trial, mirror.store.folder(mirror.trial.id)
    tracker, _ = mirror.tracker()
    mirror.store.announce(trial)
    for epoch in heard:
        tracker.epoch(trial, row(epoch))
    folder.write_history([row(1), row(2)])
    tracker.ended(finish_whole(mirror.store, trial, outcome()), {})
    (run,) = mirror.runs()
    history = mirror.client.get_metric_history(run.info.run_id, "val_loss")
    assert sorted((one.step, one.value) for one in history) == [(1, 0.4), (2, 0.2)]


def test_failure_is_shown_with_its_traceback(mirror):
    trial = mirror.trial
    mirror.store.announce(trial)
    tracker, invocation = mirror.tracker()
    tracker.ended(mirror.store.fail(trial, "Traceback: it broke"), {})
    mirror.report(tracker, invocation)
    (parent,), (run,) = mirror.runs("suite run"), mirror.runs()
    assert (parent.info.status, run.info.status) == ("FAILED", "FAILED")
    assert "it broke" in run.data.tags["mlflow.note.content"]
    assert parent.data.metrics["trials/failed"] == 1


def test_other_maps_are_logged_beside_the_native_one_when_they_come(mirror):
    trial = mirror.trial
    mirror.run()
    for method, status, values in (
        ("grad_cam", "finished", {"point_accuracy/weighted": 0.5}),
        ("eigen_cam", "failed", {}),
    ):
        tracker, _ = mirror.tracker()
        tracker.started(trial)  # as when a finished trial is taken up again
        evaluation = CamEvaluation(method=method, status=status, metrics=values, ended_at="2026-01-01")
        mirror.store.evaluated(trial.id, evaluation)
        mirror.store.folder(trial.id).cam_maps(method).write_bytes(b"maps, which are not uploaded")
        tracker.ended(mirror.store.record(trial.id), {})
        tracker.close()
    (run,) = mirror.runs()
    assert run.info.status == "FINISHED"
    assert run.data.metrics["grad_cam/point_accuracy/weighted"] == 0.5
    assert run.data.metrics["point_accuracy/weighted"] == 0.75
    assert (run.data.tags["grad_cam.status"], run.data.tags["eigen_cam.status"]) == ("finished", "failed")
    assert mirror.artifacts(run, "cams") == {
        f"cams/{cam}.json" for cam in ("native", "grad_cam", "eigen_cam")
    }


def test_store_that_breaks_while_running_is_a_warning(mirror, caplog, monkeypatch):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    tracker, _ = mirror.tracker()
    tracker.started(mirror.trial)
    for path in mirror.store.root.glob("mlflow.db*"):
        path.write_bytes(b"no database" * 1000)
    with caplog.at_level(logging.WARNING):
        tracker.epoch(mirror.trial, row(1))
        time.sleep(0.3)  # for samples of the machine, which fail without a word
        tracker.close()
    (warning,) = (record for record in caplog.records if record.name.startswith("bench."))
    assert re.search("MLflow was not told", warning.message)
    assert not sampling_threads()


def test_a_store_that_finds_no_room_is_made_anew_when_there_is_some(mount_disk, tmp_path, monkeypatch):
    """Half of its tables would be a store that can never be opened."""
    disk = mount_disk("128k")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(DiskFullError, match="the disk is full"):
        MlflowTracker(disk)
    assert not list(disk.glob("*.db"))
    subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
    MlflowTracker(disk).close()
    assert (disk / "mlflow.db").exists()


def test_machine_is_sampled_while_a_trial_runs(mirror):
    trial = mirror.trial
    tracker, _ = mirror.tracker()
    tracker.started(trial)
    deadline = time.monotonic() + 60
    while "system/cpu_utilization_percentage" not in mirror.runs()[0].data.metrics:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    tracker.ended(mirror.store.fail(trial, "Traceback: it broke"), {})
    assert not sampling_threads()
    tracker.started(trial)
    assert len(sampling_threads()) == 1
    tracker.close()  # as when the run is interrupted
    assert not sampling_threads()


def test_a_chain_describe_trials_is_told_by_the_id_of_the_one_before(mirror):
    """MLflow takes a hundred parameters at a time; a trial's ancestors would bring more."""
    trial = mirror.trial
    for _ in range(3):
        trial = trial.model_copy(update={"init": trial})
    tracker, _ = mirror.tracker()
    mirror.train(trial, tracker)
    (run,) = mirror.runs()
    assert run.data.params["init"] == trial.init.id
    assert not any(key.startswith("init.") for key in run.data.params)


def test_two_trackers_that_meet_make_one_run_of_a_trial(mirror):
    """Both have looked before either has made it."""
    (first, _), (second, _) = mirror.tracker(), mirror.tracker()
    assert isinstance(second, MlflowTracker)
    mirror.train(mirror.trial, first)
    second.ended(mirror.store.record(mirror.trial.id), {})
    (run,) = mirror.runs()
    assert run.data.tags["invocation"] == "2"
    first.ended(mirror.store.record(mirror.trial.id), {})
    (run,) = mirror.runs()
    assert run.data.tags["invocation"] == "2"
    for tracker in (first, second):
        tracker.close()


def test_an_experiment_of_before_gets_its_view(mirror):
    mirror.run()
    mirror.client.delete_experiment_tag("1", VIEW_TAG)
    assert VIEW_TAG not in mirror.client.get_experiment("1").tags
    mirror.run()
    assert mirror.client.get_experiment("1").tags[VIEW_TAG] == VIEW
