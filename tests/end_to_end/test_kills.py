"""Twenty kills at random moments of a trial, each followed by the same command: as if there were none.

The moments are read from the trial's files: while it is made ready, in the middle of an epoch, while a
checkpoint is written, while it is scored.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from bench.results.store import TrialFolder

NUM_KILLS = 20
SUITE = """\
models: [pylon]
datasets: [{name: phantom, train: 46, val: 16, test: 48}]
resolutions: [64]
seeds: [3]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 4, learning_rate: 1e-3, max_epochs: 4}
"""
COMMAND = ["run", "suite.yaml", "--serial", "--no-mlflow"]


class Runs:
    """Starts `bench run` in forked processes and kills them."""

    def __init__(self, place: Path):
        self.place = place
        self.server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forking.py"))],
            cwd=place,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, *arguments: str) -> int:
        self.server.stdin.write(json.dumps(arguments) + "\n")
        self.server.stdin.flush()
        return int(self.server.stdout.readline())

    def exit_code(self) -> int:
        return int(self.server.stdout.readline())

    def end(self) -> None:
        self.server.stdin.close()
        self.server.wait(60)


@pytest.fixture
def runs(tmp_path):
    (tmp_path / "suite.yaml").write_text(SUITE)
    found = Runs(tmp_path)
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


def wait_for(moment: str, count: int, results: Path, pid: int) -> str:
    """Returns the moment to kill at: the wanted one, or scoring if that is reached before, or "ended"."""
    before, seen = None, 0
    while is_alive(pid):
        folder = trial_folder(results)
        phase = phase_of(folder)
        if phase == "evaluate" or (folder and is_written(folder.cam_units("native"))):
            return "scoring"
        if moment == "making ready" and phase == "load data":
            return moment
        if folder and moment == "checkpoint" and is_written(folder.last_checkpoint):
            return moment
        now = version_of(folder.last_checkpoint) if folder else 0
        seen, before = seen + (now != before and before is not None), now
        if moment == "epoch" and seen >= count:
            return moment
        time.sleep(0.0005)
    return "ended"


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_twenty_kills_leave_the_record_of_an_undisturbed_run(bench, runs, tmp_path):
    undisturbed = subprocess.run(
        [sys.executable, "-m", "bench", *COMMAND, "--results-dir", "undisturbed"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert undisturbed.returncode == 0, undisturbed.stderr
    expected = bench.results(tmp_path / "undisturbed")

    chance = random.Random(0)
    moments = ["making ready"] * 4 + ["epoch"] * 7 + ["checkpoint"] * 5
    chance.shuffle(moments)
    moments += ["scoring"] * (NUM_KILLS - len(moments))
    kills: Counter[str] = Counter()
    round_ = 0
    while kills.total() < NUM_KILLS:
        results = tmp_path / f"killed-{round_}"
        command = [*COMMAND, "--checkpoint-every", "0", "--results-dir", str(results)]
        forget_the_run_before(results)
        pid = runs.start(*command)
        moment = wait_for(moments[kills.total()], chance.randint(1, 3), results, pid)
        if moment != "ended":
            os.kill(pid, signal.SIGKILL)
        code = runs.exit_code()
        if code == -signal.SIGKILL:
            kills[moment] += 1
        else:  # it was faster: then it is done, and a new one is begun
            assert code == 0, (tmp_path / "run.log").read_text()
            assert bench.results(results) == expected
            round_ += 1
    runs.start(*command)
    assert runs.exit_code() == 0, (tmp_path / "run.log").read_text()
    assert bench.results(results) == expected
    assert set(kills) == {"making ready", "epoch", "checkpoint", "scoring"}
