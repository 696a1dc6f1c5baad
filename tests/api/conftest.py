"""A small suite, and what a process without a terminal leaves and prints when it runs it through the API."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from trials import suite_text
from waiting import LONG_S

from bench.results.files import locked

SUITE = suite_text(
    "[baseline, pylon]",
    title="Small",
    images=(48, 16, 24),
    seeds="[0, 1]",
    recipe="{batch_size: 16, learning_rate: 1e-3, max_epochs: 1}",
)


@dataclass(frozen=True)
class Place:
    """A folder with a suite, and what a run of it has printed.

    Attributes:
        folder: has small.yaml, results/ and reports/.
        stdout: of the run.
        stderr: likewise.
    """

    folder: Path
    stdout: str
    stderr: str

    @property
    def suite(self) -> Path:
        return self.folder / "small.yaml"

    @property
    def results(self) -> Path:
        return self.folder / "results"


def start(folder: Path, code: str) -> subprocess.Popen[str]:
    """Starts Python on `code` in the folder, without a terminal."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("BENCH_", "MLFLOW_"))
    }
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Place:
    """The suite, run with MLflow; by one of the workers that want it, for all of them."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= "api"
    with locked(folder / "lock"):
        if not (folder / "printed.json").exists():
            printed = _run_suite(folder)
            (folder / "printed.json").write_text(json.dumps(printed))
    return Place(folder, **json.loads((folder / "printed.json").read_text()))


def _run_suite(folder: Path) -> dict[str, str]:
    """Returns what the run has printed."""
    (folder / "small.yaml").write_text(SUITE)
    code = (
        "import bench; r = bench.run('small.yaml', executor='serial'); print(r.trials['trial_id'].nunique())"
    )
    process = start(folder, code)
    stdout, stderr = process.communicate(timeout=LONG_S)
    assert process.returncode == 0, stderr
    return {"stdout": stdout, "stderr": stderr}
