"""Maps beside the native one: against it where theory says what they are, and by the protocol."""

import ast
import inspect

import numpy as np
import pandas as pd
import pytest
import torch

from bench.data.dataset import Dataset, ImageSet
from bench.evaluation import cam
from bench.evaluation.cam import cam_maps, head_features, score_cam
from bench.evaluation.library_cams import _projection
from bench.evaluation.localize import localize
from bench.evaluation.score import score
from bench.metrics.regions import COLUMNS
from bench.models import build_model
from bench.suite.catalog import MODELS
from bench.suite.schema import Recipe

CLASSES = np.array([0, 1, 2, 0])


def build(name: str = "baseline", **options) -> torch.nn.Module:
    """A random model whose class evidence is positive in places, for every class."""
    torch.manual_seed(0)
    model = build_model(name, num_classes=3, encoder="resnet18", **options).eval()
    with torch.no_grad():
        model.head.weight.copy_(torch.randn_like(model.head.weight) + 0.3)
        model.head.bias.copy_(torch.tensor([0.5, -0.25, 0.0]))
    return model


@pytest.fixture(scope="module")
def baseline():
    return build()


@pytest.fixture(scope="module")
def images():
    return torch.randn(4, 1, 128, 128, generator=torch.Generator().manual_seed(1))


def minus_minimum_over_maximum(maps: torch.Tensor) -> torch.Tensor:
    shifted = maps - maps.amin(dim=(-2, -1), keepdim=True)
    return shifted / shifted.amax(dim=(-2, -1), keepdim=True)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("baseline", {"pooling": "max"}),
        ("baseline", {"pooling": "average"}),
        ("wang2017", {}),  # log-sum-exp of features, of which the head reads the pooled ones as well
        ("yao2018", {}),
    ],
)
def test_grad_cam_is_the_native_map_less_its_bias_where_pooling_weights_sum_to_one(name, options, images):
    """The gradient of a class logit is the head's weights times the pooling's, whose mean is 1/(h·w)."""
    model = build(name, **options)
    with torch.no_grad():
        evidence = model(images).heatmaps - model.head.bias[:, None, None]
    evidence = evidence[range(4), CLASSES].relu()
    assert evidence.amax(dim=(-2, -1)).min() > 0
    maps = cam_maps(model, images, CLASSES, "grad_cam")
    assert torch.allclose(maps, minus_minimum_over_maximum(evidence), atol=1e-5)
    assert torch.equal(maps.flatten(1).argmax(dim=1), evidence.flatten(1).argmax(dim=1))


def test_layer_cam_is_the_peak_alone_under_max_pooling(baseline, images):
    maps = cam_maps(baseline, images, CLASSES, "layer_cam")
    with torch.no_grad():
        native = baseline(images).heatmaps[range(4), CLASSES]
    assert (maps > 0).flatten(1).sum(dim=1).tolist() == [1] * 4
    assert torch.equal(maps.flatten(1).argmax(dim=1), native.flatten(1).argmax(dim=1))


def test_eigen_cam_knows_no_class(baseline, images):
    first = cam_maps(baseline, images, np.array([0, 0, 0, 0]), "eigen_cam")
    assert torch.equal(first, cam_maps(baseline, images, np.array([2, 1, 0, 2]), "eigen_cam"))


def test_thin_projection_is_the_librarys():
    from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection

    features = np.random.default_rng(0).gamma(1.0, 1.0, (3, 16, 5, 7)).astype(np.float32)
    ours = np.stack([_projection(one) for one in features])
    assert ours == pytest.approx(get_2d_projection(features), abs=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_maps_of_its_heads_features(name):
    model = build(name)
    images = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(2))
    maps = cam_maps(model, images, np.array([0, 2]), "xgrad_cam")
    with torch.no_grad():
        assert maps.shape[1:] == model(images).heatmaps.shape[2:]
    assert torch.isfinite(maps).all()


@pytest.mark.parametrize("name", MODELS)
def test_features_of_the_head_are_what_its_map_is_made_of_and_gradients_reach_them(name):
    model = build(name)
    images = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(2))
    with head_features(model) as layer:
        heatmaps, logits = model(images)
    (gradients,) = torch.autograd.grad(logits[:, 1].sum(), layer.latest)
    assert torch.equal(model.head(layer.latest), heatmaps)
    assert gradients.abs().flatten(1).sum(dim=1).min() > 0


