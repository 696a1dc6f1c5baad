"""FullGrad: gradients of the image and of all biases, each at its place in the image.

pytorch-grad-cam takes layers in the order in which a model's class lists them for that in which they run,
which holds for few models with a decoder. Hence the lines here.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.evaluation.cam import Classes, as_maps
from bench.models.bilinear import resize


def full_grad(model: nn.Module, images: Tensor, classes: Classes) -> Tensor:
    """Returns maps [n, S, S]: |image × gradient|, and |bias × gradient| of every channel with a bias.

    Biases are those of convolutions, and of batch norms with what their running mean adds. Each is scaled to
    [0, 1] by unit, enlarged, and added. Biases of other layers, and what gates multiply, are left out.

    Source: Srinivas and Fleuret, Full-gradient representation for neural network visualization, NeurIPS 2019.
    """
    images = images.clone().requires_grad_()
    with _biased_outputs(model) as found:
        logits = model(images).logits[range(len(images)), classes]
    gradients = torch.autograd.grad(
        logits.sum(), [images, *(output for output, _ in found)], allow_unused=True
    )
    total = _spread(images * gradients[0], images.shape[-1])
    for (_, bias), gradient in zip(found, gradients[1:], strict=True):
        if gradient is not None and gradient.shape[-1] > 1:  # a pooled branch has no place in the image
            total += _spread(gradient * bias[:, None, None], images.shape[-1])
    return as_maps(total.detach())


def _spread(values: Tensor, side: int) -> Tensor:
    """Returns the sum over channels of |values| [n, k, h, w], channels in [0, 1] each, enlarged to `side`."""
    channels = as_maps(values.abs().flatten(0, 1)).view_as(values).sum(dim=1, keepdim=True)
    return resize(channels, (side, side), align_corners=False)[:, 0]


@contextmanager
def _biased_outputs(model: nn.Module) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Yields a list that receives the output [n, k, h, w] of each layer with biases, and these [k]."""
    found: list[tuple[Tensor, Tensor]] = []

    def keep(output: Tensor, bias: Tensor) -> Tensor:
        found.append((output, bias))
        return output.clone()  # what follows may work in place

    hooks = []
    for layer in model.modules():
        bias, activation = _implicit_bias(layer), getattr(layer, "act", None)
        if bias is not None and isinstance(activation, nn.Module):  # timm's batch norm with an activation
            hooks.append(activation.register_forward_pre_hook(lambda _, inputs, b=bias: keep(inputs[0], b)))
        elif bias is not None:
            hooks.append(layer.register_forward_hook(lambda _, __, output, b=bias: keep(output, b)))
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _implicit_bias(layer: nn.Module) -> Tensor | None:
    """Returns what a layer adds to each channel [k]; None of one that adds nothing, or of another kind."""
    if isinstance(layer, nn.Conv2d):
        return layer.bias
    if isinstance(layer, nn.BatchNorm2d) and layer.affine and layer.track_running_stats:
        assert layer.running_mean is not None
        assert layer.running_var is not None
        scale = layer.weight / torch.sqrt(layer.running_var + layer.eps)
        return layer.bias - layer.running_mean * scale
    return None
