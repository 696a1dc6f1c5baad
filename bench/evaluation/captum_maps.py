"""Attribution to pixels, as captum computes it: integrated gradients, occlusion, guided Grad-CAM.

The target is the class logit; pixels are normalised ones, so that 0, which stands for "no image", is the
recipe's mean gray. Values of a pixel's channels are added. Then

- integrated gradients: the absolute value, for the sign of an edge's two sides is opposite by nature;
- occlusion and guided Grad-CAM: the positive part, what speaks for the class.

captum is the extra `captum`.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.errors import BenchError
from bench.evaluation.cam import Classes, ClassLogits, as_maps, head_features

STEPS = 50
"""Points on the way from no image to the image, by Gauss and Legendre; the paper names 20 to 300."""

_AT_ONCE = 25
"""Images that the model is given at once."""

WINDOW, STRIDE = 8, 16
"""The side of what is hidden is an eighth of the image's, and moves by a sixteenth."""


def integrated_gradients(model: nn.Module, images: Tensor, classes: Classes) -> Tensor:
    """Returns maps [n, S, S]: |(image − gray) × mean gradient on the way between them|.

    Source: Sundararajan et al., Axiomatic attribution for deep networks, ICML 2017.
    """
    with _captum():
        from captum.attr import IntegratedGradients

        method = IntegratedGradients(ClassLogits(model))
        found = [
            method.attribute(image, target=index, n_steps=STEPS, internal_batch_size=_AT_ONCE)
            for image, index in _units(images, classes)
        ]
    return as_maps(torch.cat(found).detach().sum(dim=1).abs())


def occlusion(model: nn.Module, images: Tensor, classes: Classes) -> Tensor:
    """Returns maps [n, 16, 16]: how far the logit falls where a gray square hides a cell, mean over squares.

    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks, ECCV 2014.
    """
    side = images.shape[-1]
    window, stride = side // WINDOW, side // STRIDE
    with _captum(), torch.no_grad():
        from captum.attr import Occlusion

        method = Occlusion(ClassLogits(model))
        found = [
            method.attribute(
                image,
                target=index,
                sliding_window_shapes=(image.shape[1], window, window),
                strides=(image.shape[1], stride, stride),
                perturbations_per_eval=_AT_ONCE,
            )
            for image, index in _units(images, classes)
        ]
    # Windows begin and end between cells, so that a cell has one value.
    return as_maps(torch.cat(found).mean(dim=1)[:, ::stride, ::stride].float().relu())


def guided_grad_cam(model: nn.Module, images: Tensor, classes: Classes) -> Tensor:
    """Returns maps [n, S, S]: Grad-CAM, enlarged, times the guided gradient of the image.

    Of that only what is positive passes a ReLU layer backwards. Of an encoder without ReLU layers (SiLU,
    GELU) it is the plain gradient.

    Source: Selvaraju et al., Grad-CAM, ICCV 2017, §3.
    """
    with _captum(), head_features(model, from_images=True) as layer:
        from captum.attr import GuidedGradCam

        method = GuidedGradCam(ClassLogits(model), layer)
        found = method.attribute(
            images.clone().requires_grad_(), target=classes.tolist(), interpolate_mode="bilinear"
        )
    return as_maps(found.detach().sum(dim=1).relu())


def _units(images: Tensor, classes: Classes) -> Iterator[tuple[Tensor, int]]:
    for image, index in zip(images, classes.tolist(), strict=True):
        yield image[None].clone().requires_grad_(), index


@contextmanager
def _captum() -> Iterator[None]:
    """Says how to install captum if it is not there, and keeps its hints on hooks to itself."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module=r"captum\.")
            yield
    except ModuleNotFoundError as error:
        if error.name != "captum":
            raise
        raise BenchError("captum is not installed; pip install 'cam-bench[captum]' brings it") from None
