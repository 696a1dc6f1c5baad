"""Finds the layer of a classifier whose map of features its head reads, by trying: no table of families.

A classifier of global average pooling and one linear layer has a class activation map of its own (Zhou et
al. 2016): the linear layer applied at each location. Whether it is one is tested on random images: the mean
of some layer's map, before or after a ReLU, has to be what the linear layer is given. Of any other
classifier the layer is the last whose map the logits depend on at more than one location; in a vision
transformer that reads its class token, the norm of the last block.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import PluginError
from bench.models.tokens import token_map

_MOST_EXTRA_TOKENS = 8
"""Class token, registers and the like, before the tokens of patches."""
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class MapLayer:
    """A layer and how its output is a map.

    Attributes:
        name: of the module in the network.
        layout: of its output: [n, k, h, w], [n, h, w, k] or tokens [n, t + h·w, k].
        num_extra: tokens t before those of patches.
        is_rectified: whether the head reads the map after a ReLU.
        is_averaged: whether the linear layer reads the mean of the map, so that there is a native map.
        linear: name of the last linear layer, whose outputs are the class logits.
    """

    name: str
    layout: str
    num_extra: int
    is_rectified: bool
    is_averaged: bool
    linear: str

    def map_of(self, output: Tensor) -> Tensor:
        """Returns [n, k, h, w] of the layer's output."""
        if self.layout == "nhwk":
            found = output.permute(0, 3, 1, 2)
        elif self.layout == "tokens":
            found = token_map(output, self.num_extra)
        else:
            found = output
        return found.relu() if self.is_rectified else found

    def output_of(self, features: Tensor, output: Tensor) -> Tensor:
        """Returns the layer's output with a map [n, k, h, w] in place of its own."""
        if self.layout == "nhwk":
            return features.permute(0, 2, 3, 1)
        if self.layout == "tokens":
            return torch.cat([output[:, : self.num_extra], features.flatten(2).transpose(1, 2)], dim=1)
        return features.clone()  # some networks rectify it in place


@contextmanager
def outputs_of(module: nn.Module) -> Iterator[list[Tensor]]:
    """Yields a list that fills with copies of the module's outputs: networks change some in place."""
    outputs: list[Tensor] = []
    hook = module.register_forward_hook(lambda _module, _inputs, output: outputs.append(output.clone()))
    try:
        yield outputs
    finally:
        hook.remove()


@dataclass(frozen=True)
class _Call:
    name: str
    output: Tensor
    copy: Tensor


def find_map_layer(network: nn.Module, images: Tensor, num_classes: int, place: str) -> MapLayer:
    """Returns the layer whose map the network's head reads.

    Args:
        network: in evaluation mode.
        images: two or more, as it wants them.
        num_classes: of its outputs.
        place: for errors.

    Raises:
        PluginError: it ends in no linear layer with so many outputs, or no layer has a map.
    """
    calls, linear, pooled = _traced(network, images, num_classes, place)
    for call in reversed(calls):
        for layer in _layouts(call, linear):
            for is_rectified in (False, True):
                tried = MapLayer(call.name, *layer, is_rectified, True, linear)
                if _is_mean(tried.map_of(call.copy), pooled):
                    return tried
    return _last_used(network, calls, linear, place)


def _traced(
    network: nn.Module, images: Tensor, num_classes: int, place: str
) -> tuple[list[_Call], str, Tensor]:
    """Returns the layers' outputs in their order, and the last linear layer with what it was given."""
    calls: list[_Call] = []
    heads: list[tuple[str, Tensor]] = []

    def keep(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if isinstance(output, Tensor):
                calls.append(_Call(name, output, output.detach().clone()))
            if isinstance(module, nn.Linear) and module.out_features == num_classes:
                heads.append((name, inputs[0].detach()))

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in network.named_modules() if name]
    try:
        with torch.enable_grad():
            network(images)
    finally:
        for hook in hooks:
            hook.remove()
    if not heads:
        sizes = [module.out_features for module in network.modules() if isinstance(module, nn.Linear)]
        raise PluginError(
            f"the network does not end in a linear layer with an output for each of {num_classes} classes",
            place=place,
            value=num_classes,
            allowed=[f"{size}" for size in sizes[-1:]],
        )
    linear, given = heads[-1]
    return calls, linear, given.flatten(1)


def _layouts(call: _Call, linear: str) -> Iterator[tuple[str, int]]:
    """Yields the layouts in which a layer's output is a map of several cells, with its extra tokens."""
    shape = call.output.shape
    if call.name == linear:
        return
    if len(shape) == 4:
        if shape[2] == shape[3] > 1:
            yield "nkhw", 0
        if shape[1] == shape[2] > 1:
            yield "nhwk", 0
    elif len(shape) == 3:
        for num_extra in range(min(_MOST_EXTRA_TOKENS, shape[1])):
            if isqrt(shape[1] - num_extra) ** 2 == shape[1] - num_extra > 1:
                yield "tokens", num_extra


def _is_mean(features: Tensor, pooled: Tensor) -> bool:
    mean = features.mean(dim=(2, 3))
    if mean.shape != pooled.shape:
        return False
    return bool((mean - pooled).abs().max() <= _TOLERANCE * pooled.abs().max() + 1e-6)


def _last_used(network: nn.Module, calls: list[_Call], linear: str, place: str) -> MapLayer:
    mapped = [(call, layout) for call in calls for layout in _layouts(call, linear)]
    mapped = [(call, layout) for call, layout in mapped if call.output.requires_grad]
    logits = next(call.output for call in reversed(calls) if call.name == linear)
    outputs = [call.output for call, _ in mapped]
    gradients = torch.autograd.grad(logits.sum(), outputs, allow_unused=True) if outputs else ()
    for (call, layout), gradient in reversed(list(zip(mapped, gradients, strict=True))):
        layer = MapLayer(call.name, *layout, False, False, linear)
        is_norm = "norm" in type(network.get_submodule(call.name)).__name__.lower()
        if gradient is not None and (layer.layout != "tokens" or is_norm):
            cells = layer.map_of(gradient).abs().amax(dim=(0, 1))
            if int((cells > 0).sum()) > 1:
                return layer
    raise PluginError("no layer of the network has a map of features that its logits depend on", place=place)
