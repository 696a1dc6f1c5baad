"""What every map owes, whatever computes it: a new line in the table of maps is tested here by itself.

The native map comes with the model's output; tests/models/test_conformance.py is about that.
"""

import numpy as np
import pytest
import torch

from bench.evaluation.cam import cam_maps
from bench.models import build_model
from bench.suite.cam import CAMS, NATIVE, with_cam

CLASSES = np.array([0, 1, 2, 0])
OTHERS = [cam for cam in CAMS if cam != NATIVE]


def build(name: str = "baseline") -> torch.nn.Module:
    """A random model whose class evidence is positive in places, for every class."""
    torch.manual_seed(0)
    model = build_model(name, num_classes=3, encoder="resnet18").eval()
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


def test_only_the_native_map_is_computed_by_nobody_and_no_two_make_the_same_row():
    assert [cam for cam, entry in CAMS.items() if entry.target is None] == [NATIVE]
    assert len({with_cam("PYLON", cam) for cam in CAMS}) == len(CAMS)


@pytest.mark.parametrize("method", OTHERS)
@pytest.mark.parametrize("name", ["baseline", "pylon", "wang2017"])  # wang2017 applies its head twice
def test_maps_are_square_and_fill_zero_to_one(name, method, images):
    with torch.no_grad():  # as whoever evaluates does
        maps = cam_maps(build(name), images, CLASSES, method)
    assert maps.ndim == 3
    assert len(maps) == 4
    assert maps.shape[1] == maps.shape[2] <= images.shape[-1]
    assert (maps.dtype, maps.device.type, maps.requires_grad) == (torch.float32, "cpu", False)
    assert maps.flatten(1).amin(dim=1).tolist() == [0] * 4
    assert maps.flatten(1).amax(dim=1).tolist() == pytest.approx([1] * 4, abs=1e-6)


@pytest.mark.parametrize("method", OTHERS)
def test_evidence_for_nothing_makes_maps_that_are_finite(method, images):
    model = build()
    with torch.no_grad():
        model.head.weight.zero_()
    maps = cam_maps(model, images, CLASSES, method)
    assert torch.isfinite(maps).all()
    assert 0 <= maps.min() <= maps.max() <= 1


@pytest.mark.parametrize("method", OTHERS)
def test_features_that_are_not_finite_make_maps_that_are_not(method, images):
    broken = images.clone()
    broken[1, 0, 5, 5] = torch.inf
    maps = cam_maps(build(), broken, CLASSES, method)
    assert torch.isfinite(maps).flatten(1).all(dim=1).tolist() == [True, False, True, True]


@pytest.mark.parametrize("method", OTHERS)
def test_units_of_a_batch_do_not_see_each_other(baseline, images, method):
    together = cam_maps(baseline, images, CLASSES, method)
    alone = [cam_maps(baseline, images[i : i + 1], CLASSES[i : i + 1], method) for i in range(4)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)


@pytest.mark.parametrize("method", OTHERS)
def test_the_same_maps_come_again(baseline, images, method):
    first = cam_maps(baseline, images, CLASSES, method)
    torch.rand(3)
    assert torch.equal(first, cam_maps(baseline, images, CLASSES, method))


def state_of(model: torch.nn.Module):
    return (
        [module.training for module in model.modules()],
        [parameter.requires_grad for parameter in model.parameters()],
        [parameter.grad for parameter in model.parameters()],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
    )


@pytest.fixture
def used():
    """A model in the middle of something: partly training, partly frozen, with gradients."""
    model = build().train()
    model.encoder.layer1.eval()
    model.encoder.conv1.requires_grad_(requires_grad=False)
    model.head.weight.grad = torch.ones_like(model.head.weight)
    return model


@pytest.mark.parametrize("method", OTHERS)
def test_the_model_is_left_as_it_was(used, images, method):
    weights = {key: value.clone() for key, value in used.state_dict().items()}
    before = state_of(used)
    cam_maps(used, images, CLASSES, method)
    assert state_of(used) == before
    assert used.head.weight.grad.eq(1).all()
    assert used.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[key]) for key, value in used.state_dict().items())


@pytest.mark.parametrize("method", OTHERS)
def test_the_model_is_left_as_it_was_by_images_that_do_not_fit(used, method):
    before = state_of(used)
    with pytest.raises(RuntimeError):
        cam_maps(used, torch.zeros(4, 3, 128, 128), CLASSES, method)
    assert state_of(used) == before
