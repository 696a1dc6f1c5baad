"""Maps other than the native one, of a trained model: one map per unit, whatever computes it.

`bench.suite.cam` declares the methods and says where each is computed. Common to all, and here, are the
units, the model as it was before, the features that its head reads, localization, and the keeping of maps.

Protocol:
- a map has values in [0, 1], which stand in the place of the sigmoid's;
- its peak is found as that of a native map, whatever the map's size (see `bench.evaluation.localize`);
- a map that is zero everywhere (nothing speaks for the class) is one tie of all pixels: counted as such, the
  first pixel is taken. A map that is not finite is a counted miss.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bench.data.dataset import Dataset, ImageSet
from bench.data.feeding import evaluation_batches
from bench.errors import PluginError
from bench.evaluation.held_maps import HeldMaps
from bench.evaluation.score import SplitScores, map_scores
from bench.metrics.regions import units_of
from bench.results.units import Map
from bench.suite.cam import CAMS, CamMethod
from bench.suite.plugins import imported
from bench.suite.schema import Recipe

_CHUNK = 16
"""Units at a time: their features are copied to the CPU, 128 MiB of them where PYLON reads 512 px."""

_ROUNDING = 1e-5
"""How far beyond [0, 1] a map may be by its arithmetic."""

_SLOW_CHUNK = 4
"""The same where a unit takes many passes, so that its features do not wait for long."""

Classes = npt.NDArray[np.int64]


class CamFunction(Protocol):
    """The type of a map's `target`; a plain function will do."""

    def __call__(self, model: nn.Module, images: Tensor, classes: Classes, /) -> Tensor:
        """Returns maps float32 [n, h, w] in [0, 1] up to 1e-6: of each image that of its class.

        A map of features or gradients that are not finite holds NaN. Units do not see each other, and the
        same maps come again.

        Args:
            model: has an `encoder` and a `head`, and returns a `CamOutput`. In evaluation mode; gradients are
                enabled, but no parameter gets one. Hooks that are added to it have to be removed.
            images: float32 [n, 1, S, S], on the model's device.
            classes: n class indices.
        """


def score_cam(
    model: nn.Module,
    data: Dataset,
    recipe: Recipe,
    device: torch.device,
    method: CamMethod,
    on_progress: Callable[[float, int], None],
    keep: Callable[[Map], None] | None = None,
) -> SplitScores:
    """Returns the scores of the maps of `method` on the units of the test part.

    The model is left as it was.

    Args:
        model: on `device`.
        data: its test part is scored.
        recipe: normalisation.
        device: where to run.
        method: any but native.
        on_progress: called with (done, total) units; within those of a slow method too, with a fraction.
        keep: given the map of each unit as `compact_maps` has it, in the order of the table.
    """
    test, units = data.test, units_of(data.test.boxes)
    size = min(_CHUNK, recipe.batch_size)
    maps = HeldMaps(test.boxes, test.pixels.shape[-1], keep, are_probabilities=True)
    if CAMS[method].is_slow:
        size = min(_SLOW_CHUNK, size)
    for first in range(0, len(units), size):
        chunk = units[first : first + size]
        images = images_of(test, chunk["image_index"].to_numpy(int), recipe, device)
        with _telling(model, method, (first, len(chunk), len(units)), on_progress):
            found = cam_maps(model, images, chunk["class_index"].to_numpy(int), method)
        maps.add(found, chunk)
        on_progress(first + len(chunk), len(units))
    return map_scores(maps.rows(), test, data.findings)


