"""The longest chain is started first, and no child before its parent."""

from functools import partial
from pathlib import Path

import pytest
from records import finish_whole
from trials import context_in, make_trial

from bench.execution.driver import Driver, run_grid
from bench.execution.live import Display
from bench.planning.cost import Budget, Left, TrialCost
from bench.planning.machine import Machine
from bench.planning.order import expected_times, longest_first
from bench.results.record import EpochRow, Outcome
from bench.results.store import ResultsStore
from bench.suite.dataset_specs import FolderSpec, NihSpec, PhantomSpec, SplitLists
from bench.suite.load import load_suite
from bench.suite.schema import Resources
from bench.suite.trial import Trial

trial = partial(make_trial, encoder="resnet18", dataset=PhantomSpec(train=100), max_epochs=10)


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


def cost(expected_s: float) -> TrialCost:
    return TrialCost(Left(0.0, expected_s, 2 * expected_s), "probed", "assumed")


def test_unknown_trials_take_as_long_for_a_pixel_as_the_others_do():
    """Two known ones: 100 images of 64 px in 10 epochs take 10 s and, of another model, 30 s."""
    others = [
        trial(model="pylon"),
        trial(resolution=128),
        trial(dataset=PhantomSpec(train=300)),
        trial(max_epochs=20),
    ]
    times = expected_times([A, B, *others], {A.id: cost(10.0), B.id: cost(30.0)}, {})
    assert [times[one.id] for one in (A, B)] == [10, 30]
    assert [times[one.id] / 20 for one in others] == pytest.approx([1, 4, 3, 2])


def test_data_of_unknown_size_count_as_the_others(tmp_path: Path):
    """By hand: of 100, 300 and, by their list, 2 images the median is 100."""
    path = tmp_path / "train.txt"
    path.write_text("a.png\nb.png\n\n")
    lists = SplitLists(train="sha256:t", val="sha256:t", test="sha256:t")
    listed = trial(dataset=NihSpec(split=lists))
    unknown = trial(dataset=FolderSpec(images="i", labels="l"))
    large = trial(dataset=PhantomSpec(train=300))
    times = expected_times([A, large, listed, unknown], {A.id: cost(10.0)}, {"sha256:t": path})
    assert [times[one.id] for one in (large, listed, unknown)] == pytest.approx([30, 0.2, 10])


def test_of_mixed_data_the_largest_is_started_first(tmp_path: Path):
    """By their pixels: NIH's 78,484 training images, the lists' two, phantoms, twice as large."""
    path = tmp_path / "part.txt"
    path.write_text("a.png\nb.png\n")
    lists = SplitLists(train="sha256:p", val="sha256:p", test="sha256:p")
    files = {"sha256:p": path}
    nih, listed, large = trial(dataset=NihSpec()), trial(dataset=NihSpec(split=lists)), trial(resolution=128)
    trials = [listed, A, large, nih]
    costs = Budget(ResultsStore(tmp_path), Machine("cpu", 2, 0)).trial_costs(trials, files, use_gpu=False)
    times = expected_times(trials, costs, files)
    assert ordered(trials, times) == [nih, large, A, listed]


def test_what_is_measured_counts_before_pixels(tmp_path: Path, provenance):
    """Epochs of small images took an hour here, those of large ones a second."""
    store, other = ResultsStore(tmp_path), trial(1, resolution=96)
    row = {"learning_rate": 1e-3, "train_loss": 1.0, "val_loss": 1.0, "images_per_s": 0.1}
    for one, epoch_s in ((trial(0), 3600.0), (trial(0, resolution=96), 1.0)):
        store.announce(one)
        store.folder(one.id).write_history([EpochRow(epoch=1, duration_s=epoch_s, **row)])
        outcome = {
            "findings": (),
            "metrics": {},
            "best_epoch": 1,
            "num_epochs": 1,
            "duration_s": epoch_s,
            "notes": (),
        }
        finish_whole(store, one, Outcome(provenance=provenance, **outcome))
    trials = [other, trial(1)]

    def first(store: ResultsStore) -> Trial:
        costs = Budget(store, Machine("cpu", 2, 0)).trial_costs(trials, {}, use_gpu=False)
        return ordered(trials, expected_times(trials, costs, {}))[0]

    assert first(store) == trial(1)
    assert first(ResultsStore(tmp_path / "empty")) == other


class Noting:
    """An executor that notes in which order it is given trials, and runs none."""

    def num_gpus(self) -> float:
        return 0

    def run(self, trials, context, resources, listener) -> None:
        self.trials = list(trials)


SUITE = """\
models: [baseline, pylon]
datasets:
  - {name: phantom, train: 8, val: 4, test: 4}
  - {name: phantom, train: 16, val: 4, test: 4, seed: 1}
resolutions: [64]
seeds: [0]
encoder: tu-test_resnet
weights: none
"""


@pytest.mark.parametrize("damaged", [False, True])
def test_a_run_starts_in_the_order_of_the_plans_times(tmp_path: Path, damaged):
    """A history of another trial that cannot be read is no reason to run nothing."""
    (tmp_path / "suite.yaml").write_text(SUITE)
    grid, store, executor = load_suite(tmp_path / "suite.yaml").grid, ResultsStore(tmp_path), Noting()
    if damaged:
        store.announce(A)
        store.folder(A.id).history.write_text("epoch")
    context = context_in(tmp_path)
    run_grid(grid, Resources(), context, executor, Driver(store, [Display(store)]))
    found = [(one.model, one.dataset.train) for one in executor.trials]
    assert found == [("baseline", 16), ("pylon", 16), ("baseline", 8), ("pylon", 8)]
