"""Sanity checks of models whose answers are known, against short loops and pytorch-grad-cam's ROAD."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from bench.data.dataset import Dataset, ImageSet
from bench.evaluation import sanity
from bench.evaluation.randomised import num_steps, randomised, steps
from bench.evaluation.sanity import check_sanity, checks_of, map_function, num_images, sampled
from bench.metrics.regions import COLUMNS
from bench.metrics.sanity import rank_correlations
from bench.models import CamOutput, build_model
from bench.suite.metrics import SANITY_UNITS
from bench.suite.schema import Recipe

SIDE_PX, CPU = 64, torch.device("cpu")
FINDINGS = ("Bright", "Dark")
RECIPE = Recipe(batch_size=4, mean=0.5, std=0.25)


class Pixelwise(nn.Module):
    """Sees bright pixels, and dark ones: its maps are the image and its negative, pooled by their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head = nn.Identity(), nn.Conv2d(1, len(FINDINGS), 1)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1))
            self.head.bias.zero_()

    def forward(self, images: Tensor) -> CamOutput:
        heatmaps = self.head(self.encoder(images))
        return CamOutput(heatmaps, 4 * heatmaps.mean(dim=(2, 3)))


def dataset(num: int = 6) -> Dataset:
    """Smooth noise with a bright and a dark spot in each image, and a unit of both findings."""
    random = np.random.default_rng(0)
    pixels = random.integers(100, 150, (num, SIDE_PX, SIDE_PX)).astype(np.uint8)
    rows = []
    for image in range(num):
        for finding, value in enumerate((250, 5)):
            row, column = random.integers(4, SIDE_PX - 8, 2)
            pixels[image, row : row + 4, column : column + 4] = value + random.integers(0, 5, (4, 4))
            rows.append((image, finding, column, row, 4.0, 4.0))
    boxes = pd.DataFrame(rows, columns=list(COLUMNS))
    names = tuple(f"{image}.png" for image in range(num))
    test = ImageSet(pixels, np.ones((num, 2), np.uint8), names, names, boxes)
    return Dataset(FINDINGS, test, test, test)


def check(model: nn.Module, data: Dataset | None = None, method: str = "native") -> pd.DataFrame:
    return check_sanity(model, data or dataset(), RECIPE, CPU, method, lambda *_: None).units


@pytest.fixture(scope="module")
def checked() -> pd.DataFrame:
    return check(Pixelwise())


def normalised(data: Dataset, image: str) -> np.ndarray:
    pixels = data.test.pixels[data.test.names.index(image)].astype(np.float64)
    return (pixels / 255 - RECIPE.mean) / RECIPE.std


def probability(pixels: np.ndarray, finding: str) -> float:
    logit = 4 * pixels.mean() * (1 if finding == "Bright" else -1)
    return 1 / (1 + np.exp(-logit))


def test_maps_that_are_the_image_follow_its_shifts_and_point_elsewhere_for_another_finding(checked):
    assert (checked["shift"] == 1).all()
    assert (checked["counter_label"] == 0).all()
    assert set(checked["finding"]) == set(FINDINGS)


def test_deletion_and_insertion_are_those_of_a_loop_over_pixels(checked):
    """Ranks are by the image itself; its equal pixels, in another order, move no area by 0.001."""
    from scipy.ndimage import gaussian_filter

    data = dataset()
    for unit in checked.itertuples():
        image = normalised(data, unit.image)
        sign = 1 if unit.finding == "Bright" else -1
        order = np.argsort(-sign * image.ravel(), kind="stable")
        blurred = gaussian_filter(image, 5 / 224 * SIDE_PX, mode="nearest")
        deleted, inserted = [], []
        for step in range(11):
            first = order[: int(np.ceil(step / 10 * image.size))]
            left, sharp = image.ravel().copy(), blurred.ravel().copy()
            left[first], sharp[first] = 0, image.ravel()[first]
            deleted.append(probability(left, unit.finding))
            inserted.append(probability(sharp, unit.finding))
        expected = [np.trapezoid(curve, dx=0.1) for curve in (deleted, inserted)]
        assert [unit.deletion, unit.insertion] == pytest.approx(expected, abs=1e-3)


