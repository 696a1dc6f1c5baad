"""Samples of the machine in MLflow runs: while they are open, in order, and never in the way."""

import threading

import pytest
from mlflow.tracking import MlflowClient
from waiting import wait_until

from bench.tracking.system_metrics import SystemMetrics

CPU, MEMORY = "system/cpu_utilization_percentage", "system/system_memory_usage_percentage"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    return MlflowClient(f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}")


@pytest.fixture
def new_run(client, monkeypatch):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    return lambda: client.create_run("0").info.run_id


def steps(client: MlflowClient, run_id: str, name: str = CPU) -> list[int]:
    return [metric.step for metric in client.get_metric_history(run_id, name)]


def wait_for_samples(client: MlflowClient, run_id: str, count: int) -> None:
    wait_until(lambda: len(steps(client, run_id)) >= count, f"{count} samples", pause_s=0.02)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "SystemMetrics"]


def test_every_open_run_gets_samples_and_one_thread_makes_them(client, new_run):
    first, second = new_run(), new_run()
    system = SystemMetrics(client)
    system.open(first)
    wait_for_samples(client, first, 2)
    system.open(second)
    wait_for_samples(client, second, 2)
    assert len(threads()) == 1
    system.close(first)
    num_samples = len(steps(client, first))
    wait_for_samples(client, second, 5)
    assert len(steps(client, first)) <= num_samples + 1  # a sample may have been under way
    system.close(second)
    assert not threads()
    for run in (first, second):
        assert steps(client, run) == list(range(len(steps(client, run))))
        assert len(steps(client, run, MEMORY)) == len(steps(client, run))
    values = client.get_run(second).data.metrics
    assert 0 <= values[CPU] <= 100
    assert 0 < values[MEMORY] < 100


def test_run_that_is_taken_up_again_goes_on_where_it_was(client, new_run):
    run = new_run()
    for _ in range(2):
        system, num_samples = SystemMetrics(client), len(steps(client, run))
        system.open(run)
        wait_for_samples(client, run, num_samples + 2)
        system.stop()
        assert not threads()
    assert steps(client, run) == list(range(len(steps(client, run))))


def test_nothing_is_sampled_where_it_is_turned_off(client, new_run, monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "false")
    system = SystemMetrics(client)
    system.open(new_run())
    assert not threads()
    system.stop()
