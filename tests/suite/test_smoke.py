"""A suite as a smoke test shares no trial with the suite itself, nor with what it starts from."""

from pathlib import Path

import pytest

from bench.suite.load import load_suite

SUITES = Path(__file__).parents[2] / "suites"


@pytest.mark.parametrize("name", ["nih_256", "vindr_transfer", "demo_transfer"])
def test_no_trial_has_the_id_of_a_result(name):
    loaded = load_suite(SUITES / f"{name}.yaml")
    smoke = loaded.limited(2)
    results = {trial.id for trial in (*loaded.grid.trials, *loaded.grid.required)}
    assert results.isdisjoint(trial.id for trial in (*smoke.grid.trials, *smoke.grid.required))
    assert len(smoke.grid.trials) == len(loaded.grid.trials)
    assert len(smoke.grid.required) == len(loaded.grid.required)


def test_trials_of_other_suites_are_limited_too_and_still_known_by_their_suite():
    smoke = load_suite(SUITES / "vindr_transfer.yaml").limited(3)
    assert {trial.recipe.limit_batches for trial in smoke.grid.required} == {3}
    assert {trial.recipe.max_epochs for trial in smoke.grid.required} == {1}
    others = [trial for trial in smoke.grid.required if trial.dataset.name == "nih"]
    assert {smoke.grid.origins[trial.id].suite for trial in others} == {"nih_256"}


def test_an_epoch_of_one_batch_is_another_trial_than_one_of_two():
    loaded = load_suite(SUITES / "demo.yaml")
    first, second = loaded.limited(1), loaded.limited(2)
    assert {t.id for t in first.grid.trials}.isdisjoint(t.id for t in second.grid.trials)


def test_claims_and_references_are_left_out():
    smoke = load_suite(SUITES / "nih_256.yaml").limited(1)
    assert (smoke.claims, smoke.suite.claims, smoke.suite.references) == ((), (), ())
