"""Clusters that are there already: joined and left alone, refused when nothing fits or answers."""

import errno
import os
import re
import socket
from functools import lru_cache, partial

import pytest
import ray
from ray.cluster_utils import Cluster
from trials import Ledger, context_in, make_trial

from bench.errors import BenchError, SuiteError
from bench.execution.executor import decide_gpu
from bench.execution.ray import cluster
from bench.execution.ray import executor as ray_executor
from bench.execution.ray.capacity import check_fit
from bench.execution.ray.executor import RayExecutor
from bench.execution.serial import SerialExecutor
from bench.execution.usable_gpus import num_usable_gpus
from bench.planning.machine import num_slots
from bench.results.store import ResultsStore
from bench.suite.schema import Resources
from bench.suite.trial import Trial

trial = partial(make_trial, images=(48, 8, 8), batch_size=4, max_epochs=1)


@pytest.fixture(scope="module")
def two_nodes():
    """A cluster of two nodes on this machine, one of them said to have a GPU, which it has not."""
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 1})
    found.add_node(num_cpus=1)
    yield found
    found.shutdown()


def run(two_nodes, tmp_path, trials, resources, *, use_gpu=False, ledger=None, executor=None) -> Ledger:
    ledger = ledger or Ledger(ResultsStore(tmp_path))
    context = context_in(tmp_path, use_gpu=use_gpu, checkpoint_every_s=0)
    executor = executor or RayExecutor(two_nodes.address)
    executor.run(trials, context, resources, ledger)
    return ledger


def test_more_than_a_node_has_is_refused_at_once_and_names_the_way_out(two_nodes, tmp_path):
    executor = RayExecutor(two_nodes.address)
    with pytest.raises(SuiteError, match=r"2 GPUs per trial.*1; --cpu"):
        decide_gpu(Resources(gpu=2), executor, cpu_only=False)
    assert not decide_gpu(Resources(gpu=2), executor, cpu_only=True)
    assert decide_gpu(Resources(gpu=0.5), executor, cpu_only=False)
    with pytest.raises(BenchError, match="asks for 2 CPU cores and 0 GPUs, and no node of the cluster"):
        run(two_nodes, tmp_path, [trial(0)], Resources(cpu=2))
    with pytest.raises(BenchError, match=r"asks for 1 CPU cores and 1\.5 GPUs"):
        run(two_nodes, tmp_path, [trial(0)], Resources(gpu=1.5), use_gpu=True)


def test_a_node_whose_gpu_torch_does_not_find_is_named_before_anything_runs(two_nodes, tmp_path):
    if num_usable_gpus():
        pytest.skip("this machine has a GPU")
    with pytest.raises(BenchError, match=r"^node \d+\.\d+\.\d+\.\d+ has no GPU that torch can find"):
        run(two_nodes, tmp_path, [trial(0)], Resources(gpu=0.5), use_gpu=True)
    assert not list(tmp_path.glob("trials/*"))


def test_a_share_of_a_gpu_is_asked_for_and_an_error_of_the_code_is_final(two_nodes, tmp_path, monkeypatch):
    """Though the GPU is none, the trial is placed on half of it, knows that, and fails once."""
    found = tmp_path / "found"

    def work(config, context, specifications):
        from bench.execution.ray.executor import _work

        found.write_text(f"{context.gpu_share} of {os.environ['CUDA_VISIBLE_DEVICES']}")
        _work(config, context, specifications)

    monkeypatch.setattr(ray_executor, "check_nodes", lambda *_: None)
    monkeypatch.setattr(ray_executor, "_work", work)
    ledger = run(two_nodes, tmp_path, [trial(0)], Resources(cpu=0.5, gpu=0.5), use_gpu=True)
    assert found.read_text() == "0.5 of 0"
    (error,) = ledger.errors
    assert "CUDA" in error or "NVIDIA" in error


def test_trials_run_on_the_cluster_and_it_stays(two_nodes, tmp_path):
    ledger = run(two_nodes, tmp_path, [trial(0)], Resources(cpu=1))
    assert ledger.errors == []
    assert ledger.store.state(trial(0).id) == "finished"
    assert two_nodes.head_node.all_processes["raylet"][0].process.poll() is None


@pytest.mark.slow
def test_what_the_driver_cannot_write_ends_the_run_as_what_it_is(two_nodes, tmp_path):
    """Not as an error of Tune's, and not as a failure of the trial, which has none."""

    class Full(Ledger):
        def finished(self, one: Trial, outcome) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", "record.json")

    ledger = Full(ResultsStore(tmp_path))
    with pytest.raises(OSError, match=r"No space left on device: 'record\.json'"):
        run(two_nodes, tmp_path, [trial(0)], Resources(cpu=1), ledger=ledger)
    assert ledger.errors == []
    assert not ray.is_initialized()


