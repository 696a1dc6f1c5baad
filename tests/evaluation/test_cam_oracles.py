"""Maps against independent computations: the libraries where they apply, loops and closed forms elsewhere."""

import numpy as np
import pytest
import torch
from torch import nn

from bench.evaluation.cam import ClassLogits, as_maps, cam_maps, head_features
from bench.evaluation.full_grad import _biased_outputs
from bench.evaluation.library_cams import _SeededKpcaCam
from bench.models import build_model
from bench.suite.catalog import MODELS

SIDE_PX = 64
CLASSES = np.array([2, 0])
FROM_IMAGES = ("full_grad", "integrated_gradients", "guided_grad_cam", "shapley_cam", "ablation_cam")


def build(name="baseline", encoder="tu-test_resnet", **options):
    torch.manual_seed(0)
    model = build_model(name, num_classes=4, encoder=encoder, **options).eval()
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.uniform_(-0.2, 0.2)
                layer.bias.uniform_(-0.2, 0.2)
        model.head.weight.copy_(torch.randn_like(model.head.weight) + 0.3)
        model.head.bias.copy_(torch.tensor([0.5, -0.25, 0.0, 0.1]))
    return model.requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def images():
    return torch.randn(2, 1, SIDE_PX, SIDE_PX, generator=torch.Generator().manual_seed(4))


def read_by_head(model, images):
    with torch.no_grad(), head_features(model) as layer:
        logits = model(images).logits
    return layer.latest, logits


@pytest.mark.parametrize("method", FROM_IMAGES)
@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_maps_by_methods_that_need_more_than_the_heads_features(name, method, images):
    model = build(name)
    with torch.no_grad():
        model.head.weight *= 0.02  # Li 2018's logits are not to saturate
    maps = cam_maps(model, images[:1], CLASSES[:1], method)
    assert torch.isfinite(maps).all()
    assert maps.max() > 0


def test_score_cam_is_the_librarys(images):
    from pytorch_grad_cam import ScoreCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model = build()
    with torch.no_grad(), head_features(model) as layer:
        library = ScoreCAM(ClassLogits(model), [layer])
        library.get_target_width_height = lambda _: None
        expected = library(images, [ClassifierOutputTarget(index) for index in CLASSES])
        library.activations_and_grads.release()
    assert cam_maps(model, images, CLASSES, "score_cam").numpy() == pytest.approx(expected, abs=1e-4)


def logits_of(name, features, model):
    heatmaps = model.head(features)
    if name == "wang2017":
        pooled = torch.logsumexp(model.sharpness * features, dim=(2, 3), keepdim=True)
        pooled = (pooled - np.log(features[0, 0].numel())) / model.sharpness
        return model.head(pooled)[:, :, 0, 0]
    return heatmaps.amax(dim=(2, 3))


@pytest.mark.parametrize("name", ["baseline", "pylon", "wang2017"])
def test_ablation_cam_weighs_a_channel_by_the_logits_fall_without_it(name, images):
    model = build(name)
    features, _ = read_by_head(model, images)
    expected = []
    with torch.no_grad():
        for unit, index in enumerate(CLASSES):
            own = features[unit : unit + 1]
            total = torch.zeros_like(own[0, 0])
            for channel in range(own.shape[1]):
                without = own.clone()
                without[0, channel] = 0
                fall = logits_of(name, own, model)[0, index] - logits_of(name, without, model)[0, index]
                total += fall * own[0, channel]
            expected.append(total.relu())
    maps = cam_maps(model, images, CLASSES, "ablation_cam")
    assert maps.max() > 0
    assert torch.allclose(maps, as_maps(torch.stack(expected)), atol=1e-3)


def test_ablation_cam_is_not_turned_round_by_a_negative_logit(images):
    model = build()
    before = cam_maps(model, images, CLASSES, "ablation_cam")
    with torch.no_grad():
        model.head.bias -= 100
    assert torch.allclose(cam_maps(model, images, CLASSES, "ablation_cam"), before, atol=1e-3)


