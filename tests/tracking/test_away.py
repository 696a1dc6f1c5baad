"""A store that is away or broken when a run begins costs a warning; what it missed is there afterwards."""

import json
import logging
import shutil
import socket
import threading

import pytest

from bench.cli.main import main
from bench.tracking.mlflow import MlflowTracker

from .conftest import Mirror, row


@pytest.fixture
def away(mirror, monkeypatch):
    """A server that is away at an address with a password."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://anna:s3cret@127.0.0.1:{port}")
    return mirror


def warned(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("bench.")]


def test_a_server_that_is_away_costs_warnings_without_its_password(away, caplog):
    with caplog.at_level(logging.WARNING):
        away.run()
    assert away.store.state(away.trial.id) == "finished"
    assert warned(caplog)
    assert not [text for text in warned(caplog) if "s3cret" in text]
    kept = [path for path in away.store.root.rglob("*.json") if "s3cret" in path.read_text()]
    assert not kept


def test_what_it_missed_is_made_up_for_by_sync(away, monkeypatch, caplog):
    away.run()
    assert main(["mlflow-sync", "--results-dir", str(away.store.root)]) == 2
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert main(["mlflow-sync", "--results-dir", str(away.store.root)]) == 0
    (run,) = away.runs()
    assert run.data.metrics["point_accuracy/weighted"] == 0.75
    assert [parent.info.status for parent in away.runs("suite run")] == ["FINISHED"]


def test_what_it_missed_is_made_up_for_by_the_next_run(away, monkeypatch):
    away.run()
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    away.run()
    (run,) = away.runs()
    assert away.steps(run) == [1, 2]


def test_a_server_that_comes_while_the_run_goes_on_is_told_all(away, monkeypatch):
    tracker, invocation = away.tracker()
    away.train(away.trial, tracker)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    away.report(tracker, invocation)
    (run,) = away.runs()
    assert (run.info.status, away.steps(run)) == ("FINISHED", [1, 2])


def test_a_server_that_answers_nothing_is_asked_seldom(mirror, monkeypatch):
    """Every request is one more connection: those that the first try has made stay the only ones."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    kept = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{listening.getsockname()[1]}")

        def accept():
            while True:
                try:
                    kept.append(listening.accept())
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        tracker = MlflowTracker(mirror.store.root)
        asked = len(kept)
        tracker.invoked(mirror.invocations.begin(mirror.suite(), ("run",)))
        tracker.started(mirror.trial)
        tracker.epoch(mirror.trial, row(1))
        tracker.close()
        assert (asked > 0, len(kept)) == (True, asked)
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection, _ in kept:
        connection.close()


def test_two_results_folders_on_one_server_keep_their_runs_of_suites_apart(mirror, tmp_path, monkeypatch):
    times = iter(f"2026-01-01T00:00:{second:02}+00:00" for second in range(60))
    monkeypatch.setattr("bench.results.invocation.now", lambda: next(times))
    shared = mirror.store.root / "mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shared}")
    other = Mirror(tmp_path / "other", mirror.fresh_database)
    other.store.root.mkdir(parents=True)
    for one in (mirror, other, mirror, other):
        one.run()
    assert main(["mlflow-sync", "--results-dir", str(other.store.root)]) == 0
    names = [run.data.tags["mlflow.runName"] for run in mirror.runs("suite run")]
    assert sorted(names) == ["mirror #1", "mirror #1", "mirror #2", "mirror #2"]
    assert len(mirror.runs()) == 1


@pytest.mark.parametrize("uri", ["sqlite:////dev/null/all.db", "postgresql://anna:s3cret@127.0.0.1:9/x"])
def test_a_database_that_cannot_be_opened_costs_warnings(mirror, monkeypatch, caplog, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with caplog.at_level(logging.WARNING):
        mirror.run()
    assert warned(caplog)
    assert not [text for text in warned(caplog) if "s3cret" in text]


def test_a_damaged_store_costs_warnings_and_is_made_again_once_it_is_moved_aside(mirror, caplog, tmp_path):
    database = mirror.store.root / "mlflow.db"
    database.write_bytes(b"no database" * 1000)
    with caplog.at_level(logging.WARNING):
        mirror.run()
    assert [text for text in warned(caplog) if str(database) in text]
    database.rename(tmp_path / "aside.db")
    assert main(["mlflow-sync", "--results-dir", str(mirror.store.root)]) == 0
    assert len(mirror.runs()) == 1


def test_files_of_runs_that_cannot_be_read_are_told_and_the_others_mirrored(mirror, capsys):
    first, second = mirror.run(), mirror.run()
    mirror.invocations.folder(first).invocation.write_text("{")
    mirror.invocations.folder(second).environment.write_text("")
    third = mirror.run()
    newer = mirror.invocations.folder(third).invocation
    newer.write_text(json.dumps(json.loads(newer.read_text()) | {"hosts": ["n7"]}))
    shutil.copy(mirror.fresh_database, mirror.store.root)
    assert main(["mlflow-sync", "--results-dir", str(mirror.store.root)]) == 1
    told = capsys.readouterr().err
    assert str(mirror.invocations.folder(first).invocation) in told
    assert str(mirror.invocations.folder(second).environment) in told
    assert [run.data.tags["mlflow.runName"] for run in mirror.runs("suite run")][-1] == third.name
    assert len(mirror.runs()) == 1