def test_road_is_that_of_pytorch_grad_cam(monkeypatch):
    from pytorch_grad_cam.metrics import road
    from pytorch_grad_cam.metrics.perturbation_confidence import (
        PerturbationConfidenceMetric,
        RemoveLeastRelevantFirst,
        RemoveMostRelevantFirst,
    )

    monkeypatch.setattr(sanity, "_NOISE", 0.0)
    random, model = np.random.default_rng(1), Pixelwise().eval()
    values = random.permutation(SIDE_PX**2).reshape(1, SIDE_PX, SIDE_PX).astype(np.float32) / SIDE_PX**2
    data = dataset(1)
    units = sampled(data.test, FINDINGS).head(1)
    images = torch.from_numpy(normalised(data, "0.png")[None, None].astype(np.float32))
    own = int(units["class_index"].iloc[0])
    place = np.array([own]), units[["image", "patient", "finding"]], (slice(0, 1),)
    sample = sanity.Sample(model, images, *place, lambda _: None)
    found = checks_of(sample, lambda model, images, classes: torch.from_numpy(values))["road"]

    class Probabilities(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.sigmoid(model(images).logits)

    differences = []
    for share in (10, 20, 30):
        imputer = road.NoisyLinearImputer(noise=0.0)
        arguments = images, values, [lambda output: output[own]], Probabilities()
        kept, left = (
            PerturbationConfidenceMetric(remove(100 - share, imputer))(*arguments)
            for remove in (RemoveLeastRelevantFirst, RemoveMostRelevantFirst)
        )
        differences.append(kept - left)
    assert abs(np.mean(differences)) > 1e-4
    assert found == pytest.approx(np.mean(differences, axis=0), abs=1e-5)


def test_what_matters_is_told_from_a_random_map_and_from_the_middle(checked):
    for control in ("random", "centre"):
        assert (checked["deletion"] < checked[f"deletion_{control}"]).all()
        assert (checked["insertion"] > checked[f"insertion_{control}"]).all()
        assert (checked["road"] > checked[f"road_{control}"]).mean() > 0.8


def test_controls_show_what_each_check_gives_without_looking(checked):
    assert (checked[["randomisation_centre", "counter_label_centre"]] == 1).all(axis=None)
    assert (checked["shift_centre"] == 0).all()
    expected = np.sqrt(2 / np.pi / 63)  # mean of |ρ| of 64 independent values, whose variance is 1/63
    assert checked["randomisation_random"].mean() == pytest.approx(expected, abs=0.06)
    assert checked["counter_label_random"].mean() == pytest.approx(expected / 2, abs=0.06)
    assert abs(checked["road_random"].mean()) < 0.05


def test_a_map_that_is_not_finite_has_the_worst_of_everything():
    data, model = dataset(2), Pixelwise().eval()
    units = sampled(data.test, FINDINGS)
    images = torch.zeros(len(units), 1, SIDE_PX, SIDE_PX)
    place = np.array(units["class_index"]), units[["image", "patient", "finding"]]
    sample = sanity.Sample(model, images, *place, (slice(0, len(units)),), lambda _: None)
    found = checks_of(sample, lambda model, images, classes: torch.full((len(images), 4, 4), torch.nan))
    worst = {"randomisation": 1, "counter_label": 1, "shift": 0, "deletion": 1, "insertion": 0, "road": -1}
    assert {name: set(values.tolist()) for name, values in found.items()} == {
        name: {value} for name, value in worst.items()
    }


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return build_model("pylon", num_classes=2, encoder="tu-test_resnet").eval()


def test_checks_come_again_to_the_bit_and_leave_the_model_alone(network):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random = torch.get_rng_state()
    first = check(network, dataset(2), "grad_cam")
    assert torch.equal(random, torch.get_rng_state())
    torch.manual_seed(5)
    pd.testing.assert_frame_equal(first, check(network, dataset(2), "grad_cam"), check_exact=True)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not network.training
    assert list(first.columns) == [
        *("image", "patient", "finding", "randomisation", "counter_label", "shift"),
        *("deletion", "insertion", "road"),
    ]


def test_a_map_that_knows_no_finding_is_the_same_for_another(network):
    assert check(network, dataset(2), "eigen_cam")["counter_label"].tolist() == pytest.approx([1.0] * 4)


def test_rivals_are_the_likeliest_of_the_others():
    class Fixed(Pixelwise):
        def forward(self, images: Tensor) -> CamOutput:
            logits = torch.tensor([0.1, 3.0, -1.0, 2.0]).repeat(len(images), 1)
            return CamOutput(images.repeat(1, 4, 1, 1), logits)

    names = pd.DataFrame({"image": list("abc"), "patient": list("abc"), "finding": list("xyz")})
    images, parts = torch.zeros(3, 1, SIDE_PX, SIDE_PX), (slice(0, 2), slice(2, 3))
    sample = sanity.Sample(Fixed(), images, np.array([0, 1, 3]), names, parts, lambda _: None)
    assert sample.rivals.tolist() == [1, 3, 1]


def test_a_single_finding_has_no_other():
    data = dataset(2)
    boxes = data.test.boxes[data.test.boxes["class_index"] == 0].reset_index(drop=True)
    test = replace(data.test, labels=data.test.labels[:, :1], boxes=boxes)
    model = Pixelwise()
    model.head = nn.Conv2d(1, 1, 1)
    scores = check_sanity(
        model, Dataset(("Bright",), test, test, test), RECIPE, CPU, "native", lambda *_: None
    )
    assert not any("counter_label" in name for name in (*scores.units.columns, *scores.metrics))
    assert "road/weighted" in scores.metrics


def test_randomising_goes_from_the_head_to_the_first_layer_until_nothing_is_left(network):
    trained = {name: tensor.clone() for name, tensor in network.named_parameters() if tensor.ndim > 1}
    changed = [
        {
            name
            for name, tensor in model.named_parameters()
            if name in trained and not tensor.equal(trained[name])
        }
        for model in randomised(network)
    ]
    assert len(changed) == num_steps(network) == len(steps(network)) == 6
    assert changed[0] == {name for name in trained if name.startswith("head.")}
    assert not any(name.startswith("encoder.") for name in changed[1])
    first = next(name for name in trained if name.startswith("encoder."))
    assert [first in names for names in changed] == [False] * 5 + [True]
    assert all(before < after for before, after in pairwise(changed))
    assert changed[-1] == set(trained)


def test_a_randomised_models_weights_are_those_that_its_layers_begin_with(network):
    *_, model = randomised(network)
    norm = next(layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d))
    assert (norm.running_mean == 0).all()
    assert (norm.weight == 1).all()


