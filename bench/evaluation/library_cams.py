"""Grad-CAM and its relatives, as pytorch-grad-cam computes them.

The target layer is the features that the model's head reads, the target the class logit; float32. The
library scales each map to [0, 1]. A map is taken at the features' own size, where the library would enlarge
it with OpenCV, so that peaks of all maps are found in the same way (see `bench.evaluation.localize`).

Under global max pooling the gradient of a class logit is the head's weights, at the peak alone, so Grad-CAM
is the native map less the bias, negative values cut; under average pooling too. Layer-CAM, HiResCAM and
others that weigh each position by its own gradient are then the peak alone. Eigen-CAM and KPCA-CAM are
principal components of the features: they know no class, and which of their ends is positive is an accident
of the decomposition. Shapley-CAM is Grad-CAM where the head is linear, as that of all of bench's models: the
Hessian of a pooling changes all of its weights by the same factor.

docs/protocol.md lists the methods, and those of the library that do not apply.

To import this module takes seconds: only the table of maps names it, by the functions at its end.
"""

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.decomposition import KernelPCA
from torch import Tensor, nn

from bench.evaluation.cam import Classes, ClassLogits, head_features
from bench.models import torchvision_compat  # noqa: F401 - before the library imports torchvision

from pytorch_grad_cam import (  # isort: skip
    FEM,
    KPCA_CAM,
    EigenCAM,
    EigenGradCAM,
    GradCAM,
    GradCAMElementWise,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
    RandomCAM,
    SegEigenCAM,
    ShapleyCAM,
    XGradCAM,
)
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget, FinerWeightedTarget  # isort: skip

Maps = npt.NDArray[np.float32]

_NUM_COMPARISONS = 3
"""Classes that Finer-CAM compares with, as in its paper and the library."""

_MOST_POINTS = 64 * 64
"""Positions that KPCA-CAM decomposes at most: its kernel is [points, points]."""


class _OwnSize:
    """Mixed into a class of the library: maps of the features' size, NaN where those are not finite.

    The library would take NaN for 0 in Eigen-CAM, and its decomposition would stop at infinity.
    """

    def get_target_width_height(self, input_tensor: Tensor) -> None:
        """Returns None, so that the library does not resize."""

    def get_cam_image(
        self,
        input_tensor: Tensor,
        target_layer: nn.Module,
        targets: Any,
        activations: Any,
        grads: Any,
        eigen_smooth: bool = False,
    ) -> Maps:
        """Returns maps [n, h, w] of `activations` [n, k, h, w]; those of Shapley-CAM have a graph."""
        values = activations.detach().cpu().numpy() if isinstance(activations, Tensor) else activations
        finite = np.isfinite(values).all(axis=(1, 2, 3))
        if values is activations:
            activations = np.where(finite[:, None, None, None], activations, 0)
            grads = None if grads is None else np.where(finite[:, None, None, None], grads, 0)
        maps: Maps = super().get_cam_image(  # type: ignore[misc]
            input_tensor, target_layer, targets, activations, grads, eigen_smooth
        )
        maps[~finite] = np.nan
        return maps


class _Decomposed:
    """Mixed into a class of the library: a map for each unit's features by `decomposed`.

    The library asks numpy for all left singular vectors, [h·w, h·w] of them, of which it uses none: 3 s for a
    map of 64 × 64 and 1 GiB for one of 128 × 128.
    """

    def get_cam_image(
        self,
        input_tensor: Tensor,
        target_layer: nn.Module,
        targets: Any,
        activations: Maps,
        grads: Maps | None,
        eigen_smooth: bool = False,
    ) -> Maps:
        """Returns maps [n, h, w] of `activations` and maybe their gradients, both [n, k, h, w]."""
        given = [activations] if grads is None else [activations, grads]
        return np.stack([self.decomposed(*one) for one in zip(*given, strict=True)])

    decomposed: Callable[..., Maps]


class _ThinEigenCam(_Decomposed, EigenCAM):  # type: ignore[misc]
    def decomposed(self, features: Maps) -> Maps:
        return _projection(features)


class _ThinEigenGradCam(_Decomposed, EigenGradCAM):  # type: ignore[misc]
    def decomposed(self, features: Maps, gradients: Maps) -> Maps:
        return _projection(gradients * features)