@pytest.mark.slow
def test_a_trial_that_fits_no_node_any_more_is_given_up_and_can_be_resumed(two_nodes, tmp_path, caplog):
    node = two_nodes.add_node(num_cpus=2)

    class Losing(Ledger):
        def epoch(self, one: Trial, row) -> None:
            if node in two_nodes.worker_nodes:  # whose worker may end some more epochs before it goes too
                two_nodes.remove_node(node, allow_graceful=False)

    ledger = Losing(ResultsStore(tmp_path))
    longer = trial(max_epochs=100, plateau_patience=100)
    executor = RayExecutor(two_nodes.address, node_patience_s=0)
    with pytest.raises(BenchError, match="a node with 2 CPU cores and 0 GPUs"):
        run(two_nodes, tmp_path, [longer], Resources(cpu=2), ledger=ledger, executor=executor)
    assert re.search(r"its worker died: [^;]*node[^;]*; it goes on from its last checkpoint", caplog.text)
    assert ledger.errors == []
    assert ledger.store.state(longer.id) == "interrupted"
    assert not list(tmp_path.glob("trials/*/lease.json"))


def test_places_are_counted_by_node():
    nodes = [{"cpu": 3.0, "gpu": 0.0}, {"cpu": 8.0, "gpu": 1.0}]
    assert num_slots([{"cpu": 2.0, "gpu": 0.0}], nodes) == 5
    assert num_slots([{"cpu": 1.0, "gpu": 0.25}], nodes) == 4
    assert num_slots([{"cpu": 1.0, "gpu": 0.1}], nodes) == 8
    check_fit([{"cpu": 8.0, "gpu": 1.0}], nodes)


@pytest.mark.parametrize("address", ["ray://127.0.0.1:10001", "nowhere", "127.0.0.1:99999"])
def test_an_address_that_cannot_be_joined_is_refused(address):
    with pytest.raises(BenchError, match="auto or HOST:PORT") as error:
        cluster.connect(address)
    assert error.value.value == address


def test_an_address_where_nothing_answers_is_refused():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(BenchError) as error:
        cluster.connect(address)
    assert error.value.value == address


@pytest.fixture
def no_clusters(tmp_path, monkeypatch):
    """No cluster runs as far as Ray sees, whatever other tests have started; TMPDIR is a new folder."""
    for name in ("RAY_ADDRESS", "RAY_TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("ray._private.services.find_gcs_addresses", lru_cache(set))
    return tmp_path


def test_auto_is_the_cluster_that_ray_finds(no_clusters, monkeypatch):
    def asked() -> str:
        with pytest.raises(BenchError) as error:
            cluster.connect("auto")
        return error.value.value

    assert asked() == "auto"
    noted = no_clusters / "ray" / "ray_current_cluster"  # of a `ray start` with the same TMPDIR
    noted.parent.mkdir()
    noted.write_text("127.0.0.1:1")
    assert asked() == "127.0.0.1:1"
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:2")
    assert asked() == "127.0.0.1:2"


def test_auto_finds_a_cluster_that_runs_and_is_noted_nowhere(two_nodes, no_clusters, monkeypatch):
    monkeypatch.setattr("ray._private.services.find_gcs_addresses", lru_cache(lambda: {two_nodes.address}))
    cluster.connect("auto")
    try:
        assert ray.get_runtime_context().gcs_address == two_nodes.address
    finally:
        ray.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_a_folder_for_temporary_files_whose_path_is_too_long_for_sockets_is_left(tmp_path, monkeypatch, name):
    folder = tmp_path / ("job-" + "y" * 90)
    folder.mkdir()
    monkeypatch.delenv("RAY_TMPDIR")
    monkeypatch.setenv(name, str(folder))
    cluster.connect(None)
    try:
        assert cluster.node_resources()
    finally:
        ray.shutdown()


def test_without_a_gpu_a_suite_that_wants_one_is_refused_and_any_other_takes_the_cpu():
    executor = SerialExecutor()
    if executor.num_gpus():
        pytest.skip("this machine has a GPU")
    with pytest.raises(BenchError, match="--cpu runs it on the CPU"):
        decide_gpu(Resources(gpu=0.25), executor, cpu_only=False)
    assert not decide_gpu(Resources(gpu=0.25), executor, cpu_only=True)
    assert not decide_gpu(Resources(), executor, cpu_only=False)
