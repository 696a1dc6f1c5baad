"""Sanity checks of finished trials: from the best weights, at once or later, failing on their own."""

import io
import json
import os
import shutil
from pathlib import Path

import pytest
from rich.console import Console
from trials import context_in, suite_text

from bench.execution import trial as trial_module
from bench.execution.driver import Driver, run_grid, sanity_to_check, trials_to_run
from bench.execution.live import Display
from bench.execution.serial import SerialExecutor
from bench.reporting.build import render_report, write_report
from bench.reporting.cell_lineage import trace_cell
from bench.results.failures import failed_grid
from bench.results.grid_results import Results
from bench.results.store import ResultsStore
from bench.results.units import read_table
from bench.suite.load import load_suite
from bench.suite.metrics import ROAD

SUITE = suite_text(
    images=(8, 4, 4), encoder="tu-test_resnet", recipe="{batch_size: 4, learning_rate: 1e-3, max_epochs: 1}"
)
CHECKED = ("sanity=true", "cams=[grad_cam]")


class Place:
    """A results folder, and runs of the suite in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = ResultsStore(folder / "results")
        self.screen = io.StringIO()
        self.driver = Driver(self.store, [Display(self.store, Console(file=self.screen, width=200))])
        (folder / "small.yaml").write_text(SUITE)

    def load(self, *overrides: str):
        return load_suite(self.folder / "small.yaml", overrides)

    @property
    def id(self) -> str:
        return self.load().grid.trials[0].id

    def run(self, *overrides: str, retry_failed: bool = False) -> None:
        grid, context = self.load(*overrides).grid, context_in(self.store.root)
        run_grid(grid, None, context, SerialExecutor(), self.driver, retry_failed=retry_failed)

    def states(self) -> dict[str, str]:
        """Where the sanity checks of each map stand."""
        return {cam: self.store.state(self.id, cam, "sanity") for cam in ("native", "grad_cam", "eigen_cam")}


@pytest.fixture(scope="module")
def checked_folder(tmp_path_factory) -> Path:
    """A folder in which the suite was trained without checks, then run with them."""
    place = Place(tmp_path_factory.mktemp("checked"))
    place.run()
    assert set(place.states().values()) == {"todo"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial_module, "train", lambda *_, **__: pytest.fail("trained again"))
        place.run(*CHECKED)
    return place.folder


@pytest.fixture
def place(checked_folder, tmp_path) -> Place:
    shutil.copytree(checked_folder / "results", tmp_path / "results", copy_function=os.link)
    return Place(tmp_path)


def test_checks_of_a_finished_trial_train_nothing_and_come_with_the_native_maps_controls(place):
    assert place.states() == {"native": "finished", "grad_cam": "finished", "eigen_cam": "todo"}
    folder = place.store.folder(place.id)
    native, other = (read_table(folder.cam_sanity(cam)) for cam in ("native", "grad_cam"))
    assert set(other.columns) < set(native.columns)
    assert native[["image", "finding"]].equals(other[["image", "finding"]])
    evaluation = folder.read_evaluation("grad_cam", "sanity")
    assert evaluation.metrics["road/weighted"] == pytest.approx(other["road"].mean())
    assert evaluation.duration_s > 0
    assert evaluation.provenance is not None


def test_nothing_is_left_to_run_and_identity_is_the_same(place):
    grid = place.load(*CHECKED).grid
    assert not trials_to_run(grid, place.store, retry_failed=True)
    assert grid.trials[0].id == place.id
    more = place.load("sanity=true", "cams=[grad_cam, eigen_cam]").grid
    assert sanity_to_check(more, place.store, retry_failed=False) == {place.id: ("eigen_cam",)}
    assert not sanity_to_check(place.load("cams=[eigen_cam]").grid, place.store, retry_failed=False)


def test_results_have_checks_where_the_suite_asks_for_them(place):
    with_checks, without = (Results(place.load(*words).grid, place.store) for words in (CHECKED, CHECKED[1:]))
    (point,) = with_checks.points
    assert with_checks.has(point, ROAD)
    assert len(with_checks.units_of(point, ROAD)) == len(
        read_table(place.store.folder(place.id).cam_sanity("native"))
    )
    assert not without.has(without.points[0], ROAD)
    kinds = [
        [table.subject.kind for table in render_report(place.load(*words), place.store).tables]
        for words in (CHECKED, CHECKED[1:])
    ]
    assert ["trust" in one for one in kinds] == [True, False]


def test_a_cell_of_the_table_leads_back_to_the_checked_units(place):
    folder = write_report(render_report(place.load(*CHECKED), place.store), place.folder / "reports")
    cell = trace_cell(folder / "trust-phantom-64px.csv", "Baseline [Grad-CAM]", "ROAD ↑", place.store)
    (trial,) = cell.trials
    assert trial.trial_id == place.id
    assert trial.value == pytest.approx(trial.from_units)
    assert cell.agrees


def test_a_failed_check_is_told_leaves_the_scores_and_is_run_again_if_asked(place, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no such layer")

    words = ("sanity=true", "cams=[native, eigen_cam]")
    with monkeypatch.context() as patch:
        patch.setattr(trial_module, "check_sanity", fail)
        place.run(*words)
    assert place.states()["eigen_cam"] == "failed"
    assert place.store.state(place.id, "eigen_cam") == "finished"
    assert "sanity checks of Eigen-CAM failed: RuntimeError: no such layer" in place.screen.getvalue()
    grid = place.load(*words).grid
    assert [point.cam for point in failed_grid(grid, place.store).points] == ["eigen_cam"]
    assert not trials_to_run(grid, place.store, retry_failed=False)
    place.run(*words, retry_failed=True)
    assert place.states()["eigen_cam"] == "finished"


def test_a_worker_that_is_lost_fails_the_checks_that_are_left(place):
    (trial,) = place.load().grid.trials
    driver = Driver(place.store, sanity={trial.id: ("native", "eigen_cam")})
    driver.failed(trial, "the worker died")
    assert place.states() == {"native": "finished", "grad_cam": "finished", "eigen_cam": "failed"}


def test_a_damaged_record_of_checks_is_a_problem_with_a_cure(place):
    path = place.store.folder(place.id).cam_evaluation("grad_cam", "sanity")
    content = json.loads(path.read_text()) | {"part": "scores"}
    path.unlink()
    path.write_text(json.dumps(content))
    (problem,) = place.store.problems(place.id)
    assert "is the evaluation of another map, grad_cam" in problem
    assert place.states()["grad_cam"] == "unreadable"
