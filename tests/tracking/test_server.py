"""A store behind a server that goes away and comes back: warnings, and all of it there in the end."""

import logging
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from mlflow.tracking import MlflowClient
from waiting import wait_until

import bench.tracking.mlflow as tracking

from .conftest import row


class Server:
    """MLflow's own, on a port that stays the same."""

    def __init__(self, database):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri"]
        self._command += [
            f"sqlite:///{database}",
            "--artifacts-destination",
            str(database.parent / "artifacts"),
        ]
        self._command += ["--port", str(self.port), "--workers", "1"]
        self._process = None

    def start(self):
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        self._process = subprocess.Popen(
            self._command,
            env=os.environ | quiet,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self.answers, "the server's answer")

    def stop(self):
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def answers(self):
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=1) as response:
                return response.status == 200
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False


@pytest.fixture
def server(mirror, monkeypatch):
    found = Server(mirror.store.root / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", found.uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "false")
    found.start()
    yield found
    found.stop()


@pytest.mark.slow
def test_what_a_server_missed_is_made_up_for_when_it_is_back(mirror, server, monkeypatch, caplog):
    monkeypatch.setattr(tracking, "PAUSE_S", 0.2)
    mirror.text = mirror.text.replace("[0]", "[0, 1]")
    first, second = mirror.suite().grid.trials
    tracker, invocation = mirror.tracker()
    tracker.started(first)
    tracker.epoch(first, row(1))
    server.stop()
    with caplog.at_level(logging.WARNING):
        tracker.epoch(first, row(2))
        mirror.store.announce(first)
        mirror.store.folder(first.id).write_history([row(1), row(2)])
        tracker.ended(mirror.store.fail(first, "it broke"), {})
        mirror.train(second, tracker)
    told = [record.message for record in caplog.records if record.name.startswith("bench.")]
    assert told
    assert all("MLflow was not told" in message for message in told)
    assert mirror.store.record(second.id).status == "finished"
    server.start()
    mirror.report(tracker, invocation)
    mirror_of_server = MlflowClient(server.uri)
    experiment = mirror_of_server.get_experiment_by_name("mirror").experiment_id
    runs = mirror_of_server.search_runs([experiment], "tags.kind = 'trial'")
    assert {run.data.tags["trial_id"]: run.info.status for run in runs} == {
        first.id: "FAILED",
        second.id: "FINISHED",
    }
    for run in runs:
        history = mirror_of_server.get_metric_history(run.info.run_id, "val_loss")
        assert sorted(one.step for one in history) == [1, 2]
        files = {one.path for one in mirror_of_server.list_artifacts(run.info.run_id)}
        assert {"trial.json", "record.json", "history.csv"} <= files
    (parent,) = mirror_of_server.search_runs([experiment], "tags.kind = 'suite run'")
    assert parent.info.status == "FAILED"
    assert "| 0.75 |" in parent.data.tags["mlflow.note.content"]