@contextmanager
def _telling(
    model: nn.Module,
    method: CamMethod,
    counts: tuple[int, int, int],
    on_progress: Callable[[float, int], None],
) -> Iterator[None]:
    """Has `on_progress` called within the block, where a method is slow, by the model's forward passes.

    Args:
        model: that the method asks.
        method: which.
        counts: units that are done, those of the block, and all.
        on_progress: given (done, total); it may raise an error, which ends the method.
    """
    passes = CAMS[method].passes
    if passes is None or not passes.is_slow:
        yield
        return
    first, num_units, total = counts
    num_images = num_channels = 0

    def count(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal num_channels
        num_channels = inputs[0].shape[1]

    def tell(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal num_images
        on_progress(first + min(num_images / passes.num_forward(num_channels), num_units), total)
        num_images += len(inputs[0])

    hooks = [
        model.get_submodule("head").register_forward_pre_hook(count),
        model.register_forward_pre_hook(tell),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def cam_maps(model: nn.Module, images: Tensor, classes: Classes, method: CamMethod) -> Tensor:
    """Returns maps float32 [n, h, w] in [0, 1] on the CPU; see `CamFunction`.

    The model is left as it was. The caller may have gradients enabled or not.

    Args:
        model: has an `encoder` and a `head`, and returns a `CamOutput`.
        images: float32 [n, 1, S, S].
        classes: n class indices.
        method: any but native.
    """
    compute = _function(method)
    with torch.enable_grad(), frozen(model):
        maps = compute(model, images, classes)
    if method not in CAMS.own:
        _require_maps(maps, images, method)
    return maps.detach().cpu()


def _require_maps(maps: object, images: Tensor, method: CamMethod) -> None:
    """Checks what a function from outside of bench returned.

    Raises:
        PluginError: it is not what `CamFunction` describes.
    """
    side = images.shape[-1]
    if not isinstance(maps, Tensor):
        problem = f"returned {type(maps).__name__}"
    elif maps.dtype != torch.float32:
        problem = f"returned {maps.dtype}"
    elif maps.ndim != 3 or len(maps) != len(images) or not maps.shape[1] == maps.shape[2] <= side:
        problem = f"returned {list(maps.shape)} for images {list(images.shape)}"
    elif (maps < -_ROUNDING).any() or (maps > 1 + _ROUNDING).any():  # NaN is neither
        problem = f"returned values from {maps.min():.4g} to {maps.max():.4g}"
    else:
        return
    needed = f"float32 maps [{len(images)}, h, h] in [0, 1], h at most {side}"
    raise PluginError(f"{problem}; needed are {needed}", place=f"map {method!r}")


def _function(method: CamMethod) -> CamFunction:
    """Imports the function that computes the maps of `method`; libraries take seconds."""
    target = CAMS[method].target
    assert target is not None, f"{method}: comes with the model's output"
    if method not in CAMS.own:
        offered: CamFunction = imported(target)
        return offered
    module, _, name = target.partition(":")
    found: CamFunction = getattr(importlib.import_module(module), name)
    return found


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Has the model in evaluation mode, no parameter with a gradient; afterwards all is as it was."""
    modes = [(module, module.training) for module in model.modules()]
    needs = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        model.eval().requires_grad_(requires_grad=False)
        yield
    finally:
        for module, is_training in modes:
            module.training = is_training
        for parameter, needs_gradient in needs:
            parameter.requires_grad_(needs_gradient)


class HeadFeatures(nn.Module):
    """A layer that passes on the map of features that a model's head reads, and keeps the latest."""

    latest: Tensor
    """Float32 [n, k, h, w]; gradients of logits reach it."""

    def forward(self, features: Tensor) -> Tensor:
        """Returns `features`, or a copy of a view: the library detaches in place what it has kept."""
        self.latest = features.clone() if features._is_view() else features
        return self.latest


class ClassLogits(nn.Module):
    """A model as libraries want it: images to class logits [n, c]."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Returns logits [n, c]."""
        logits: Tensor = self.model(images).logits
        return logits

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Leaves the model's gradients alone: none are added to them."""


def as_maps(values: Tensor) -> Tensor:
    """Returns maps [n, h, w] of which the minimum is 0 and the maximum 1; all 0 where a map has one value.

    Of values that are not finite it makes NaN.
    """
    shifted = values - values.amin(dim=(1, 2), keepdim=True)
    return shifted / shifted.amax(dim=(1, 2), keepdim=True).clamp_min(1e-12)


@contextmanager
def head_features(model: nn.Module, *, from_images: bool = False) -> Iterator[HeadFeatures]:
    """Yields the layer through which the model's head reads within the block: a method's target layer.

    Args:
        model: has an `encoder` and a `head`.
        from_images: whether gradients reach the images within the block; else the graph starts at the
            encoder's features, which takes less memory and time.
    """
    layer = HeadFeatures()

    def start_graph(_: nn.Module, __: Any, features: list[Tensor]) -> list[Tensor]:
        return [feature.detach().requires_grad_() for feature in features]

    def pass_through_layer(_: nn.Module, features: tuple[Tensor]) -> tuple[Tensor] | None:
        is_pooled = features[0].shape[-2:] == (1, 1)  # Wang 2017 applies its head to those too
        return None if is_pooled else (layer(features[0]),)

    hooks = [model.get_submodule("head").register_forward_pre_hook(pass_through_layer)]
    if not from_images:
        hooks.append(model.get_submodule("encoder").register_forward_hook(start_graph))
    try:
        yield layer
    finally:
        for hook in hooks:
            hook.remove()


def images_of(test: ImageSet, indices: Classes, recipe: Recipe, device: torch.device) -> Tensor:
    """Returns the images at `indices`, repeated as they are there, as the model is given them."""
    chosen = replace(
        test,
        pixels=test.pixels[indices],
        labels=test.labels[indices],
        names=tuple(test.names[i] for i in indices),
        patients=tuple(test.patients[i] for i in indices),
    )
    (batch,) = evaluation_batches(chosen, recipe, device)
    return batch.images
