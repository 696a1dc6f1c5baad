"""Time and disk of what is left, against sums by hand."""

import math
from functools import partial

import pytest
from records import finish_whole
from trials import make_trial

from bench.planning.cost import Budget, image_counts, wall_s
from bench.planning.machine import Machine, needs_of, num_slots
from bench.planning.speed import Probe, add_probe, workload_of
from bench.results.record import EpochRow, Outcome
from bench.results.store import ResultsStore
from bench.suite.dataset_specs import FolderSpec, NihSpec, PhantomSpec, VindrSpec
from bench.suite.schema import Recipe, Resources
from bench.suite.trial import Trial
from bench.training.schedule import fewest_epochs

TWO_CORES = Machine("cpu", 2, 0)
ROW = {"learning_rate": 1e-3, "train_loss": 1.0, "val_loss": 1.0}


trial = partial(
    make_trial,
    model="pylon",
    encoder="resnet34",
    images=(80, 12, 24),
    batch_size=4,
    max_epochs=10,  # the fewest: 1 + 3 reductions of 2 epochs each
)


@pytest.fixture
def store(tmp_path):
    return ResultsStore(tmp_path / "results")


def finish(store, one: Trial, provenance, num_epochs: int, epoch_s: float, total_s: float) -> None:
    """Writes a finished trial of equal epochs at 10 images/s."""
    store.announce(one)
    rows = [EpochRow(epoch=n, images_per_s=10.0, duration_s=epoch_s, **ROW) for n in range(1, num_epochs + 1)]
    store.folder(one.id).write_history(rows)
    outcome = {"metrics": {}, "best_epoch": 1, "num_epochs": num_epochs, "duration_s": total_s, "notes": ()}
    outcome["findings"] = ()
    finish_whole(store, one, Outcome(provenance=provenance, **outcome))


def cost_of(store, *trials: Trial, machine: Machine = TWO_CORES, **resources):
    return Budget(store, machine).cost(trials, Resources(**resources), {})


@pytest.mark.parametrize(
    ("recipe", "num_epochs"),
    [
        ({}, 7),  # one that improves, three times two that do not
        ({"plateau_patience": 0}, 4),
        ({"evaluate_every": 3, "max_epochs": 100}, 21),
        ({"max_epochs": 5}, 5),
    ],
)
def test_the_fewest_epochs_are_those_of_a_loss_that_never_falls(recipe, num_epochs):
    assert fewest_epochs(Recipe(**recipe)) == num_epochs


def test_measured_trials_tell_of_their_kind(store, provenance):
    """Epochs of 12 s and 6 s of scoring, 8 epochs each; two of three are left, two run at once."""
    finish(store, trial(0), provenance, 8, 12.0, 8 * 12.0 + 6.0)
    cost = cost_of(store, trial(1), trial(2))
    assert (cost.num_trials, cost.num_unknown, cost.num_slots) == (2, 0, 2)
    assert cost.sources == {"measured": 2}
    assert cost.wall_s.fewest == pytest.approx(7 * 12 + 6)
    assert cost.wall_s.most == pytest.approx(10 * 12 + 6)
    assert cost.wall_s.expected == pytest.approx(8 * 12 + 6)
    assert cost.device_hours.most == pytest.approx(2 * 126 / 3600)


def test_an_interrupted_trial_counts_what_is_left_of_it(store, provenance):
    finish(store, trial(0), provenance, 8, 12.0, 102.0)
    store.announce(trial(1))
    folder = store.folder(trial(1).id)
    folder.write_history([EpochRow(epoch=n, images_per_s=10.0, duration_s=12.0, **ROW) for n in (1, 2, 3)])
    folder.last_checkpoint.touch()
    assert cost_of(store, trial(1)).wall_s.expected == pytest.approx(5 * 12 + 6)


def test_other_data_give_a_speed_and_no_number_of_epochs(store, provenance):
    """10 images/s: 200 images 20 s, validation of 30 and scoring of 60 a third of 3 and 6 s."""
    finish(store, trial(0), provenance, 8, 12.0, 102.0)
    other = trial(0, dataset=PhantomSpec(train=200, val=30, test=60))
    cost = cost_of(store, other)
    assert cost.sources == {"measured on other data": 1}
    assert cost.epochs == {"assumed": 1}
    assert cost.wall_s.most == pytest.approx(10 * (20 + 1) + 2)
    assert cost.wall_s.expected == pytest.approx(math.sqrt(7 * 10) * (20 + 1) + 2)


