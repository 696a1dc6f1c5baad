"""Grad-CAM and its relatives, as pytorch-grad-cam computes them.

The target layer is the features that the model's head reads, the target the class logit; float32. The
library scales each map to [0, 1]. A map is taken at the features' own size, where the library would enlarge
it with OpenCV, so that peaks of all maps are found in the same way (see `bench.evaluation.localize`).

Under global max pooling the gradient of a class logit is the head's weights, at the peak alone, so Grad-CAM
is the native map less the bias, negative values cut; under average pooling too. Layer-CAM is then the peak
alone. Eigen-CAM is the features' first principal component: it knows no class, and which of its ends is
positive is an accident of the decomposition.

To import this module takes seconds: only the table of maps names it, by the functions at its end.
"""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bench.evaluation.cam import Classes, head_features
from bench.models import torchvision_compat  # noqa: F401 - before the library imports torchvision

from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, LayerCAM, XGradCAM  # isort: skip
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget  # isort: skip

Maps = npt.NDArray[np.float32]


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


class _ThinEigenCam(EigenCAM):  # type: ignore[misc]
    """Eigen-CAM by a thin decomposition.

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


def _maps(library_class: type, model: nn.Module, images: Tensor, classes: Classes) -> Tensor:
    """Returns the maps of a class of the library, as `bench.evaluation.cam.CamFunction` has them."""
    of_own_size = type(library_class.__name__, (_OwnSize, library_class), {})
    with head_features(model) as layer:
        cam = of_own_size(_Logits(model), [layer])
        try:
            with np.errstate(all="ignore"):  # the map shows what is not finite
                maps = cam(images, [ClassifierOutputTarget(int(index)) for index in classes])
        finally:
            cam.activations_and_grads.release()
    return torch.from_numpy(maps)


grad_cam = partial(_maps, GradCAM)
grad_cam_plus_plus = partial(_maps, GradCAMPlusPlus)
xgrad_cam = partial(_maps, XGradCAM)
eigen_cam = partial(_maps, _ThinEigenCam)
layer_cam = partial(_maps, LayerCAM)
