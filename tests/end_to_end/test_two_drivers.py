"""Two drivers on one results folder: each trial is trained once, and a dead driver holds nothing."""

import json
import re
import signal
import time
from pathlib import Path

import pytest

SUITE = """\
models: [baseline]
datasets: [{name: phantom, train: 32, val: 8, test: 8}]
resolutions: [64]
seeds: [0, 1, 2, 3]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 8, max_epochs: 1}
"""


@pytest.fixture
def suite(bench) -> Path:
    path = bench.folder / "shared.yaml"
    path.write_text(SUITE)
    return path


def _finished_by(stderr: str) -> list[str]:
    """The trials that a driver has trained itself; it says so of no other."""
    return re.findall(r"\] (\S+): finished in ", stderr)


def test_two_drivers_share_the_trials_of_a_suite(bench, suite) -> None:
    """One of them with Ray, the other without."""
    drivers = [bench.start("run", suite.name, "--no-mlflow", *how) for how in ([], ["--serial"])]
    outputs = [driver.communicate(timeout=280) for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0], outputs
    trained = [_finished_by(stderr) for _, stderr in outputs]
    assert sorted(trained[0] + trained[1]) == sorted(path.name for path in _trials(bench.folder))
    assert len(_trials(bench.folder)) == 4
    assert outputs[0][0] == outputs[1][0], "both print the whole table"
    assert not list(bench.folder.glob("results/trials/*/lease.json"))
    assert not list(bench.folder.glob("results/ray/*"))


def test_a_killed_driver_holds_nothing_and_one_that_lives_is_shown(bench, suite) -> None:
    driver = bench.start("run", suite.name, "--no-mlflow", "--serial")
    deadline = time.monotonic() + 120
    while not (held := list(bench.folder.glob("results/trials/*/lease.json"))):
        assert time.monotonic() < deadline
        assert driver.poll() is None
        time.sleep(0.05)
    driver.send_signal(signal.SIGSTOP)
    states = _states(bench, suite)
    assert states[held[0].parent.name] == "running"
    driver.kill()
    driver.wait()
    assert _states(bench, suite)[held[0].parent.name] in ("todo", "interrupted")
    again = bench("run", suite.name, "--no-mlflow", "--serial")
    assert again.returncode == 0, again.stderr
    assert "waited for" not in again.stderr
    assert set(_states(bench, suite).values()) == {"finished"}


def _trials(folder: Path) -> list[Path]:
    return [path for path in folder.glob("results/trials/*") if (path / "record.json").exists()]


def _states(bench, suite: Path) -> dict[str, str]:
    plan = json.loads(bench("plan", suite.name, "--json").stdout)
    return {trial["id"]: trial["state"] for trial in plan["trials"]}
