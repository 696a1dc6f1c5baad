"""Sensitivities are measured in the driver, beside trials that still run, and are there for the report."""

import logging
import threading
from pathlib import Path

import pytest
from trials import context_in, make_trial
from waiting import LONG_S

import bench
from bench.errors import ResultsError
from bench.evaluation import rescore
from bench.execution.driver import Driver
from bench.execution.trial import run_trial
from bench.results.store import ResultsStore

SUITE = """\
models: [baseline]
datasets: [{name: phantom, train: 8, val: 4, test: 8}]
resolutions: [64]
seeds: [0, 1]
encoder: tu-test_resnet
weights: none
recipe: {batch_size: 4, max_epochs: 1}
"""


@pytest.fixture
def suite(tmp_path) -> Path:
    (tmp_path / "suite.yaml").write_text(SUITE)
    return tmp_path / "suite.yaml"


def run(suite: Path, **how) -> list[Path]:
    """Runs the suite and returns where its sensitivities belong."""
    places = {"results_dir": suite.parent / "results", "reports_dir": suite.parent / "reports"}
    results = bench.run(suite, executor="serial", mlflow=False, progress=False, **places, **how)
    return [
        ResultsStore(places["results_dir"]).folder(one).sensitivity
        for one in results.trials["trial_id"].unique()
    ]


def test_a_worker_is_not_held_by_it(tmp_path):
    trial = make_trial(images=(8, 4, 8), batch_size=4, max_epochs=1)
    run_trial(trial, context_in(tmp_path))
    folder = ResultsStore(context_in(tmp_path).results_dir).folder(trial.id)
    assert folder.cam_maps("native").exists()
    assert not folder.sensitivity.exists()


def test_the_next_trial_begins_before_the_first_is_measured(suite, monkeypatch):
    second_began, began, measure = threading.Event(), [], rescore.measure_sensitivity
    started, waited = Driver.started, []

    def note(driver, trial):
        began.append(trial)
        if len(began) == 2:
            second_began.set()
        started(driver, trial)

    def once_the_second_began(*arguments):
        waited.append(second_began.wait(LONG_S))
        return measure(*arguments)

    monkeypatch.setattr(Driver, "started", note)
    monkeypatch.setattr(rescore, "measure_sensitivity", once_the_second_began)
    paths = run(suite)
    assert waited == [True, True]
    assert all(path.exists() for path in paths)
    report = (suite.parent / "reports" / "suite" / "sensitivity-phantom-64px.md").read_text()
    assert report.startswith("### Sensitivity")


def test_a_later_run_measures_what_an_interrupted_one_left(suite):
    paths = run(suite)
    before = [path.read_bytes() for path in paths]
    for path in paths:
        path.unlink()
    assert [path.read_bytes() for path in run(suite)] == before  # none is left to train
    paths[0].unlink()
    (suite.parent / "suite.yaml").write_text(SUITE.replace("[0, 1]", "[0, 1, 2]"))
    assert [path.read_bytes() for path in run(suite)[:2]] == before  # beside a trial that is


def test_one_that_cannot_be_measured_is_told_and_costs_no_result(suite, monkeypatch, caplog):
    def refuse(*_):
        raise ResultsError("not readable maps", place="native.npz")

    monkeypatch.setattr(rescore, "measure_sensitivity", refuse)
    with caplog.at_level(logging.WARNING):
        paths = run(suite)
    assert not any(path.exists() for path in paths)
    assert len([one for one in caplog.messages if "native.npz: not readable maps" in one]) == 2
    assert (suite.parent / "reports" / "suite" / "README.md").exists()
