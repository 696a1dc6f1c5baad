"""What a run loses under its feet, all of it for real: a node, the machine's memory, room on the disk.

They take minutes. In seconds, tests/execution/test_cluster.py loses a node, tests/execution/test_resuming.py
fills a disk, and test_run.py kills a worker.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest
from trials import suite_text
from waiting import LONG_S, wait_until

pytestmark = pytest.mark.slow

SUITE = suite_text(
    title="Faults",
    images=(64, 8, 12),
    seeds="[0, 1]",
    recipe="{batch_size: 4, learning_rate: 1e-3, max_epochs: 6}",
)

NUM_LONGER = 24
LONGER = ["--seeds", "0", "--set", f"recipe.max_epochs={NUM_LONGER}"]
LONGER += ["--set", f"recipe.plateau_patience={NUM_LONGER}"]
"""So many epochs that the fault is there before the last of them."""


@pytest.fixture
def command(bench) -> list[str]:
    (bench.folder / "faults.yaml").write_text(SUITE)
    return ["run", "faults.yaml", "--no-mlflow", "--checkpoint-every", "0"]


class Nodes:
    """Nodes of one Ray cluster on this machine, each a tree of processes of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        marked = {"STARTED_IN": str(folder), "RAY_TMPDIR": str(folder), "RAY_USAGE_STATS_ENABLED": "0"}
        soon = {"RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "3"}
        self.environment = os.environ | marked | soon | {"RAY_AUTH_MODE": "disabled"}
        self.started: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        """Where `ray start` noted that the head is."""
        return (self.folder / "ray" / "ray_current_cluster").read_text()

    def start(self, num_cpus: int) -> subprocess.Popen[bytes]:
        """Returns a new node; the first one is the head."""
        head = ["--head", "--port=0", "--include-dashboard=false"]
        what = [f"--num-cpus={num_cpus}", *([f"--address={self.address}"] if self.started else head)]
        log = self.folder / f"node{len(self.started)}.log"
        with log.open("wb") as stream:
            node = subprocess.Popen(
                [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *what],
                env=self.environment,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        self.started.append(node)
        # Ray says that it has started before it has noted its address, and that it blocks after.
        wait_until(lambda: "will now block" in log.read_text() or node.poll() is not None, "a node")
        assert node.poll() is None, log.read_text()
        return node

    @staticmethod
    def lose(node: subprocess.Popen[bytes]) -> None:
        """Kills the node's processes, its workers included."""
        with suppress(psutil.NoSuchProcess):
            for process in below(node.pid):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        node.wait(60)


@pytest.fixture(scope="module")
def nodes():
    """A cluster whose head has one core."""
    with started_nodes() as found:
        found.start(num_cpus=1)
        yield found


@pytest.fixture
def own_nodes():
    """A cluster of which no node is there yet."""
    with started_nodes() as found:
        yield found


@contextmanager
def started_nodes() -> Iterator[Nodes]:
    """Ends what is started in the block; Ray's sockets need a short path."""
    folder = Path(tempfile.mkdtemp(prefix="nodes-", dir="/tmp"))
    found = Nodes(folder)
    try:
        yield found
    finally:
        for node in reversed(found.started):
            found.lose(node)
        shutil.rmtree(folder, ignore_errors=True)


def below(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def trial_on(node: subprocess.Popen[bytes]) -> str | None:
    """The trial whose folder a worker of the node has locked."""
    with suppress(psutil.Error):
        for process in below(node.pid):
            for path in (Path(opened.path) for opened in process.open_files()):
                if path.name == ".lock":
                    return path.parent.name
    return None


def histories(bench) -> dict[str, pd.DataFrame]:
    """By trial, the epochs so far of those that have ended one."""
    paths = (bench.folder / "results" / "trials").glob("*/history.csv")
    found = {path.parent.name: pd.read_csv(path) for path in paths}
    return {name: history for name, history in found.items() if len(history)}


def assert_finished(bench, before, num_epochs=6) -> None:
    """One record each, epochs of before the fault the same to the digit if trained again, no process left."""
    records = [json.loads(path.read_text()) for path in bench.folder.glob("results/trials/*/record.json")]
    assert [record["status"] for record in records] == ["finished"] * len(records)
    after = histories(bench)
    assert len(after) == len(records)
    for name, history in after.items():
        assert history["epoch"].tolist() == list(range(1, num_epochs + 1))
        if len(kept := before.get(name, ())):
            numbers = ["epoch", "learning_rate", "train_loss", "val_loss"]  # not its times
            pd.testing.assert_frame_equal(history.head(len(kept))[numbers], kept[numbers])
    bench.wait_for_end()


def test_trials_of_a_lost_node_go_on_from_their_checkpoints_on_the_other(bench, command, nodes):
    second = nodes.start(num_cpus=1)
    process = bench.start(*command, "--address", nodes.address)
    wait_until(
        lambda: trial_on(second) in histories(bench) or process.poll() is not None, "an epoch there", LONG_S
    )
    assert process.poll() is None, process.stderr.read()
    before = histories(bench)
    nodes.lose(second)
    _, errors = process.communicate(timeout=LONG_S)
    assert process.returncode == 0, errors
    assert re.search(r"its worker died: [^;]*node[^;]*; it goes on from its last checkpoint", errors)
    assert "Traceback" not in errors
    assert len(list(bench.folder.glob("results/trials/*/record.json"))) == 2
    assert_finished(bench, before)


def test_a_trial_that_fits_no_node_any_more_says_so_and_goes_on_when_one_joins(bench, command, nodes):
    second = nodes.start(num_cpus=2)
    command += ["--address", "auto", "--set", "resources.cpu=2", "--seeds", "0"]
    with (bench.folder / "run.log").open("wb") as log:
        environment = bench.environment(RAY_TMPDIR=str(nodes.folder))
        process = subprocess.Popen(
            bench.command(*command), cwd=bench.folder, env=environment, stderr=log, stdout=log
        )

    def told() -> str:
        return (bench.folder / "run.log").read_text()

    wait_until(lambda: histories(bench) or process.poll() is not None, "an epoch")
    nodes.lose(second)
    before = histories(bench)
    wait_until(lambda: "waits for" in told() or process.poll() is not None, "a word on it")
    assert "waits for a node with 2 CPU cores and 0 GPUs: none of the cluster's 1 nodes has them" in told()
    assert process.poll() is None, told()
    nodes.start(num_cpus=2)
    assert process.wait(LONG_S) == 0, told()
    assert_finished(bench, before)


@pytest.mark.parametrize(
    ("name", "what"),
    [("gcs_server", "Ray's control service (GCS) at "), ("raylet", "Ray's node service (raylet) on this ")],
    ids=["gcs_server", "raylet"],
)
def test_the_end_of_a_service_of_ray_ends_the_run_with_a_word_and_it_can_go_on(bench, command, name, what):
    command += LONGER
    process = bench.start(*command)
    wait_until(lambda: histories(bench) or process.poll() is not None, "an epoch")
    (service,) = bench.processes(name)
    service.kill()
    assert_cut_off_and_goes_on(bench, [*command, "--serial"], process, what)


def test_the_loss_of_the_head_node_ends_the_run_with_a_word_and_the_same_command_goes_on(
    bench, command, own_nodes
):
    head = own_nodes.start(num_cpus=1)
    own_nodes.start(num_cpus=1)
    command += LONGER
    process = bench.start(*command, "--address", own_nodes.address)
    wait_until(lambda: histories(bench) or process.poll() is not None, "an epoch")
    own_nodes.lose(head)
    assert_cut_off_and_goes_on(bench, command, process, "Ray's ")


def assert_cut_off_and_goes_on(bench, command, process: subprocess.Popen[str], what: str) -> None:
    """The run ends with a sentence, the first words of which are given; the command finishes it."""
    _, errors = process.communicate(timeout=LONG_S)
    assert process.returncode == 2, errors
    assert errors.splitlines()[-1].startswith(what)
    assert errors.endswith("written files stay, and the same command goes on from the last checkpoints\n")
    assert "Traceback" not in errors
    bench.wait_for_end()
    before = histories(bench)
    again = bench(*command)
    assert again.returncode == 0, again.stderr
    assert_finished(bench, before, NUM_LONGER)


def test_a_trial_for_which_memory_is_short_is_tried_thrice_and_says_what_helps(bench, command):
    """Ray's memory monitor ends every worker where a thousandth of the memory is too much."""
    short = {"RAY_memory_usage_threshold": "0.001", "RAY_memory_monitor_refresh_ms": "100"}
    command += ["--seeds", "0", "--set", "recipe.max_epochs=1"]
    done = bench(*command, **short)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("its worker died: Ray ended it because its machine ran out of memory (") == 2
    (path,) = bench.folder.glob("results/trials/*/record.json")
    error = json.loads(path.read_text())["error"]
    assert error.startswith(
        "its worker died 3 times; the last time Ray ended it because its machine ran out of"
    )
    assert "--max-concurrent runs fewer trials at once, --set recipe.accumulate=2 works on half as" in error
    assert "\n" not in error
    bench.wait_for_end()
    again = bench("run", "--only-failed", *command[1:], "--serial")
    assert again.returncode == 0, again.stderr
    assert_finished(bench, {}, num_epochs=1)


def test_on_a_full_disk_a_run_ends_and_goes_on_with_room_as_if_there_had_been(bench, command, mount_disk):
    command += ["--set", "recipe.max_epochs=2"]
    calm = bench(*command, "--serial", "--results-dir", "calm")
    assert calm.returncode == 0, calm.stderr
    disk = mount_disk("64m")
    ballast, room = disk / "ballast", 2 * 2**20  # for one checkpoint
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free - room))
    command += ["--results-dir", str(disk / "results"), "--max-concurrent", "1"]
    stopped = bench(*command)
    assert stopped.returncode == 2, stopped.stderr
    assert stopped.stderr.splitlines()[-1].endswith("make room, and the same command goes on")
    assert "Traceback" not in stopped.stderr
    assert not list(disk.glob("results/trials/*/record.json"))
    bench.wait_for_end()
    ballast.unlink()
    done = bench(*command)
    assert done.returncode == 0, done.stderr
    assert bench.results(disk / "results") == bench.results(bench.folder / "calm")
    bench.wait_for_end()
