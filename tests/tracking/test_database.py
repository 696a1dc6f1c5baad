"""What the store was told is read by SQLite as MLflow has written it, and nothing else counts as told."""

import pytest

from bench.results.record import CamEvaluation
from bench.tracking.database import experiments, is_mirrored, mirrored_tags


@pytest.fixture
def told(mirror, monkeypatch):
    """Whether the store has all that is known of the trial."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def told() -> bool:
        store, trial_id = mirror.store, mirror.trial.id
        tags = mirrored_tags(store.root, "mirror").get(trial_id, {})
        return is_mirrored(store.record(trial_id), store.folder(trial_id), tags)

    return told


def test_what_the_store_lacks_is_seen_and_nothing_else(mirror, told):
    mirror.run()
    assert told()
    evaluation = CamEvaluation(method="grad_cam", status="finished", ended_at="2026-01-01T00:00:00+00:00")
    for ended_at in ("2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"):
        mirror.store.evaluated(mirror.trial.id, evaluation.model_copy(update={"ended_at": ended_at}))
        assert not told()
        mirror.run()
        assert told()


def test_a_store_that_is_none_has_nothing(mirror, told):
    mirror.run()
    (mirror.store.root / "mlflow.db").write_bytes(b"no database" * 1000)
    assert not told()


def test_a_server_is_asked_itself(mirror, told, monkeypatch):
    mirror.run()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert not told()


def test_experiments_of_suites_are_found_without_mlflow(mirror, tmp_path):
    assert experiments(tmp_path / "nowhere") == {}
    mirror.run("first")
    mirror.run("second")
    mirror.client.create_experiment("of something else")
    mirror.client.delete_experiment(mirror.client.get_experiment_by_name("first").experiment_id)
    expected = mirror.client.get_experiment_by_name("second").experiment_id
    assert experiments(mirror.store.root) == {"second": expected}