def test_other_models_devices_and_resolutions_tell_nothing(store, provenance):
    finish(store, trial(0), provenance.model_copy(update={"device": "NVIDIA A100"}), 8, 12.0, 102.0)
    finish(store, trial(0, resolution=96), provenance, 8, 12.0, 102.0)
    finish(store, trial(0, model="baseline"), provenance, 8, 12.0, 102.0)
    cost = cost_of(store, trial(1))
    assert (cost.num_unknown, cost.wall_s.most, cost.sources) == (1, 0.0, {})


def probe(store, one: Trial, device: str = "cpu", images_per_s: float = 20.0) -> None:
    given = {"memory_bytes": 1, "num_steps": 5, "probed_at": "now"}
    add_probe(store.root, Probe(workload=workload_of(one), device=device, images_per_s=images_per_s, **given))


def test_a_probe_tells_of_trials_that_have_never_run(store):
    """20 images/s: 80 images 4 s, validation of 12 and scoring of 24 a third of .6 and 1.2 s."""
    probe(store, trial(0))
    cost = cost_of(store, trial(0), trial(1, encoder="resnet18"))
    assert (cost.sources, cost.epochs, cost.num_unknown) == ({"probed": 1}, {"assumed": 1}, 1)
    assert cost.wall_s.fewest == pytest.approx(7 * 4.2 + 0.4)
    assert cost.wall_s.expected == pytest.approx(math.sqrt(70) * 4.2 + 0.4)
    assert cost.wall_s.most == pytest.approx(10 * 4.2 + 0.4)


def test_a_smoke_test_counts_the_images_that_it_loads(store):
    """Two batches of 4 of each part, one third of the time for those that are not trained on."""
    small = trial(0, max_epochs=1, limit_batches=2)
    probe(store, small)
    assert cost_of(store, small).wall_s.expected == pytest.approx((8 + 8 / 3 + 8 / 3) / 20)


def test_without_a_gpu_here_a_cluster_s_count_as_those_that_were_measured_on(store):
    probe(store, trial(0), "NVIDIA A100")
    budget = Budget(store, TWO_CORES)
    assert budget.trial_costs([trial(0)], {}, use_gpu=True).keys() == {trial(0).id}
    assert budget.trial_costs([trial(0)], {}, use_gpu=False) == {}


def test_data_of_unknown_size_is_told_apart_from_an_unknown_model(store):
    own = FolderSpec(images="i", labels="l")
    cost = cost_of(store, trial(0), trial(1, dataset=own), trial(2, dataset=own, encoder="resnet18"))
    assert (cost.num_trials, cost.num_unknown, cost.num_unknown_data) == (3, 3, 2)


def test_gpus_are_counted_where_a_suite_takes_them(store, provenance):
    """Two trials of 8 epochs of 12 s and 6 s of scoring, on two GPUs at once."""
    finish(store, trial(0), provenance.model_copy(update={"device": "NVIDIA A100"}), 8, 12.0, 102.0)
    cost = cost_of(store, trial(1), trial(2), machine=Machine("NVIDIA A100", 8, 2))
    assert (cost.device, cost.num_slots) == ("NVIDIA A100", 2)
    assert cost.wall_s.expected == pytest.approx(102.0)
    assert cost.device_hours.expected == pytest.approx(2 * 102 / 3600)


def test_a_chain_takes_as_long_as_its_links():
    assert wall_s({"a": 4.0, "b": 4.0, "c": 1.0}, [["a"], ["a", "b"], ["c"]], 2) == 8.0
    assert wall_s({"a": 4.0, "b": 4.0, "c": 4.0}, [["a"], ["b"], ["c"]], 2) == 6.0


def test_as_many_run_at_once_as_there_is_room_for():
    half = [needs_of(trial(0), Resources(gpu=0.5), use_gpu=True)]
    assert num_slots(half, [Machine("X", 16, 2).node]) == 4
    assert num_slots(half, [Machine("X", 3, 2).node]) == 3
    assert num_slots([needs_of(trial(0), Resources(cpu=4), use_gpu=False)], [TWO_CORES.node]) == 1


def test_published_data_sets_have_their_published_sizes():
    assert image_counts(NihSpec(), {}) == (78_484, 8_040, 25_596)
    assert image_counts(VindrSpec(), {}) == (10_500, 1_500, 3_000)
    assert image_counts(FolderSpec(images="i", labels="l"), {}) is None


def test_the_disk_is_told_by_what_finished_trials_take(store, provenance):
    assert cost_of(store, trial(1)).finished_bytes is None
    finish(store, trial(0), provenance, 8, 12.0, 102.0)
    folder = store.folder(trial(0).id)
    folder.best_weights.write_bytes(bytes(1000))
    files = [path for path in folder.path.rglob("*") if path.is_file()]
    assert cost_of(store, trial(1)).finished_bytes == sum(path.stat().st_size for path in files) > 1000
