"""What `bench ui` says where it cannot start a dashboard, or need not."""

import socket

import pytest

from bench.cli.main import main


@pytest.fixture(autouse=True)
def _no_other_store(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_without_a_store_it_says_how_to_make_one(tmp_path, capsys):
    assert main(["ui", "--results-dir", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said == (
        f"{tmp_path}/mlflow.db: no MLflow store here yet; bench run makes one, "
        "or bench mlflow-sync from results\n"
    )


def test_a_port_that_is_taken_or_none_is_refused_in_a_sentence(tmp_path, capsys):
    (tmp_path / "mlflow.db").touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        for port in (other.getsockname()[1], 70000):
            assert main(["ui", "--results-dir", str(tmp_path), "--port", str(port)]) == 2
            assert capsys.readouterr().err.startswith(f"--port {port}: cannot be used")


def test_of_a_server_elsewhere_it_says_the_address(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://anna:s3cret@example.org:5000")
    assert main(["ui", "--results-dir", str(tmp_path)]) == 0
    assert "dashboard: http://***@example.org:5000" in capsys.readouterr().err
