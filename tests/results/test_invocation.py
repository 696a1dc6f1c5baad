"""Runs of suites on disk: numbered, with what was asked for, and how they ended."""

import errno
import json
import subprocess

import pytest
import yaml
from records import finish_whole

from bench.results.invocation import Invocations
from bench.results.provenance import describe
from bench.results.record import Outcome
from bench.results.store import ResultsStore
from bench.suite.load import load_suite

SUITE = """\
models: [baseline, pylon]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1]
"""


@pytest.fixture
def store(tmp_path):
    return ResultsStore(tmp_path / "results")


@pytest.fixture
def loaded(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SUITE)
    return load_suite(path, ["recipe.max_epochs=3"])


def finish(store, trial, accuracy):
    outcome = Outcome(
        findings=(),
        metrics={"point_accuracy/weighted": accuracy, "point_accuracy/Mass": 0.1},
        best_epoch=1,
        num_epochs=1,
        notes=(),
        duration_s=1.0,
        provenance=describe("cpu", "float32", 1),
    )
    finish_whole(store, trial, outcome)


def test_runs_are_numbered_and_keep_what_was_asked_for(store, loaded, tmp_path):
    invocations = Invocations(store)
    finish(store, loaded.grid.trials[0], 0.5)
    begun = [invocations.begin(loaded, ("run", "small.yaml")) for _ in range(2)]
    assert [one.name for one in invocations.of("small")] == ["small #1", "small #2"]
    assert invocations.suites() == ("small",)
    assert [(one.label, one.was_finished) for one in begun[0].trials] == [
        ("Baseline", True),
        ("Baseline", False),
        ("PYLON", False),
        ("PYLON", False),
    ]
    folder = invocations.folder(begun[1])
    assert folder.suite.read_text() == SUITE
    assert json.loads(folder.config.read_text())["recipe"]["max_epochs"] == 3
    environment = json.loads(folder.environment.read_text())
    assert environment["packages"]["pydantic"]
    assert yaml.__version__ == environment["packages"]["PyYAML"]


def test_the_end_counts_trials_and_averages_over_seeds(store, loaded, tmp_path):
    first, second, third, _ = loaded.grid.trials
    finish(store, first, 0.5)
    invocations = Invocations(store)
    invocation = invocations.begin(loaded, ("run",))
    finish(store, second, 0.7)
    store.fail(third, "it broke")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "README.md").write_text("# Table\n")
    ended = invocations.end(invocation, report=tmp_path / "report")
    assert ended == invocations.of("small")[0]
    assert ended.status == "failed"
    assert ended.counts == {"finished": 2, "failed": 1, "missing": 1, "reused": 1}
    assert ended.means == pytest.approx({"point_accuracy/weighted/Baseline": 0.6})
    assert (invocations.folder(ended).report / "README.md").read_text() == "# Table\n"


def test_a_damaged_run_is_told_with_its_file(store, loaded):
    invocations = Invocations(store)
    path = invocations.folder(invocations.begin(loaded, ("run",))).invocation
    path.write_text("{")
    other = invocations.begin(loaded, ("run",))
    assert invocations.of("small") == (other,)
    (told,) = invocations.problems("small")
    assert str(path) in told


def test_a_disk_without_room_for_the_report_is_told_as_what_it_is(loaded, tmp_path, mount_disk):
    disk, report = mount_disk("512k"), tmp_path / "report"
    (report / "figures").mkdir(parents=True)
    (report / "figures" / "large.png").write_bytes(bytes(2**20))
    invocations = Invocations(ResultsStore(disk))
    begun = invocations.begin(loaded, ("run", "small.yaml"))
    with pytest.raises(OSError, match="No space left") as told:
        invocations.end(begun, report=report)
    assert told.value.errno == errno.ENOSPC
    subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
    invocations.end(begun, report=report)
    assert (invocations.folder(begun).report / "figures" / "large.png").stat().st_size == 2**20
