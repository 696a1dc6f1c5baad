"""What the store was told is read by SQLite as MLflow has written it, and nothing else counts as told."""

import pytest

from bench.results.provenance import describe
from bench.results.record import CamEvaluation, Outcome
from bench.results.store import ResultsStore
from bench.suite.load import load_suite
from bench.tracking.mirrored import OnDemand, mirrored_tags
from bench.tracking.mlflow import MlflowTracker

SUITE = """\
models: [pylon]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1]
"""


@pytest.fixture
def grid(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    path = tmp_path / "mirror.yaml"
    path.write_text(SUITE)
    return load_suite(path).grid


def test_mlflow_is_opened_for_what_its_store_lacks_and_for_nothing_else(grid, tmp_path):
    store = ResultsStore(tmp_path)
    outcome = Outcome(
        metrics={"point_accuracy/weighted": 0.75},
        best_epoch=1,
        num_epochs=1,
        duration_s=2.0,
        notes=(),
        provenance=describe("cpu", "float32", 1),
    )
    opened = []

    def open_tracker():
        opened.append(MlflowTracker("mirror", grid, tmp_path))
        return opened[-1]

    def tell() -> int:
        """Tells all there is, as a finished suite does; returns how often MLflow was opened."""
        opened.clear()
        tracker = OnDemand(mirrored_tags(tmp_path, "mirror"), open_tracker)
        for trial in grid.trials:
            if (record := store.record(trial.id)) is not None:
                tracker.ended(record, store.folder(trial.id))
        tracker.close()
        return len(opened)

    first, second = grid.trials
    store.announce(first)
    store.finish(first, outcome)
    assert [tell(), tell()] == [1, 0]
    store.fail(second, "boom")
    assert [tell(), tell()] == [1, 0]
    evaluation = CamEvaluation(method="grad_cam", status="finished", ended_at="2026-01-01")
    store.evaluated(first.id, evaluation)
    assert [tell(), tell()] == [1, 0]
    store.evaluated(first.id, evaluation.model_copy(update={"ended_at": "2026-01-02"}))
    assert [tell(), tell()] == [1, 0]
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
    assert mirrored_tags(tmp_path, "mirror") == {}


def test_a_server_is_asked_itself(grid, tmp_path, monkeypatch):
    MlflowTracker("mirror", grid, tmp_path).close()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert mirrored_tags(tmp_path, "mirror") == {}
