"""The longest chain is started first, and no child before its parent."""

from pathlib import Path

import pytest

from bench.execution.order import longest_first, relative_costs
from bench.results.model_sizes import ModelSize, SizeCache, size_key
from bench.suite.schema import NihSpec, PhantomSpec, Recipe
from bench.suite.trial import Trial


def trial(seed: int = 0, model: str = "baseline", init: Trial | None = None, **changes) -> Trial:
    given = {
        "encoder": "resnet18",
        "weights": "none",
        "dataset": PhantomSpec(train=100),
        "resolution": 64,
        "recipe": Recipe(max_epochs=10),
    }
    return Trial(model=model, seed=seed, init=init, **(given | changes))


A, B, C = trial(0), trial(1), trial(2)
A_CHILD, B_CHILD = trial(0, init=A, encoder="resnet34"), trial(1, init=B, encoder="resnet34")
A_GRANDCHILD = trial(0, init=A_CHILD, encoder="resnet50")


def ordered(trials: list[Trial], costs: dict[str, float]) -> list[Trial]:
    return longest_first(trials, lambda one: costs[one.id])


def test_longer_trials_come_first_and_equal_ones_in_their_order():
    assert ordered([A, B, C], {A.id: 1, B.id: 2, C.id: 1}) == [B, A, C]


def test_a_short_parent_of_a_long_chain_comes_before_a_long_trial_that_nothing_waits_for():
    """By hand: A 1 + 2 + 4 = 7, B 3 + 3 = 6, its child 3, A's child 6 and grandchild 4, C 5."""
    costs = {A.id: 1, A_CHILD.id: 2, A_GRANDCHILD.id: 4, B.id: 3, B_CHILD.id: 3, C.id: 5}
    trials = [C, B_CHILD, B, A_GRANDCHILD, A_CHILD, A]
    assert ordered(trials, costs) == [A, B, A_CHILD, C, A_GRANDCHILD, B_CHILD]


def test_a_child_whose_parent_is_finished_stands_for_itself():
    assert ordered([A_CHILD, B], {A_CHILD.id: 1, B.id: 2}) == [B, A_CHILD]


@pytest.fixture
def sizes(tmp_path: Path) -> SizeCache:
    found = SizeCache(tmp_path / "sizes.json")
    found[size_key("baseline", {}, "resnet18")] = ModelSize(1, {256: 8, 512: 16}, 2.0)
    return found


def test_cost_is_operations_by_epochs_by_images(sizes):
    others = [
        trial(resolution=128),
        trial(dataset=PhantomSpec(train=300)),
        trial(recipe=Recipe(max_epochs=20)),
        trial(model="pylon"),
    ]
    costs = relative_costs([A, *others], sizes)
    assert [costs[one.id] / costs[A.id] for one in others] == [4, 3, 2, 1]


def test_published_data_counts_as_large_as_its_pool(sizes):
    nih = trial(dataset=NihSpec())
    costs = relative_costs([A, nih], sizes)
    assert costs[nih.id] / costs[A.id] == pytest.approx(86_524 / 100)
