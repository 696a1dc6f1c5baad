"""Parts of a selection: disjoint, together the whole, families of trials never torn apart."""

from pathlib import Path

import pytest

from bench.errors import SuiteError
from bench.suite.load import load_suite

SUITES = Path(__file__).parents[2] / "suites"


@pytest.mark.parametrize("suite", ["nih_256", "vindr_transfer"])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_parts_hold_each_point_once(suite, count):
    grid = load_suite(SUITES / f"{suite}.yaml").grid
    parts = [grid.shard(f"{index}/{count}") for index in range(1, count + 1)]
    ids = [trial.id for part in parts for trial in part.trials]
    assert sorted(ids) == sorted(trial.id for trial in grid.trials)


def test_what_starts_from_one_trial_stays_together():
    grid = load_suite(SUITES / "vindr_transfer.yaml").grid
    firsts = [{t.ancestors()[0].id for t in grid.shard(f"{index}/4").trials} for index in range(1, 5)]
    assert sum(map(len, firsts)) == len(set().union(*firsts))


def test_parts_are_dealt_in_the_order_of_the_grid():
    grid = load_suite(SUITES / "nih_256.yaml").grid
    assert grid.shard("2/8").trials == grid.trials[1::8]


def test_parts_are_of_what_is_selected():
    grid = load_suite(SUITES / "nih_256.yaml").grid.select(seeds="0")
    assert [len(grid.shard(f"{index}/2").trials) for index in (1, 2)] == [4, 3]


@pytest.mark.parametrize("text", ["2", "2/", "-1/2", "0/2", "3/2", "1/0"])
def test_nonsense_is_refused_with_the_option(text):
    grid = load_suite(SUITES / "nih_256.yaml").grid
    with pytest.raises(SuiteError) as caught:
        grid.shard(text)
    assert (caught.value.place, caught.value.value) == (f"--shard {text!r}", text)


def test_an_empty_part_says_how_many_there_can_be():
    grid = load_suite(SUITES / "vindr_transfer.yaml").grid
    families = {trial.ancestors()[0].id for trial in grid.trials}
    assert len(families) < len(grid.trials)
    with pytest.raises(SuiteError, match=f"at most {len(families)} "):
        grid.shard(f"{len(grid.trials)}/{len(grid.trials)}")
