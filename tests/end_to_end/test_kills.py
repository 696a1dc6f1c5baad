"""Kills at random moments of a trial, each followed by the same command: as if there were none.

The moments are read from the trial's files: while it is made ready, in the middle of an epoch, while a
checkpoint is written, while it is scored.
"""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
from forking import ForkedBench
from trials import suite_text

from bench.results.store import TrialFolder

MOMENTS = ("making ready", "epoch", "checkpoint", "scoring")
SUITE = suite_text(
    "[pylon]",
    images=(46, 16, 48),
    seeds="[3]",
    recipe="{batch_size: 4, learning_rate: 1e-3, max_epochs: 4}",
)
COMMAND = ["run", "suite.yaml", "--serial", "--no-mlflow"]


@pytest.fixture
def runs(tmp_path):
    (tmp_path / "suite.yaml").write_text(SUITE)
    found = ForkedBench(tmp_path)
    yield found
    found.end()


def trial_folder(results: Path) -> TrialFolder | None:
    paths = list(results.glob("trials/*"))
    return TrialFolder(paths[0]) if paths else None


def phase_of(folder: TrialFolder | None) -> str:
    try:
        return json.loads(folder.progress.read_text())["phase"] if folder else ""
    except (OSError, ValueError):
        return ""


def forget_the_run_before(results: Path) -> None:
    """Removes what tells of a killed run's moments; the next run would do so itself."""
    folder = trial_folder(results)
    if folder:
        folder.progress.unlink(missing_ok=True)
        folder.sweep()


def version_of(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def is_written(path: Path) -> bool:
    return any(path.parent.glob(f".{path.name}.*.partial"))


def wait_for(moment: str, count: int, results: Path, pid: int) -> bool:
    """Returns whether the moment to kill at is there, or else a later one, or the end of the run."""
    before, seen = None, 0
    while is_alive(pid):
        folder = trial_folder(results)
        phase = phase_of(folder)
        if phase == "evaluate" or (folder and is_written(folder.cam_units("native"))):
            return moment == "scoring"
        if moment == "making ready" and phase == "load data":
            return True
        if folder and moment == "checkpoint" and is_written(folder.last_checkpoint):
            return True
        now = version_of(folder.last_checkpoint) if folder else 0
        seen, before = seen + (now != before and before is not None), now
        if moment == "epoch" and seen >= count:
            return True
        time.sleep(0.0005)
    return False


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("num_kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_kills_leave_the_record_of_an_undisturbed_run(bench, runs, tmp_path, num_kills):
    runs.start(*COMMAND, "--results-dir", "undisturbed")
    assert runs.exit_code() == 0, (tmp_path / "run.log").read_text()
    expected = bench.results(tmp_path / "undisturbed")

    chance = random.Random(0)
    moments = chance.choices(MOMENTS, weights=(4, 7, 5, 4), k=num_kills - len(MOMENTS)) + list(MOMENTS)
    moments.sort(key=lambda moment: moment == "scoring")
    round_ = num_runs = 0
    while moments:
        assert (num_runs := num_runs + 1) <= 4 * num_kills, f"never killed in time: {moments}"
        results = tmp_path / f"killed-{round_}"
        command = [*COMMAND, "--checkpoint-every", "0", "--results-dir", str(results)]
        forget_the_run_before(results)
        pid = runs.start(*command)
        if is_reached := wait_for(moments[0], chance.randint(1, 3), results, pid):
            os.kill(pid, signal.SIGKILL)
        code = runs.exit_code()
        if is_reached and code == -signal.SIGKILL:
            moments.pop(0)
        else:  # it was faster: then it is done, and a new one is begun
            assert code == 0, (tmp_path / "run.log").read_text()
            assert bench.results(results) == expected
            round_ += 1
    runs.start(*command)
    assert runs.exit_code() == 0, (tmp_path / "run.log").read_text()
    assert bench.results(results) == expected
