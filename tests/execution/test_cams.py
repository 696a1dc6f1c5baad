"""Maps beside the native one: evaluated from the best weights, at once or later, failing on their own."""

import io
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from trials import context_in, suite_text

from bench.evaluation.predict import enlarge
from bench.execution import trial as trial_module
from bench.execution.driver import Driver, cams_to_evaluate, run_grid, trials_to_run
from bench.execution.live import Display
from bench.execution.serial import SerialExecutor
from bench.metrics.units import unit_columns
from bench.results.store import ResultsStore
from bench.results.units import read_maps_of, read_table
from bench.suite.grid import Grid
from bench.suite.load import load_suite

SUITE = suite_text(
    images=(16, 8, 12),
    encoder="resnet18",
    recipe="{batch_size: 8, learning_rate: 1e-3, max_epochs: 1}",
)
BOTH = "cams=[native, grad_cam, eigen_cam]"


class Place:
    """A results folder, and runs of the suite in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = ResultsStore(folder / "results")
        self.screen = io.StringIO()
        self.driver = Driver(self.store, [Display(self.store, Console(file=self.screen, width=200))])
        (folder / "small.yaml").write_text(SUITE)

    def grid(self, *overrides: str) -> Grid:
        return load_suite(self.folder / "small.yaml", overrides).grid

    @property
    def id(self) -> str:
        return self.grid().trials[0].id

    def run(self, *overrides: str, executor=None, retry_failed: bool = False) -> None:
        grid = self.grid(*overrides)
        context = context_in(self.store.root)
        executor = executor or SerialExecutor()
        run_grid(grid, None, context, executor, self.driver, retry_failed=retry_failed)

    def states(self, *cams: str) -> list[str]:
        return [self.store.state(self.id, cam) for cam in cams]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder in which the suite was run with the native map alone."""
    place = Place(tmp_path_factory.mktemp("trained"))
    place.run()
    return place.folder


@pytest.fixture
def place(trained, tmp_path) -> Place:
    """A copy of it. Files are links: whatever changes one has to replace it."""
    shutil.copytree(trained / "results", tmp_path / "results", copy_function=os.link)
    return Place(tmp_path)


@pytest.fixture
def no_training(monkeypatch):
    def train(*arguments, **options):
        raise AssertionError("trained again")

    monkeypatch.setattr(trial_module, "train", train)


def failing_for(monkeypatch, cam: str, error: BaseException) -> None:
    """Makes the evaluation of one map raise."""
    true = trial_module.score_cam

    def score_cam(model, data, recipe, device, method, on_progress, keep):
        if method == cam:
            raise error
        return true(model, data, recipe, device, method, on_progress, keep)

    monkeypatch.setattr(trial_module, "score_cam", score_cam)


@pytest.mark.usefixtures("no_training")
def test_maps_of_a_finished_trial_are_evaluated_without_training(place):
    folder = place.store.folder(place.id)
    kept = (folder.record, folder.best_weights, folder.cam_units("native"), folder.history)
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in kept]
    place.run(BOTH)
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in kept] == before
    assert place.states("grad_cam", "eigen_cam", "layer_cam") == ["finished", "finished", "todo"]
    native = read_table(folder.cam_units("native"))
    for cam in ("grad_cam", "eigen_cam"):
        evaluation, units = place.store.evaluation(place.id, cam), read_table(folder.cam_units(cam))
        assert tuple(units.columns) == unit_columns()
        maps = read_maps_of(folder.cam_maps(cam), range(len(units)))
        for values, unit in zip(maps, units.itertuples(), strict=True):
            large = enlarge(values, 64)
            assert large[unit.peak_row, unit.peak_column] == pytest.approx(large.max(), abs=2e-3)
        assert units[["image", "finding"]].equals(native[["image", "finding"]])
        assert evaluation.metrics["point_accuracy/weighted"] == units["hit"].mean()
        assert evaluation.provenance.packages["grad-cam"]
    assert not folder.progress.exists()


@pytest.mark.usefixtures("no_training")
def test_what_is_evaluated_is_not_evaluated_again(place, monkeypatch):
    place.run("cams=[grad_cam]")
    failing_for(monkeypatch, "grad_cam", AssertionError("evaluated again"))
    path = place.store.folder(place.id).cam_evaluation("grad_cam")
    before = path.stat().st_mtime_ns
    place.run(BOTH)
    assert path.stat().st_mtime_ns == before
    assert place.states("grad_cam", "eigen_cam") == ["finished", "finished"]

    class Nobody:
        def run(self, *arguments):
            raise AssertionError("there was nothing to do")

    place.run(BOTH, executor=Nobody())


