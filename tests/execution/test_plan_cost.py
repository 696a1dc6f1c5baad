"""Time and disk of what is left, against sums by hand and real trials."""

import math

import pytest
from records import finish_whole

from bench.data.part_sizes import PartSizes, part_sizes
from bench.errors import SuiteError
from bench.execution.context import RunContext
from bench.execution.cost import wall_s
from bench.execution.disk_need import scores_bytes, weights_bytes
from bench.execution.fleet import Fleet
from bench.execution.machine import Machine, needs_of
from bench.execution.plan_cost import Budget
from bench.execution.speed_prior import known_kind, speed_prior
from bench.execution.trial import run_trial
from bench.models.size import measure
from bench.results.model_sizes import ModelSize, SizeCache, size_key
from bench.results.record import EpochRow, Outcome
from bench.results.store import ResultsStore
from bench.suite.schema import FolderSpec, NihSpec, PhantomSpec, Recipe, Resources, VindrSpec
from bench.suite.trial import Trial
from bench.training.schedule import fewest_epochs

UNSHIPPED = "resnet152"
"""Encoder that no shipped suite has."""

TWO_CORES = Machine("cpu", 2, 0)
RECIPE = Recipe(batch_size=4, max_epochs=10)  # the fewest: 1 + 3 reductions of 2 epochs each
ROW = {"learning_rate": 1e-3, "train_loss": 1.0, "val_loss": 1.0}


def trial(seed: int, recipe: Recipe = RECIPE, dataset=None, **changes) -> Trial:
    given = {"model": "pylon", "encoder": UNSHIPPED, "weights": "none", "resolution": 64, **changes}
    return Trial(seed=seed, recipe=recipe, dataset=dataset or PhantomSpec(train=80, val=12, test=24), **given)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
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
    assert cost.epochs == {"prior": 1}
    assert cost.wall_s.most == pytest.approx(10 * (20 + 1) + 2)
    assert cost.wall_s.expected == pytest.approx(math.sqrt(7 * 10) * (20 + 1) + 2)


def test_other_models_devices_and_resolutions_tell_nothing(store, provenance):
    finish(store, trial(0), provenance.model_copy(update={"device": "NVIDIA A100"}), 8, 12.0, 102.0)
    finish(store, trial(0, resolution=96), provenance, 8, 12.0, 102.0)
    finish(store, trial(0, model="baseline"), provenance, 8, 12.0, 102.0)
    cost = cost_of(store, trial(1))
    assert (cost.num_unknown, cost.wall_s.most, cost.sources) == (1, 0.0, {})


@pytest.mark.parametrize("device", ["cpu", "NVIDIA H100 80GB HBM3", "something new"])
def test_without_a_measurement_speed_is_a_prior_from_the_models_size(store, device):
    """2 GMACs at 256 px are 2·(64/256)² at 64 px, six operations each in training, two without."""
    size = ModelSize(parameters=10, sides={256: 8, 512: 16}, gmacs=2.0)
    SizeCache()[size_key("pylon", {}, UNSHIPPED)] = size
    cost = cost_of(store, trial(0), machine=TWO_CORES if device == "cpu" else Machine(device, 8, 1))
    prior, num_images = speed_prior(device), 80 + 12 / 3

    def left_s(num_epochs: float, tflops: float, starting_s: float) -> float:
        image_s = 6 * 2e9 / 16 / (tflops * 1e12) + starting_s / 4  # batches of 4
        return num_epochs * num_images * image_s + 24 / 3 * image_s

    assert (cost.sources, cost.epochs) == ({"prior": 1}, {"prior": 1})
    assert cost.wall_s.fewest == pytest.approx(left_s(7, prior.tflops.most, prior.starting_s.fewest))
    assert cost.wall_s.most == pytest.approx(left_s(10, prior.tflops.fewest, prior.starting_s.most))
    middle = left_s(math.sqrt(70), prior.tflops.expected, prior.starting_s.expected)
    assert cost.wall_s.expected == pytest.approx(middle)


def test_two_threads_halve_the_arithmetic_of_the_prior():
    one, two = trial(0), trial(0, RECIPE.model_copy(update={"num_threads": 2}))
    prior = speed_prior("cpu")
    starting_s = prior.starting_s.expected / 4
    single_s, double_s = (prior.image_s(each, 2.0).expected - starting_s for each in (one, two))
    assert single_s == pytest.approx(2 * double_s)


def test_a_smoke_test_counts_the_images_that_it_loads(store):
    """Two batches of 4 of each part, one third of the time for those that are not trained on."""
    size = ModelSize(parameters=10, sides={256: 8, 512: 16}, gmacs=2.0)
    SizeCache()[size_key("pylon", {}, UNSHIPPED)] = size
    small = trial(0, Recipe(batch_size=4, max_epochs=1, limit_batches=2))
    image_s = speed_prior("cpu").image_s(small, 2.0).expected
    assert cost_of(store, small).wall_s.expected == pytest.approx(image_s * (8 + 8 / 3 + 8 / 3))