class _ThinSegEigenCam(_Decomposed, SegEigenCAM):  # type: ignore[misc]
    def decomposed(self, features: Maps, gradients: Maps) -> Maps:
        found = _projection(np.abs(gradients) * features)
        return -found if -found.min() > found.max() else found


class _SeededKpcaCam(_Decomposed, KPCA_CAM):  # type: ignore[misc]
    def decomposed(self, features: Maps) -> Maps:
        step = 1
        while features[0, ::step, ::step].size > _MOST_POINTS:
            step += 1
        side = features.shape[-1] // step
        pooled = nn.functional.adaptive_avg_pool2d(torch.from_numpy(features), side).numpy()
        points = pooled.reshape(len(pooled), -1).T
        # The library leaves the start of the decomposition to chance.
        kernel = KernelPCA(n_components=1, kernel=self.kernel, gamma=self.gamma, random_state=0)
        found = kernel.fit_transform(points - points.mean(axis=0))
        return np.asarray(found, dtype=np.float32).reshape(side, side)


class _SeededRandomCam(RandomCAM):  # type: ignore[misc]
    """Random-CAM whose weights are drawn for each unit from its image, its class and the head's weights."""

    def get_cam_weights(
        self, input_tensor: Tensor, target_layer: nn.Module, targets: Any, activations: Maps, grads: Maps
    ) -> Maps:
        """Returns weights [n, k], even in [−1, 1)."""
        head = 0
        for parameter in self.model.model.get_submodule("head").parameters():
            head = zlib.crc32(parameter.detach().cpu().numpy().tobytes(), head)
        seeds = [
            [target.category, zlib.crc32(image.cpu().numpy().tobytes()), head]
            for target, image in zip(targets, input_tensor, strict=True)
        ]
        count = activations.shape[1]
        return np.stack([np.random.default_rng(seed).uniform(-1, 1, count) for seed in seeds])


def _projection(features: Maps) -> Maps:
    points = features.reshape(len(features), -1).T
    centred = points - points.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    return np.asarray(centred @ axes[0], dtype=np.float32).reshape(features.shape[1:])


class _FinerTarget(ClassifierOutputTarget):  # type: ignore[misc]
    """The logit of a class, less those of the classes whose logits are nearest to it.

    The library compares the highest class; which ones are nearest is its rule. A model of one class has
    nothing to compare with: the target is its logit.
    """

    def __call__(self, logits: Tensor) -> Tensor:
        distances = (logits - logits[self.category]).detach().abs()
        distances[self.category] = torch.inf
        nearest = distances.argsort(stable=True)[: min(_NUM_COMPARISONS, len(logits) - 1)].tolist()
        if not nearest:
            return logits[self.category]
        difference: Tensor = FinerWeightedTarget(self.category, nearest, alpha=1)(logits)
        return difference


def _maps(
    library_class: type,
    model: nn.Module,
    images: Tensor,
    classes: Classes,
    *,
    target: type = ClassifierOutputTarget,
    from_images: bool = False,
) -> Tensor:
    """Returns the maps of a class of the library, as `bench.evaluation.cam.CamFunction` has them."""
    of_own_size = type(library_class.__name__, (_OwnSize, library_class), {})
    with head_features(model, from_images=from_images) as layer:
        cam = of_own_size(ClassLogits(model), [layer])
        try:
            with np.errstate(all="ignore"):  # the map shows what is not finite
                maps = cam(images, [target(int(index)) for index in classes])
        finally:
            cam.activations_and_grads.release()
    return torch.from_numpy(maps)


grad_cam = partial(_maps, GradCAM)
hires_cam = partial(_maps, HiResCAM)
grad_cam_plus_plus = partial(_maps, GradCAMPlusPlus)
grad_cam_elementwise = partial(_maps, GradCAMElementWise)
xgrad_cam = partial(_maps, XGradCAM)
layer_cam = partial(_maps, LayerCAM)
finer_cam = partial(_maps, GradCAM, target=_FinerTarget)
shapley_cam = partial(_maps, ShapleyCAM, from_images=True)
eigen_cam = partial(_maps, _ThinEigenCam)
eigen_grad_cam = partial(_maps, _ThinEigenGradCam)
seg_eigen_cam = partial(_maps, _ThinSegEigenCam)
kpca_cam = partial(_maps, _SeededKpcaCam)
fem = partial(_maps, FEM)
random_cam = partial(_maps, _SeededRandomCam)