def test_trained_and_evaluated_at_once_is_the_same_as_evaluated_later(place, tmp_path):
    place.run(BOTH)
    (tmp_path / "fresh").mkdir()
    fresh = Place(tmp_path / "fresh")
    fresh.run(BOTH)
    for cam in ("grad_cam", "eigen_cam"):
        later, at_once = (p.store.evaluation(p.id, cam) for p in (place, fresh))
        assert at_once.metrics == later.metrics
        tables = [read_table(p.store.folder(p.id).cam_units(cam)) for p in (place, fresh)]
        pd.testing.assert_frame_equal(*tables)
    lines = fresh.screen.getvalue().splitlines()
    assert [line.split(": ")[1].split(" ")[0] for line in lines if "]" in line] == [
        *("finished", "Grad-CAM", "Eigen-CAM"),
    ]
    assert [line.split("]")[0] for line in lines if "]" in line] == ["[0/1", "[0/1", "[1/1"]


@pytest.mark.usefixtures("no_training")
def test_a_failing_evaluation_spoils_neither_the_trial_nor_the_others(place, monkeypatch):
    record = place.store.folder(place.id).record.read_bytes()
    with monkeypatch.context() as broken:
        failing_for(broken, "grad_cam", RuntimeError("not this one"))
        place.run(BOTH)
    assert place.store.folder(place.id).record.read_bytes() == record
    assert place.states("native", "grad_cam", "eigen_cam") == ["finished", "failed", "finished"]
    error = place.store.evaluation(place.id, "grad_cam").error
    assert "Traceback" in error
    assert "not this one" in error
    assert "Grad-CAM failed: RuntimeError: not this one" in place.screen.getvalue()

    place.run(BOTH)
    assert place.states("grad_cam") == ["failed"]
    place.run(BOTH, retry_failed=True)
    assert place.states("grad_cam") == ["finished"]


@pytest.mark.usefixtures("no_training")
def test_missing_weights_are_a_sentence(place):
    weights = place.store.folder(place.id).best_weights
    weights.unlink()
    place.run(BOTH)
    assert place.states("native", "grad_cam", "eigen_cam") == ["finished", "failed", "failed"]
    error = place.store.evaluation(place.id, "grad_cam").error
    assert error.startswith(f"{weights}: ")
    assert "\n" not in error


@pytest.mark.usefixtures("no_training")
def test_interrupted_between_two_maps_the_same_call_goes_on(place, monkeypatch):
    with monkeypatch.context() as interrupted:
        failing_for(interrupted, "eigen_cam", KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            place.run(BOTH)
    assert place.states("native", "grad_cam", "eigen_cam") == ["finished", "finished", "todo"]
    failing_for(monkeypatch, "grad_cam", AssertionError("evaluated again"))
    place.run(BOTH)
    assert place.states("native", "grad_cam", "eigen_cam") == ["finished"] * 3


def test_a_worker_that_dies_over_a_map_fails_what_was_left_of_the_maps(place):
    class Dying:
        def run(self, trials, context, resources, listener):
            (trial,) = trials
            listener.started(trial)
            listener.failed(trial, "its worker died")

    place.run("cams=[eigen_cam]")
    place.run(BOTH, executor=Dying())
    assert place.states("native", "grad_cam", "eigen_cam") == ["finished", "failed", "finished"]
    assert place.store.evaluation(place.id, "grad_cam").error == "its worker died"


def test_what_is_to_run_follows_trials_and_maps(place):
    grid = place.grid(BOTH, "seeds=[0, 1, 2]")
    first, second, third = grid.trials
    place.store.fail(second, "boom")
    for retry_failed, expected in ((False, [first, third]), (True, [first, second, third])):
        assert trials_to_run(grid, place.store, retry_failed=retry_failed) == expected
        cams = cams_to_evaluate(grid, place.store, retry_failed=retry_failed)
        assert cams == {trial.id: ("grad_cam", "eigen_cam") for trial in expected}
    assert not trials_to_run(place.grid(), place.store, retry_failed=True)


def test_excluded_maps_are_not_evaluated(place):
    grid = place.grid(BOTH, "seeds=[0, 1]", "exclude=[{seed: 1, cam: eigen_cam}]")
    first, second = grid.trials
    assert cams_to_evaluate(grid, place.store, retry_failed=False) == {
        first.id: ("grad_cam", "eigen_cam"),
        second.id: ("grad_cam",),
    }


MAPS = """
import torch


def raises(model, images, classes):
    return torch.zeros(len(images), 3, 3) + torch.zeros(2)


def much(model, images, classes):
    return torch.full((len(images), 3, 3), 7.0)
"""


def test_faults_of_a_plugin_are_a_sentence_with_its_place_and_fail_no_trial(place, monkeypatch):
    (place.folder / "faulty_maps.py").write_text(MAPS, "utf-8")
    monkeypatch.syspath_prepend(str(place.folder))
    raising, much = "faulty_maps:raises", "faulty_maps:much"
    place.run(f'cams=[native, "{raising}", "{much}", grad_cam]')
    assert place.states("native", raising, much, "grad_cam") == ["finished", "failed", "failed", "finished"]
    lines = place.store.evaluation(place.id, raising).error.splitlines()
    assert lines[0].startswith("Traceback")
    assert f"{place.folder / 'faulty_maps.py'}:6: RuntimeError" in lines[-1]
    (sentence,) = place.store.evaluation(place.id, much).error.splitlines()
    assert "'faulty_maps:much': returned values from 7 to 7" in sentence
