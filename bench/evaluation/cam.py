"""Grad-CAM and its relatives on a trained model, through pytorch-grad-cam: one map per unit.

Protocol:
- the target layer is the features that the model's head reads, the target the class logit; float32;
- a map is taken at the features' own size, where the library would enlarge it with OpenCV, so that peaks of
  all maps are found in the same way (see `bench.evaluation.localize`). The library scales a map to [0, 1],
  which stands in the place of the sigmoid;
- a map that is zero everywhere (nothing speaks for the class) is one tie of all pixels: counted as such, the
  first pixel is taken. A map of features or gradients that are not finite is not finite: a counted miss.

What to know of the methods: under global max pooling the gradient of a class logit is the head's weights, at
the peak alone, so Grad-CAM is the native map less the bias, negative values cut; under average pooling too.
Layer-CAM is then the peak alone. Eigen-CAM is the features' first principal component: it knows no class, and
which of its ends is positive is an accident of the decomposition.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from bench.data.dataset import Dataset, ImageSet
from bench.data.feeding import evaluation_batches
from bench.evaluation.compact import compact_unit_maps
from bench.evaluation.localize import localize, localize_units
from bench.evaluation.score import Scores, point_scores
from bench.metrics.boxes import UNIT
from bench.results.maps import Map
from bench.suite.cam import CamMethod
from bench.suite.schema import Recipe

LIBRARY_CLASSES: dict[CamMethod, str] = {
    "grad_cam": "GradCAM",
    "grad_cam_plus_plus": "GradCAMPlusPlus",
    "xgrad_cam": "XGradCAM",
    "eigen_cam": "EigenCAM",
    "layer_cam": "LayerCAM",
}

_CHUNK = 16
"""Units at a time: their features are copied to the CPU, 128 MiB of them where PYLON reads 512 px."""

Maps = npt.NDArray[np.float32]


def score_cam(
    model: nn.Module,
    data: Dataset,
    recipe: Recipe,
    device: torch.device,
    method: CamMethod,
    on_progress: Callable[[int, int], None],
    keep: Callable[[Map], None] | None = None,
) -> Scores:
    """Returns point localization of the maps of `method` over the units of the test part; no AUROC.

    The model is left as it was.

    Args:
        model: on `device`.
        data: its test part is scored.
        recipe: normalisation.
        device: where to run.
        method: any but native.
        on_progress: told (done, total) units.
        keep: given the map of each unit as `compact_unit_maps` has it, in the order of the table.
    """
    test, size_px = data.test, data.test.pixels.shape[-1]
    units = test.boxes[UNIT].drop_duplicates().sort_values(UNIT).reset_index(drop=True)
    size = min(_CHUNK, recipe.batch_size)
    peaks = [localize(torch.zeros(1, 1, 1, 1), test.boxes, size_px)] if units.empty else []
    for first in range(0, len(units), size):
        chunk = units[first : first + size]
        images = _images_of(test, chunk["image_index"].to_numpy(int), recipe, device)
        maps = cam_maps(model, images, chunk["class_index"].to_numpy(int), method)
        found = localize_units(maps, chunk, test.boxes, size_px, are_probabilities=True)
        peaks.append(found)
        if keep is not None:
            for unit_map in compact_unit_maps(maps, found, test.boxes, size_px, are_probabilities=True):
                keep(unit_map)
        on_progress(first + len(chunk), len(units))
    return point_scores(pd.concat(peaks, ignore_index=True), test, data.findings)


def cam_maps(model: nn.Module, images: Tensor, classes: npt.NDArray[np.int64], method: CamMethod) -> Tensor:
    """Returns maps float32 [n, h, w] in [0, 1] on the CPU, the size of the features that the head reads.

    Each map's minimum is 0 and its maximum 1 up to 1e-6, or all of it is 0, or NaN (see the module's
    docstring). The model is left as it was. The caller may have gradients enabled or not.

    Args:
        model: has an `encoder` and a `head`, and returns a `CamOutput`.
        images: float32 [n, 1, S, S].
        classes: n class indices.
        method: any but native.
    """
    library_class, target = _library_class(method), _library_target()
    with torch.enable_grad(), _features_read_by_head(model) as layer:
        cam = library_class(_Logits(model), [layer])
        try:
            with np.errstate(all="ignore"):  # what is not finite is told by the map
                maps = cam(images, [target(int(index)) for index in classes])
        finally:
            cam.activations_and_grads.release()
    return torch.from_numpy(maps)


@contextmanager
def _features_read_by_head(model: nn.Module) -> Iterator[nn.Module]:
    """Yields a layer that only passes on the map that the head reads: the target layer for the library.

    Within the block the model is in evaluation mode, no parameter gets a gradient, and the graph starts at
    the encoder's features. Afterwards all is as it was, whatever happened.
    """
    layer = nn.Identity()
    modes = [(module, module.training) for module in model.modules()]
    needs = [(parameter, parameter.requires_grad) for parameter in model.parameters()]

    def start_graph(_: nn.Module, __: Any, features: list[Tensor]) -> list[Tensor]:
        return [feature.detach().requires_grad_() for feature in features]

    def pass_through_layer(_: nn.Module, features: tuple[Tensor]) -> tuple[Tensor] | None:
        is_pooled = features[0].shape[-2:] == (1, 1)  # Wang 2017 applies its head to those too
        return None if is_pooled else (layer(features[0]),)

    hooks = [
        model.get_submodule("encoder").register_forward_hook(start_graph),
        model.get_submodule("head").register_forward_pre_hook(pass_through_layer),
    ]
    try:
        model.eval().requires_grad_(requires_grad=False)
        yield layer
    finally:
        for hook in hooks:
            hook.remove()
        for module, is_training in modes:
            module.training = is_training
        for parameter, needs_gradient in needs:
            parameter.requires_grad_(needs_gradient)


class _Logits(nn.Module):
    """The model as the library wants it: images to class logits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Returns logits [n, c]."""
        logits: Tensor = self.model(images).logits
        return logits

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Leaves the model's gradients alone: none are added to them."""


