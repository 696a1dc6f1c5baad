"""What failed, by cause, and the part of a suite that is tried again."""

import pytest

from bench.errors import account
from bench.results.failures import all_failures, by_cause, failed_grid, failures_of, failures_of_trial
from bench.results.record import CamEvaluation
from bench.results.store import ResultsStore
from bench.suite.load import load_suite

SOURCE = """\
models: [pylon]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1]
"""
CHAIN = """\
models: [baseline, {name: pylon, init: {from: source, model: pylon}}]
datasets: [{name: phantom, seed: 1}]
resolutions: [64]
seeds: [0, 1]
cams: [native, grad_cam]
"""
HIT = {("i", "p", "Mass"): True}


@pytest.fixture
def grid(tmp_path):
    (tmp_path / "source.yaml").write_text(SOURCE)
    (tmp_path / "chain.yaml").write_text(CHAIN)
    return load_suite(tmp_path / "chain.yaml").grid


@pytest.fixture
def store(tmp_path):
    return ResultsStore(tmp_path / "results")


def traceback_of(number: int) -> str:
    try:
        _raise(number)
    except ValueError as error:
        return account(error)
    raise AssertionError


def _raise(number: int) -> None:
    raise ValueError(f"step {number}: bad")


def test_failures_of_one_place_and_reason_are_one_cause_whatever_their_numbers(grid, store):
    first, second, third, fourth = grid.trials
    store.fail(first, traceback_of(7))
    store.fail(second, traceback_of(12))
    store.fail(third, f"{store.folder(third.id).path}/record.json: the disk is full")
    store.fail(fourth, f"{store.folder(fourth.id).path}/record.json: the disk is full")
    groups = by_cause(failures_of(grid, store))
    assert {tuple(failure.trial.id for failure in group) for group in groups} == {
        (first.id, second.id),
        (third.id, fourth.id),
    }
    assert groups[0][0].reason == "ValueError: step 7: bad"
    assert groups[0][0].place.endswith("in _raise")
    assert groups[1][0].place is None


def test_equal_reasons_raised_elsewhere_are_two_causes(grid, store):
    store.fail(grid.trials[0], traceback_of(7))
    store.fail(grid.trials[1], "ValueError: step 7: bad")
    assert len(by_cause(all_failures(store))) == 2


def test_failed_maps_are_found_and_tried_again_without_their_trial(grid, store, finish_trial):
    trial = grid.trials[0]
    finish_trial(store, trial, HIT)
    failed = CamEvaluation(method="grad_cam", status="failed", error="no layer", ended_at="now")
    store.evaluated(trial.id, failed)
    (failure,) = failures_of(grid, store)
    assert (failure.trial.id, failure.cam, failure.reason) == (trial.id, "grad_cam", "no layer")
    assert tuple(failures_of_trial(trial.id, store)) == (failure,) == all_failures(store)
    assert [(p.trial.id, p.cam) for p in failed_grid(grid, store).points] == [(trial.id, "grad_cam")]


def test_of_a_failed_chain_only_what_failed_is_tried_again(grid, store):
    source = grid.required[0]
    store.fail(source, "no memory")
    again = failed_grid(grid, store)
    assert [(p.trial.id, p.label, p.cam) for p in again.points] == [(source.id, "PYLON", "native")]


def test_where_nothing_failed_nothing_is_tried_again(grid, store, finish_trial):
    finish_trial(store, grid.trials[0], HIT)
    assert failed_grid(grid, store) is None
    assert all_failures(store) == ()
