"""The checks that every CAM method passes, whatever computes it: each returns a sentence if it finds a fault.

The native map comes with the model's output; `bench.models.conformance` is about that. Models are random,
with evidence that is positive in places for every class.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor, nn

from bench.evaluation.cam import Classes, cam_maps
from bench.models.registry import build_model
from bench.suite.cam import CamMethod

MODELS = ("baseline", "pylon", "wang2017")
"""Features of one scale, of several, and a head that is applied twice."""

SIZE_PX = 96

_CLASSES = np.array([0, 1])


@dataclass(frozen=True)
class Candidate:
    """A CAM method to be checked.

    Attributes:
        maps: given a model, images and a class of each, returns maps; as `cam_maps` does.
    """

    maps: Callable[[nn.Module, Tensor, Classes], Tensor]

    @cached_property
    def model(self) -> nn.Module:
        """The baseline; checks leave it as it was."""
        return random_model("baseline")

    @cached_property
    def images(self) -> Tensor:
        """Float32 [2, 1, 96, 96]."""
        return torch.randn(2, 1, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(1))

    @cached_property
    def of_baseline(self) -> Tensor:
        """Its maps of the images, of the baseline."""
        return self.maps(self.model, self.images, _CLASSES)


def candidate_of(method: CamMethod) -> Candidate:
    """Returns a method by its name in suites."""
    return Candidate(partial(cam_maps, method=method))


def random_model(name: str) -> nn.Module:
    """Returns a model of three classes in evaluation mode, the same each time."""
    torch.manual_seed(0)
    model = build_model(name, num_classes=3, encoder="tu-test_efficientnet").eval()
    weight, bias = model.get_parameter("head.weight"), model.get_parameter("head.bias")
    with torch.no_grad():
        weight.copy_(torch.randn_like(weight) + 0.3)
        bias.copy_(torch.tensor([0.5, -0.25, 0.0]))
    return model


Check = Callable[[Candidate], str | None]


def maps_are_square_and_fill_zero_to_one(of: Candidate) -> str | None:
    """One map of each image, float32, on the CPU; of every model of `MODELS`."""
    for name in MODELS:
        with torch.no_grad():  # as whoever evaluates does
            maps = of.maps(random_model(name), of.images, _CLASSES)
        problem = _problem_of_form(maps, len(_CLASSES))
        if problem is not None:
            return f"{problem}, of {name}"
        lows, highs = maps.flatten(1).amin(dim=1), maps.flatten(1).amax(dim=1)
        if bool(lows.any()) or bool(((highs - 1).abs() > 1e-6).any()):
            return f"returns maps from {lows.min():g} to {highs.max():g} and not from 0 to 1 each, of {name}"
    return None


def _problem_of_form(maps: object, num: int) -> str | None:
    if not isinstance(maps, Tensor):
        return f"returns {type(maps).__name__} and no tensor"
    side = maps.shape[-1] if maps.ndim else 0
    if maps.ndim != 3 or len(maps) != num or maps.shape[1] != side or side > SIZE_PX:
        return f"returns shape {list(maps.shape)} and no square map of each of {num} images of {SIZE_PX} px"
    if (maps.dtype, maps.device.type, maps.requires_grad) != (torch.float32, "cpu", False):
        return f"returns {maps.dtype} on {maps.device}, and float32 on the CPU, without gradient, is needed"
    return None


def evidence_for_nothing_makes_maps_that_are_finite(of: Candidate) -> str | None:
    """Of a head whose weights are zero."""
    model = random_model("baseline")
    with torch.no_grad():
        model.get_parameter("head.weight").zero_()
    maps = of.maps(model, of.images, _CLASSES)
    if not bool(torch.isfinite(maps).all()):
        return "returns values that are not finite where nothing speaks for a class"
    is_in_range = bool(maps.min() >= 0) and bool(maps.max() <= 1)
    return None if is_in_range else f"returns values from {maps.min():g} to {maps.max():g}"


def features_that_are_not_finite_make_maps_that_are_not(of: Candidate) -> str | None:
    """Of their image alone."""
    broken = of.images.clone()
    broken[1, 0, 5, 5] = torch.inf
    finite = torch.isfinite(of.maps(of.model, broken, _CLASSES)).flatten(1).all(dim=1).tolist()
    if finite[1]:
        return "returns a finite map of features that are not"
    return None if all(finite[:1] + finite[2:]) else "spoils maps of other images of a batch"


def units_of_a_batch_do_not_see_each_other(of: Candidate) -> str | None:
    """A map does not depend on the others of its batch."""
    alone = [of.maps(of.model, of.images[i : i + 1], _CLASSES[i : i + 1]) for i in range(len(_CLASSES))]
    is_same = torch.allclose(of.of_baseline, torch.cat(alone), atol=1e-5)
    return None if is_same else "gives an image another map in another batch"


def same_maps_come_again(of: Candidate) -> str | None:
    """Whatever else draws numbers."""
    expected = of.of_baseline
    torch.rand(3)
    np.random.rand(3)  # noqa: NPY002 - libraries draw from it
    is_same = torch.equal(expected, of.maps(of.model, of.images, _CLASSES))
    return None if is_same else "returns other maps of the same images the second time"


def model_is_left_as_it_was(of: Candidate) -> str | None:
    """Also a model in the middle of something: partly training, partly frozen, with gradients."""
    used = _used_model()
    weights = {key: value.clone() for key, value in used.state_dict().items()}
    before = _state_of(used)
    of.maps(used, of.images, _CLASSES)
    changed = [key for key, value in used.state_dict().items() if not torch.equal(value, weights[key])]
    if changed or used.state_dict().keys() != weights.keys():
        return f"changes {(*changed, 'the parts')[0]} of the model"
    return None if _state_of(used) == before else "leaves modes, gradients or hooks of the model changed"


def model_is_left_as_it_was_by_images_that_do_not_fit(of: Candidate) -> str | None:
    """Images of three channels are refused, and no hook stays."""
    used = _used_model()
    before = _state_of(used)
    try:
        of.maps(used, torch.zeros(2, 3, SIZE_PX, SIZE_PX), _CLASSES)
    except RuntimeError:
        is_same = _state_of(used) == before
        return None if is_same else "leaves modes, gradients or hooks of the model changed after an error"
    return "takes images of three channels for a model of one"


CHECKS: tuple[Check, ...] = (
    maps_are_square_and_fill_zero_to_one,
    evidence_for_nothing_makes_maps_that_are_finite,
    features_that_are_not_finite_make_maps_that_are_not,
    units_of_a_batch_do_not_see_each_other,
    same_maps_come_again,
    model_is_left_as_it_was,
    model_is_left_as_it_was_by_images_that_do_not_fit,
)


def _used_model() -> nn.Module:
    model = random_model("baseline").train()
    model.get_submodule("encoder.model.blocks.0").eval()
    model.get_submodule("encoder.model.conv_stem").requires_grad_(requires_grad=False)
    weight = model.get_parameter("head.weight")
    weight.grad = torch.ones_like(weight)
    return model


def _state_of(model: nn.Module) -> Sequence[object]:
    return (
        [module.training for module in model.modules()],
        [parameter.requires_grad for parameter in model.parameters()],
        [None if parameter.grad is None else parameter.grad.tolist() for parameter in model.parameters()],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
    )