FINDINGS = ("Mass", "Nodule", "Effusion")


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Five images, three of them with boxes; one unit has two."""
    random = np.random.default_rng(3)
    rows = [
        (1, 2, 5, 5, 20, 20),
        (1, 0, 0, 0, 63, 63),
        (3, 1, 9, 9, 9, 9),
        (3, 1, 40, 1, 9, 9),
        (4, 0, 0, 0, 1, 1),
    ]
    names = tuple(f"image-{i}" for i in range(5))
    labels = np.tile([[0, 1, 1]], (5, 1)).astype(np.uint8)
    labels[0] = (1, 0, 0)
    boxes = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"image_index": int, "class_index": int})
    boxes = boxes.assign(width_px=64.0, height_px=64.0)
    part = ImageSet(random.integers(0, 256, (5, 64, 64)).astype(np.uint8), labels, names, names, boxes)
    return Dataset(FINDINGS, part, part, part)


def evaluate(model, data, method="grad_cam", **recipe):
    told = []
    scores = score_cam(
        model, data, Recipe(**recipe), torch.device("cpu"), method, lambda *progress: told.append(progress)
    )
    return scores, told


@pytest.mark.parametrize("batch_size", [2, 3, 64])
def test_units_are_those_of_the_native_map_whatever_the_batch(baseline, data, batch_size):
    scores, told = evaluate(baseline, data, batch_size=batch_size)
    native = score(baseline, data, Recipe(), torch.device("cpu"), lambda *_: None).of_map
    pd.testing.assert_frame_equal(scores.units[["image", "finding"]], native.units[["image", "finding"]])
    assert (scores.units.dtypes == native.units.dtypes).all()
    assert told[-1] == (4, 4)
    assert scores.metrics.keys() == native.metrics.keys()
    assert "iobb_accuracy/weighted" in scores.metrics


def test_peaks_are_those_of_each_unit_alone(baseline, data):
    recipe = Recipe()
    scores, _ = evaluate(baseline, data, "xgrad_cam")
    units = (
        data.test.boxes[["image_index", "class_index"]]
        .drop_duplicates()
        .sort_values(["image_index", "class_index"])
    )
    for (image, finding), found in zip(units.to_numpy(), scores.units.itertuples(), strict=True):
        pixels = torch.from_numpy(data.test.pixels[image]).float() / 255
        normalised = ((pixels - recipe.mean) / recipe.std)[None, None]
        (alone,) = cam_maps(baseline, normalised, np.array([finding]), "xgrad_cam")
        box = data.test.boxes.query("image_index == @image and class_index == @finding")
        (expected,) = localize(
            alone[None, None], box.assign(image_index=0, class_index=0), 64, are_probabilities=True
        ).itertuples()
        assert (found.peak_row, found.peak_column) == (expected.peak_row, expected.peak_column)
        assert (found.hit, found.num_ties) == (expected.hit, expected.num_ties)
        assert found.score == pytest.approx(expected.score, abs=1e-5)
        assert (found.iobb, found.iou) == pytest.approx((expected.iobb, expected.iou), abs=1e-3)


def test_maps_of_nothing_are_ties_of_all_pixels(data):
    model = build()
    with torch.no_grad():
        model.head.weight.zero_()
    scores, _ = evaluate(model, data)
    assert (scores.units["num_ties"] == 64 * 64).all()
    assert (scores.units[["peak_row", "peak_column"]] == 0).all(axis=None)
    assert (scores.units[["iobb", "iou"]] == 0).all(axis=None)
    assert scores.notes == (
        "4 of 4 heatmaps are zero everywhere and count as misses by overlap",
        "4 of 4 peaks are ties; the first in row-major order was taken",
    )


def test_maps_that_are_not_finite_are_counted_misses(data):
    model = build()
    with torch.no_grad():
        model.head.weight.fill_(torch.nan)
    scores, _ = evaluate(model, data)
    assert not scores.units["hit"].any()
    assert not scores.units["finite"].any()
    assert scores.notes == ("4 of 4 heatmaps are not finite and count as misses",)


def test_no_boxes_give_no_units(baseline, data):
    test = ImageSet(
        data.test.pixels, data.test.labels, data.test.names, data.test.patients, data.test.boxes.head(0)
    )
    scores, _ = evaluate(baseline, Dataset(FINDINGS, data.train, data.val, test))
    assert (len(scores.units), scores.metrics) == (0, {})


def test_the_library_is_imported_only_when_a_map_is_computed():
    """It takes seconds: a top-level import of it, or of what imports it, would be paid for by every run."""
    imports = [
        node
        for node in ast.parse(inspect.getsource(cam)).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert imports
    assert not any(
        word in ast.unparse(ast.Module(imports, [])) for word in ("pytorch_grad_cam", "torchvision")
    )


def test_progress_goes_on_within_the_units_of_a_slow_method_and_can_end_it(data):
    model = build("baseline")
    _, told = evaluate(model, data, "occlusion")
    done = [one for one, _ in told]
    assert done == sorted(done)
    assert done[-1] == 4
    assert len(done) > 30

    class StopError(Exception):
        pass

    def stop(done, total):
        if done > 1:
            raise StopError

    hooks = len(model._forward_pre_hooks)
    with pytest.raises(StopError):
        score_cam(model, data, Recipe(), torch.device("cpu"), "occlusion", stop)
    assert len(model._forward_pre_hooks) == hooks