def test_data_of_unknown_size_is_told_apart_from_an_unknown_model(store):
    own = FolderSpec(images="i", labels="l")
    cost = cost_of(store, trial(0), trial(1, dataset=own), trial(2, dataset=own, encoder="resnet18"))
    assert (cost.num_trials, cost.num_unknown, cost.num_unknown_data) == (3, 3, 2)


@pytest.mark.parametrize("said", ["2", "2xA100"])
def test_another_machine_has_the_gpus_that_were_measured_on(store, provenance, said):
    """Two trials of 8 epochs of 12 s and 6 s of scoring, on two GPUs at once."""
    finish(store, trial(0), provenance.model_copy(update={"device": "NVIDIA A100"}), 8, 12.0, 102.0)
    cost = Budget(store, fleet=Fleet.parse(said)).cost([trial(1), trial(2)], Resources(), {})
    assert (cost.device, cost.num_slots) == ("NVIDIA A100", 2)
    assert cost.wall_s.expected == pytest.approx(102.0)
    assert cost.device_hours.expected == pytest.approx(2 * 102 / 3600)


@pytest.mark.parametrize("kind", ["H100", "A10"])
def test_gpus_of_another_kind_than_measured_on_have_a_prior(store, provenance, kind):
    finish(store, trial(0), provenance.model_copy(update={"device": "NVIDIA A100"}), 8, 12.0, 102.0)
    one = trial(1, encoder="resnet18")
    cost = Budget(store, fleet=Fleet.parse(f"4x{kind.lower()}")).cost([one], Resources(), {})
    assert (cost.device, cost.sources) == (kind, {"prior": 1})


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("0", "give how many, e.g. 8, or of which kind too, e.g. 8xH100"),
        ("H100", "give how many"),
        ("8xH10", "unknown kind 'H10'; known: .*; did you mean 'H100'?"),
    ],
)
def test_gpus_that_mean_nothing_are_a_sentence(said, sentence):
    with pytest.raises(SuiteError, match=sentence):
        Fleet.parse(said)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("NVIDIA A100-SXM4-80GB", "A100"),
        ("NVIDIA A10", "A10"),
        ("NVIDIA L40S", "L40S"),
        ("Tesla T4", "T4"),
        ("Quadro T400", None),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
    ],
)
def test_a_gpu_is_known_by_its_driver_s_name(name, kind):
    assert known_kind(name) == kind


def test_a_chain_takes_as_long_as_its_links():
    assert wall_s({"a": 4.0, "b": 4.0, "c": 1.0}, [["a"], ["a", "b"], ["c"]], 2) == 8.0
    assert wall_s({"a": 4.0, "b": 4.0, "c": 4.0}, [["a"], ["b"], ["c"]], 2) == 6.0


def test_as_many_run_at_once_as_there_is_room_for():
    half = [needs_of(trial(0), Resources(gpu=0.5), use_gpu=True)]
    assert Machine("X", 16, 2).num_slots(half) == 4
    assert Machine("X", 3, 2).num_slots(half) == 3
    assert TWO_CORES.num_slots([needs_of(trial(0), Resources(cpu=4), use_gpu=False)]) == 1


def test_published_data_sets_have_their_published_sizes():
    assert part_sizes(NihSpec(), {}) == PartSizes(78_484, 8_040, 25_596, 984)
    vindr = part_sizes(VindrSpec(), {})
    assert (vindr.train, vindr.val, vindr.test) == (10_500, 1_500, 3_000)
    assert part_sizes(FolderSpec(images="i", labels="l"), {}) is None
    assert PartSizes(100, 10, 20, None).cache_bytes(256, 1.25) == 100 * 320**2 + 30 * 256**2


def test_disk_estimates_are_near_what_a_real_trial_takes(store, tmp_path):
    one = trial(0, Recipe(batch_size=8, max_epochs=2), encoder="tu-test_resnet")
    sizes = SizeCache()
    sizes[size_key("pylon", {}, "tu-test_resnet")] = measure("pylon", {}, "tu-test_resnet")
    folder = store.folder(one.id)
    running = []
    run_trial(one, RunContext(store.root, None, tmp_path), lambda _: running.append(_checkpoints(folder)))
    weights = weights_bytes(one, sizes)
    assert folder.best_weights.stat().st_size == pytest.approx(weights, rel=0.1)
    scores = sum(
        path.stat().st_size for path in (folder.cam_maps("native"), folder.cam_units("native"), folder.boxes)
    )
    assert scores == pytest.approx(scores_bytes(one, sizes, {}), rel=0.2)
    store.announce(one)
    disk = cost_of(store, one).disk
    assert max(running) <= disk.running <= 2 * max(running)


def _checkpoints(folder) -> int:
    kinds = (*folder.checkpoints, *folder.path.glob("best-*.safetensors"))
    return sum(path.stat().st_size for path in kinds if path.exists())
