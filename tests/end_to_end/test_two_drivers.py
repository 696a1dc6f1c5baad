"""Two drivers on one results folder: each trial is trained once, and a dead driver holds nothing."""

import json
import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from trials import suite_text
from waiting import LONG_S, wait_until

from bench.results.store import ResultsStore
from bench.suite.load import load_suite

SUITE = suite_text(images=(32, 8, 8), seeds="[0, 1, 2]", recipe="{batch_size: 8, max_epochs: 1}")


@pytest.fixture
def suite(bench) -> Path:
    path = bench.folder / "shared.yaml"
    path.write_text(SUITE)
    return path


def _finished_by(stderr: str) -> list[str]:
    """The trials that a driver has trained itself; it says so of no other."""
    return re.findall(r"\] (\S+): finished in ", stderr)


@pytest.mark.slow
def test_two_drivers_share_the_trials_of_a_suite(bench, suite) -> None:
    """One of them with Ray, the other without."""
    drivers = [bench.start("run", suite.name, "--no-mlflow", *how) for how in ([], ["--serial"])]
    outputs = [driver.communicate(timeout=LONG_S) for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0], outputs
    trained = [_finished_by(stderr) for _, stderr in outputs]
    assert sorted(trained[0] + trained[1]) == sorted(path.name for path in _trials(bench.folder))
    assert len(_trials(bench.folder)) == 3
    assert outputs[0][0] == outputs[1][0], "both print the whole table"
    assert not list(bench.folder.glob("results/trials/*/lease.json"))
    assert not list(bench.folder.glob("results/ray/*"))


def test_a_killed_driver_holds_nothing_and_one_that_lives_is_shown(bench, suite, called) -> None:
    """The test has the locks of all trials, for which the driver waits when it has begun with one."""
    store = ResultsStore(bench.folder / "results")
    with ExitStack() as locks:
        for trial in load_suite(suite).grid.trials:
            locks.enter_context(store.folder(trial.id).locked())
        driver = bench.start("run", suite.name, "--no-mlflow", "--serial")
        leases = store.root / "trials"
        wait_until(
            lambda: [*leases.glob("*/lease.json")] or driver.poll() is not None, "the start of a trial"
        )
        (lease,) = leases.glob("*/lease.json")
        assert _states(called, suite)[lease.parent.name] == "running"
        driver.kill()
        driver.communicate()
    assert _states(called, suite)[lease.parent.name] in ("todo", "interrupted")
    again = called("run", suite.name, "--no-mlflow", "--serial")
    assert again.returncode == 0, again.stderr
    assert "waited for" not in again.stderr
    assert set(_states(called, suite).values()) == {"finished"}


def _trials(folder: Path) -> list[Path]:
    return [path for path in folder.glob("results/trials/*") if (path / "record.json").exists()]


def _states(called, suite: Path) -> dict[str, str]:
    plan = json.loads(called("plan", suite.name, "--json").stdout)
    return {trial["id"]: trial["state"] for trial in plan["trials"]}