def test_full_grad_is_the_librarys_where_layers_run_in_the_order_of_their_names(images):
    from pytorch_grad_cam import FullGrad
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model = build(encoder="resnet18")
    with torch.enable_grad():
        library = FullGrad(ClassLogits(model), [])
        expected = library(images.clone(), [ClassifierOutputTarget(index) for index in CLASSES])
        library.activations_and_grads.release()
    assert cam_maps(model, images, CLASSES, "full_grad").numpy() == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("name", ["baseline", "fpn"])
def test_gradients_of_image_and_biases_add_up_to_the_logit_of_a_piecewise_linear_model(name, images):
    model = build(name)
    inputs = images.clone().requires_grad_()
    with _biased_outputs(model) as found:
        logit = model(inputs).logits[:, 1].sum()
    gradients = torch.autograd.grad(logit, [inputs, *(output for output, _ in found)])
    total = (inputs * gradients[0]).sum()
    for (_, bias), gradient in zip(found, gradients[1:], strict=True):
        total = total + (bias[:, None, None] * gradient).sum()
    assert total.item() == pytest.approx(logit.item(), rel=1e-3, abs=1e-3)


def test_full_grad_takes_the_gradient_before_an_activation_within_a_batch_norm(images):
    model = build(encoder="tu-test_efficientnet")
    norm = model.encoder.model.bn1
    with _biased_outputs(model) as found:
        model(images.clone().requires_grad_())
    first = next(output for output, bias in found if len(bias) == norm.num_features)
    assert first.min() < -0.3  # SiLU has no lower value


def gradient_of(model, image, index):
    image = image.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model(image).logits[0, index], image)
    return gradient


def test_integrated_gradients_are_a_mean_of_gradients_on_the_way_and_add_up(images):
    model = build(pooling="average")
    points, weights = np.polynomial.legendre.leggauss(50)
    expected = []
    for image, index in zip(images[:, None], CLASSES, strict=True):
        steps = zip((points + 1) / 2, weights / 2, strict=True)
        mean = sum(weight * gradient_of(model, image * share, index) for share, weight in steps)
        expected.append((image * mean)[0, 0])
        with torch.no_grad():
            change = (model(image).logits - model(image * 0).logits)[0, index]
        assert expected[-1].sum().item() == pytest.approx(change.item(), rel=0.05, abs=0.01)
    maps = cam_maps(model, images, CLASSES, "integrated_gradients")
    assert torch.allclose(maps, as_maps(torch.stack(expected).abs()), atol=1e-3)


def test_occlusion_is_the_fall_of_the_logit_where_a_square_hides_a_cell(images):
    model, cell = build("pylon"), SIDE_PX // 16
    falls, counts = torch.zeros(2, 16, 16), torch.zeros(16, 16)
    with torch.no_grad():
        whole = model(images).logits[range(2), CLASSES]
        for row in range(15):
            for column in range(15):
                hidden = images.clone()
                hidden[:, :, row * cell : (row + 2) * cell, column * cell : (column + 2) * cell] = 0
                fall = whole - model(hidden).logits[range(2), CLASSES]
                falls[:, row : row + 2, column : column + 2] += fall[:, None, None]
                counts[row : row + 2, column : column + 2] += 1
    expected = as_maps((falls / counts).relu())
    assert torch.allclose(cam_maps(model, images, CLASSES, "occlusion"), expected, atol=1e-3)


class Guided(torch.autograd.Function):
    """ReLU whose gradient passes where it and its input are positive."""

    @staticmethod
    def forward(context, values):
        context.save_for_backward(values)
        return values.clamp(min=0)

    @staticmethod
    def backward(context, gradient):
        (values,) = context.saved_tensors
        return gradient.clamp(min=0) * (values > 0)


def test_guided_grad_cam_is_grad_cam_times_the_guided_gradient(images):
    model = build()
    features, _ = read_by_head(model, images)
    with head_features(model) as layer:
        logits = model(images).logits
        (gradients,) = torch.autograd.grad(logits[range(2), CLASSES].sum(), layer.latest)
    coarse = (gradients.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1, keepdim=True).relu()
    coarse = nn.functional.interpolate(coarse, (SIDE_PX, SIDE_PX), mode="bilinear", align_corners=False)
    maps = cam_maps(model, images, CLASSES, "guided_grad_cam")
    for layer in model.modules():
        if isinstance(layer, nn.ReLU):
            layer.forward = Guided.apply
    inputs = images.clone().requires_grad_()
    (guided,) = torch.autograd.grad(model(inputs).logits[range(2), CLASSES].sum(), inputs)
    expected = as_maps((guided * coarse)[:, 0].relu())
    assert expected.max() > 0
    assert torch.allclose(maps, expected, atol=1e-3)