def test_the_sample_is_capped_and_does_not_depend_on_other_units():
    test = dataset(40).test
    assert len(sampled(test, FINDINGS)) == SANITY_UNITS == 48
    few = replace(test, boxes=test.boxes.iloc[::2].reset_index(drop=True))
    tables = [sampled(one, FINDINGS) for one in (few, test)]
    kept, every = (set(zip(table["image"], table["finding"], strict=True)) for table in tables)
    present = {(test.names[i], FINDINGS[c]) for i, c in few.boxes[["image_index", "class_index"]].to_numpy()}
    assert every & present <= kept


def test_progress_counts_every_image_and_ends_at_the_last():
    seen = []
    data, model = dataset(2), Pixelwise()
    check_sanity(model, data, RECIPE, CPU, "native", lambda done, total: seen.append((done, total)))
    total = 4 * num_images(model, num_controls=2)
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_without_units_there_is_nothing_to_check():
    data = dataset(2)
    test = replace(data.test, boxes=data.test.boxes.head(0))
    scores = check_sanity(Pixelwise(), replace(data, test=test), RECIPE, CPU, "native", lambda *_: None)
    assert scores.units.empty
    assert scores.metrics == {}


def test_native_maps_are_probabilities_of_the_class():
    images = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    maps = map_function("native")(Pixelwise(), images, np.array([0, 1]))
    assert torch.allclose(maps, torch.sigmoid(torch.stack([images[0, 0], -images[1, 0]])))


def test_deletion_and_similarity_are_those_of_quantus():
    """Not installed for tests: it brings OpenCV's desktop build, which excludes the headless one."""
    quantus = pytest.importorskip("quantus", reason="Quantus is not installed")
    side_px, random = 40, np.random.default_rng(2)
    model, classes = Pixelwise().eval(), np.array([0, 1, 1])
    images = torch.from_numpy(random.normal(size=(3, 1, side_px, side_px)).astype(np.float32))
    values = random.permutation(3 * side_px**2).reshape(3, side_px, side_px).astype(np.float32) / 1e4
    names = pd.DataFrame({"image": list("abc"), "patient": list("abc"), "finding": ["x"] * 3})
    sample = sanity.Sample(model, images, classes, names, (slice(0, 3),), lambda _: None)
    found = checks_of(sample, lambda model, images, classes: torch.from_numpy(values[: len(images)]))

    class Probabilities(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.sigmoid(model(images).logits)

    flipping = quantus.PixelFlipping(
        features_in_step=side_px**2 // 10,
        perturb_baseline=0.0,
        abs=False,
        normalise=False,
        disable_warnings=True,
    )
    batch = {"x_batch": images.numpy(), "y_batch": classes, "a_batch": values[:, None]}
    after = np.array(flipping(model=Probabilities().eval(), **batch, device="cpu", softmax=False))
    before = Probabilities()(images)[torch.arange(3), torch.from_numpy(classes)].detach().numpy()
    assert after.shape == (3, 10)
    expected = np.trapezoid(np.column_stack([before, after]), dx=0.1, axis=1)
    assert found["deletion"] == pytest.approx(expected, abs=1e-6)
    similarity = [
        quantus.correlation_spearman(a.ravel(), b.ravel())
        for a, b in zip(values, images[:, 0].numpy(), strict=True)
    ]
    assert rank_correlations(values, images[:, 0].numpy()) == pytest.approx(similarity)
