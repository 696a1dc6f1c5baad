"""The command line as a process, on small suites."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil
import pytest
from trials import suite_text
from waiting import LONG_S, wait_until

from bench.cli.main import main
from bench.results.store import TrialFolder

SUITE = suite_text(
    "[baseline, pylon]",
    title="Small",
    images=(48, 16, 24),
    seeds="[0, 1]",
    recipe="{batch_size: 16, learning_rate: 1e-3, max_epochs: 1}",
)


@dataclass(frozen=True)
class Bench:
    """Runs `bench` in a folder of its own."""

    folder: Path

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "bench", *arguments]

    def environment(self, **changes: str) -> dict[str, str]:
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith(("BENCH_", "MLFLOW_"))
        }
        return inherited | {"COLUMNS": "120", "STARTED_IN": str(self.folder)} | changes

    def processes(self, name: str = "") -> list[psutil.Process]:
        """What lives of what was started here, children of children included, and has this in its name."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                marked = process.environ().get("STARTED_IN") == str(self.folder)
                if marked and process.status() != psutil.STATUS_ZOMBIE and name in process.name():
                    found.append(process)
        return found

    def wait_for_end(self) -> None:
        """Waits until nothing lives of what was started here: Ray's agents take half a minute and more."""
        wait_until(lambda: not self.processes(), "the end of all that was started")

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=2 * LONG_S,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @staticmethod
    def results(folder: Path) -> dict[str, dict[str, object]]:
        """By trial, all that it has left in the results folder, but for times and provenance."""
        return {path.name: _left_by(TrialFolder(path)) for path in sorted(folder.glob("trials/*"))}


def _left_by(folder: TrialFolder) -> dict[str, object]:
    record = json.loads(folder.record.read_text())
    del record["ended_at"], record["outcome"]["provenance"]
    del record["outcome"]["duration_s"], record["outcome"]["phases_s"]
    tables = {path.name: pd.read_parquet(path).to_csv() for path in folder.path.glob("*.parquet")}
    history = pd.read_csv(folder.history).drop(columns=["images_per_s", "duration_s"])
    return {
        "files": sorted(path.name for path in folder.path.iterdir()),
        "record": record,
        "weights": folder.best_weights.read_bytes(),
        "history": history.to_csv(),
        **tables,
    }


@dataclass(frozen=True)
class Called:
    """Calls `bench` in this process, in a folder of its own: where another process shows nothing more."""

    folder: Path
    patch: pytest.MonkeyPatch
    captured: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        with self.patch.context() as patch:
            patch.chdir(self.folder)
            for name in [name for name in os.environ if name.startswith("BENCH_")] + ["MLFLOW_TRACKING_URI"]:
                patch.delenv(name, raising=False)
            for name, value in ({"COLUMNS": "120"} | environment).items():
                patch.setenv(name, value)
            self.captured.readouterr()
            try:
                code = main(arguments)
            except SystemExit as ended:
                code = ended.code
            return subprocess.CompletedProcess(arguments, code, *self.captured.readouterr())


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "small.yaml").write_text(SUITE)
    return tmp_path


@pytest.fixture
def bench(folder) -> Bench:
    return Bench(folder)


@pytest.fixture
def called(folder, monkeypatch, capsys) -> Called:
    return Called(folder, monkeypatch, capsys)


@pytest.fixture(scope="module")
def module_bench(tmp_path_factory) -> Bench:
    folder = tmp_path_factory.mktemp("bench")
    (folder / "small.yaml").write_text(SUITE)
    return Bench(folder)