def test_finer_cam_is_the_librarys_for_the_highest_class(images):
    from pytorch_grad_cam import FinerCAM

    model = build()
    _, logits = read_by_head(model, images)
    with torch.enable_grad(), head_features(model) as layer:
        library = FinerCAM(ClassLogits(model), [layer])
        library.base_cam.get_target_width_height = lambda _: None
        expected = library(images)
        library.base_cam.activations_and_grads.release()
    highest = logits.argmax(dim=1).numpy()
    assert cam_maps(model, images, highest, "finer_cam").numpy() == pytest.approx(expected, abs=1e-5)


def test_finer_cam_of_one_class_is_grad_cam(images):
    torch.manual_seed(0)
    model = build_model("baseline", num_classes=1, encoder="tu-test_resnet").eval()
    one = np.array([0, 0])
    assert torch.equal(*(cam_maps(model, images, one, cam) for cam in ("finer_cam", "grad_cam")))


@pytest.mark.parametrize("is_linear", [True, False])
def test_shapley_cam_is_grad_cam_less_half_of_the_curvature(is_linear, images):
    model = build()
    if not is_linear:
        layers = nn.Conv2d(96, 8, 1), nn.Sigmoid(), nn.Conv2d(8, 4, 1)
        model.head = nn.Sequential(*layers).requires_grad_(requires_grad=False)
        with torch.no_grad():
            layers[0].weight *= 3
            layers[2].weight *= 9
    features, _ = read_by_head(model, images)
    expected = []
    for unit, index in enumerate(CLASSES):
        own = features[unit : unit + 1].requires_grad_()
        logit = model.head(own).amax(dim=(2, 3))[0, index]
        (gradient,) = torch.autograd.grad(logit, own, create_graph=True)
        (curvature,) = torch.autograd.grad(
            (gradient * own.detach()).sum(), own, allow_unused=True, materialize_grads=True
        )
        weights = (gradient - curvature / 2).mean(dim=(2, 3), keepdim=True)
        expected.append((weights * own).sum(dim=1)[0].relu().detach())
    maps = cam_maps(model, images, CLASSES, "shapley_cam")
    assert torch.allclose(maps, as_maps(torch.stack(expected)), atol=1e-3)
    assert torch.allclose(maps, cam_maps(model, images, CLASSES, "grad_cam"), atol=1e-4) == is_linear


def test_hires_cam_is_grad_cam_under_average_pooling(images):
    """Every position has the same gradient then."""
    model = build(pooling="average")
    maps = [cam_maps(model, images, CLASSES, cam) for cam in ("hires_cam", "grad_cam")]
    assert torch.allclose(*maps, atol=1e-4)


def test_kernel_components_are_the_librarys_but_for_their_sign():
    from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection_kernel

    features = np.random.default_rng(0).gamma(1.0, 1.0, (8, 7, 7)).astype(np.float32)
    cam = object.__new__(_SeededKpcaCam)
    cam.kernel, cam.gamma = "sigmoid", None
    cam.activations_and_grads = type("Nothing", (), {"release": staticmethod(lambda: None)})
    ours, theirs = cam.decomposed(features), get_2d_projection_kernel(features[None])[0]
    assert np.abs(ours) == pytest.approx(np.abs(theirs), abs=1e-4)


def test_random_maps_depend_on_image_class_and_head_alone(images):
    model = build()
    first = cam_maps(model, images, np.array([0, 0]), "random_cam")
    other_class = cam_maps(model, images, np.array([1, 1]), "random_cam")
    flipped = cam_maps(model, images.flip(0), np.array([0, 0]), "random_cam")
    assert not torch.allclose(first, other_class, atol=0.01)
    assert torch.allclose(first, flipped.flip(0), atol=1e-6)
    with torch.no_grad():
        model.head.weight *= 1.5
    assert not torch.allclose(first, cam_maps(model, images, np.array([0, 0]), "random_cam"), atol=0.01)