@lru_cache
def _library_class(method: CamMethod) -> Any:
    """The library's class for `method`, changed as the mixins say. Imported here: it takes seconds."""
    from bench.models import torchvision_compat  # noqa: F401 - before the library imports torchvision

    import pytorch_grad_cam  # isort: skip

    bases = (_Thin,) if method == "eigen_cam" else ()
    name = LIBRARY_CLASSES[method]
    return type(name, (_OwnSize, *bases, getattr(pytorch_grad_cam, name)), {})


def _library_target() -> Any:
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    return ClassifierOutputTarget


class _OwnSize:
    """Mixed into a class of the library: maps of the features' size, NaN where those are not finite.

    The library would take NaN for 0 in Eigen-CAM, and its decomposition would stop at infinity.
    """

    def get_target_width_height(self, input_tensor: Tensor) -> None:
        """Returns what makes the library not resize."""

    def get_cam_image(
        self,
        input_tensor: Tensor,
        target_layer: nn.Module,
        targets: Any,
        activations: Maps,
        grads: Maps,
        eigen_smooth: bool = False,
    ) -> Maps:
        """Returns maps [n, h, w] of `activations` [n, k, h, w]."""
        finite = np.array([np.isfinite(features).all() for features in activations])
        features = np.where(finite[:, None, None, None], activations, 0)
        maps: Maps = super().get_cam_image(  # type: ignore[misc]
            input_tensor, target_layer, targets, features, grads, eigen_smooth
        )
        maps[~finite] = np.nan
        return maps


class _Thin:
    """Mixed into Eigen-CAM: the library's projection by a thin decomposition.

    The library asks numpy for all left singular vectors, [h·w, h·w] of them, of which it uses none: 3 s for a
    map of 64 × 64 and 1 GiB for one of 128 × 128.
    """

    def get_cam_image(
        self,
        input_tensor: Tensor,
        target_layer: nn.Module,
        targets: Any,
        activations: Maps,
        grads: Maps,
        eigen_smooth: bool = False,
    ) -> Maps:
        """Returns the projection [n, h, w] of `activations` [n, k, h, w] on their first principal axis."""
        return np.stack([_projection(features) for features in activations])


def _projection(features: Maps) -> Maps:
    points = features.reshape(len(features), -1).T
    centred = points - points.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    return np.asarray(centred @ axes[0], dtype=np.float32).reshape(features.shape[1:])


def _images_of(
    test: ImageSet, indices: npt.NDArray[np.int64], recipe: Recipe, device: torch.device
) -> Tensor:
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
