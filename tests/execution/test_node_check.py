"""Nodes that lack something are named before a trial runs, on a cluster of two nodes on this machine."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pretended_gpu import Card, pretend_driver
from ray.cluster_utils import Cluster
from waiting import wait_until

from bench.errors import BenchError
from bench.execution.context import RunContext
from bench.execution.ray import cluster
from bench.execution.ray.node_check import check_nodes, code_here, lacks

NEEDS = [{"cpu": 1.0, "gpu": 0.0}]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A folder that all nodes see."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def joined(shared):
    """The driver's connection to a cluster; on its second node, `shared / "private"` is another folder."""
    import ray

    private = shared / "private"
    private.mkdir()
    unshare = [
        shutil.which("unshare"),
        "--mount",
        "sh",
        "-c",
        f'mount -t tmpfs none {private} && exec "$@"',
        "sh",
    ]
    if unshare[0] is None or subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        pytest.skip("may not mount")
    head = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    start = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1"]
    node = subprocess.Popen([*unshare, *start, f"--address={head.address}"], stdout=subprocess.DEVNULL)
    try:
        cluster.connect(head.address)
        wait_until(lambda: len(cluster.nodes_for(NEEDS)) >= 2, "that the second node joined")
        yield
    finally:
        ray.shutdown()
        node.send_signal(signal.SIGTERM)
        node.wait(60)
        head.shutdown()


@pytest.mark.slow
def test_a_results_folder_on_shared_storage_is_accepted_and_left_as_it_was(joined, shared):
    check_nodes(NEEDS, RunContext(shared / "results", None, shared / "cache"))
    assert list((shared / "results").iterdir()) == []


@pytest.mark.slow
def test_a_results_folder_that_a_node_does_not_see_is_refused(joined, shared):
    with pytest.raises(
        BenchError, match=r"^node \d+\.\d+\.\d+\.\d+ does not see the results folder .*/private; --resu"
    ):
        check_nodes(NEEDS, RunContext(shared / "private", None, shared / "cache"))
    assert list((shared / "private").iterdir()) == []


@pytest.mark.slow
def test_data_and_files_that_a_node_lacks_are_named(joined, shared):
    data, weights = shared / "private" / "nih", shared / "private" / "weights.pth"
    data.mkdir()
    weights.touch()
    with pytest.raises(
        BenchError, match=r"^node \S+ has no folder \S+/private/nih; --data-root has to be the same"
    ):
        check_nodes(NEEDS, RunContext(shared / "results", data, shared / "cache"))
    with pytest.raises(BenchError, match=r"has no file \S+/weights\.pth, which trials need$"):
        check_nodes(
            NEEDS, RunContext(shared / "results", None, shared / "cache", files={"sha256:0": weights})
        )


@pytest.mark.slow
def test_nodes_where_no_trial_fits_are_not_asked(joined, shared):
    check_nodes([{"cpu": 2.0, "gpu": 0.0}], RunContext(shared / "private", None, shared / "cache"))


def test_a_gpu_that_torch_cannot_use_there_is_told(tmp_path, monkeypatch):
    """Ray hides GPUs from what asks for none, as this question does."""
    mark = tmp_path / "mark"
    mark.touch()
    pretend_driver(monkeypatch, Card(), driver="550.90.07")
    monkeypatch.setattr("bench.execution.usable_gpus.version", lambda _: "2.13.0+cpu")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    told = lacks(code_here(), mark, None, (), True)
    assert told.startswith(
        "has 1 × NVIDIA H100 80GB HBM3 (driver 550.90.07), and torch 2.13.0+cpu cannot use"
    )
    assert lacks(code_here(), mark, None, (), False) == ""


def test_another_bench_is_told(tmp_path):
    mark = tmp_path / "mark"
    mark.touch()
    assert lacks(code_here(), mark, None, (), False) == ""
    assert "and this driver bench 9.0; install the same" in lacks("bench 9.0", mark, None, (), False)
