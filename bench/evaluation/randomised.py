"""A model whose weights are drawn anew, part by part from its head down to its encoder's first layers.

Source: Adebayo 2018, Sanity checks for saliency maps, §3.1 (cascading randomisation).
"""

from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise

import numpy as np
import torch
from torch import nn

ENCODER_PARTS = 4
"""Parts of the encoder that are randomised one after the other, of as many layers each."""

_STD = 0.02
"""Of parameters that no layer draws itself, as transformers' embeddings of positions."""


def randomised(model: nn.Module) -> Iterator[nn.Module]:
    """Yields one and the same copy of the model after each step: the last has no trained weight left.

    The steps: the head; what else is no encoder, if there is any; the encoder's layers from the last to the
    first, in `ENCODER_PARTS`. Weights are those that layers begin with, by fixed random numbers; running
    statistics of norms are forgotten, too.

    Args:
        model: has a `head` and an `encoder`; left as it is.
    """
    copy = deepcopy(model)
    gpus = {one.device for one in model.parameters() if one.device.type == "cuda"}
    for seed, layers in enumerate(steps(copy)):
        with torch.random.fork_rng(devices=list(gpus)):
            torch.manual_seed(seed)
            for layer in layers:
                _draw(layer)
        yield copy


def num_steps(model: nn.Module) -> int:
    """Returns how many steps `randomised` takes."""
    return len(steps(model))


def steps(model: nn.Module) -> list[list[nn.Module]]:
    """Returns the layers of each step that have parameters or running statistics of their own."""
    layers = [layer for layer in model.modules() if _own_tensors(layer)]
    head, encoder = (set(model.get_submodule(name).modules()) for name in ("head", "encoder"))
    others = [layer for layer in layers if layer not in head | encoder]
    backwards = [layer for layer in reversed(layers) if layer in encoder]
    cuts = np.linspace(0, len(backwards), ENCODER_PARTS + 1).round().astype(int)
    parts = [backwards[first:last] for first, last in pairwise(cuts.tolist())]
    return [part for part in ([layer for layer in layers if layer in head], others, *parts) if part]


def _own_tensors(layer: nn.Module) -> bool:
    return any(True for _ in layer.parameters(recurse=False)) or hasattr(layer, "reset_running_stats")


@torch.no_grad()
def _draw(layer: nn.Module) -> None:
    if callable(reset := getattr(layer, "reset_parameters", None)):
        reset()
        return
    for parameter in layer.parameters(recurse=False):
        parameter.normal_(std=_STD)
