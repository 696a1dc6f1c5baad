"""Score-CAM and Ablation-CAM: a channel of the features counts by what the class logit does without it.

Both ask the model once for each channel. pytorch-grad-cam has them for a layer within the model's tree, holds
the masks of all channels of all images at once, and divides Ablation-CAM's drop by the logit, which turns the
map round where that is negative, as most logits of findings are. Hence the loops here; its Score-CAM is the
oracle of the tests.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.evaluation.cam import Classes, as_maps, head_features
from bench.models.bilinear import resize

_CHANNELS = 32
"""Channels that the model is asked about at once."""


def score_cam(model: nn.Module, images: Tensor, classes: Classes) -> Tensor:
    """Returns features weighted by the softmax of the logits of the image seen through each channel.

    A channel, enlarged and scaled to [0, 1], is multiplied onto the normalised image. The paper's baseline,
    the logit of no image, is the same for all channels and leaves the softmax alone.

    Source: Wang et al., Score-CAM, CVPR workshops 2020.
    """
    with torch.no_grad(), head_features(model) as layer:
        model(images)
        read = layer.latest

    def weights(image: Tensor, features: Tensor, index: int) -> Tensor:
        def logits(channels: Tensor) -> Tensor:
            masks = as_maps(resize(channels[:, None], image.shape[-2:], align_corners=True)[:, 0])
            found: Tensor = model(image * masks[:, None]).logits[:, index]
            return found

        return torch.cat([logits(channels) for channels in torch.split(features, _CHANNELS)]).softmax(dim=0)

    return _weighted(images, read, classes, weights)


def ablation_cam(model: nn.Module, images: Tensor, classes: Classes) -> Tensor:
    """Returns features weighted by how far the class logit falls without each channel.

    Encoder features are computed once. What lies between them and the head, and the head, are computed again
    for each channel.

    Source: Desai and Ramaswamy, Ablation-CAM, WACV 2020, without its division by the logit: that scales a
    map, or turns it round.
    """
    encoder = model.get_submodule("encoder")
    outputs: list[list[Tensor]] = []
    hook = encoder.register_forward_hook(lambda _module, _inputs, output: outputs.append(list(output)))
    try:
        with torch.no_grad(), head_features(model) as layer:
            logits = model(images).logits
            read = layer.latest
    finally:
        hook.remove()
    (encoded,) = outputs
    position = iter(range(len(images)))

    def weights(image: Tensor, features: Tensor, index: int) -> Tensor:
        unit = next(position)
        own = [one[unit : unit + 1] for one in encoded]
        falls = []
        for first in range(0, len(features), _CHANNELS):
            channels = torch.arange(first, min(first + _CHANNELS, len(features)), device=features.device)
            ablated = features.repeat(len(channels), 1, 1, 1)
            ablated[range(len(channels)), channels] = 0
            with _reading(model, [one.expand(len(channels), -1, -1, -1) for one in own], features, ablated):
                many = image.expand(len(channels), -1, -1, -1)
                falls.append(logits[unit, index] - model(many).logits[:, index])
        return torch.cat(falls)

    return _weighted(images, read, classes, weights)


@contextmanager
def _reading(model: nn.Module, encoded: list[Tensor], features: Tensor, ablated: Tensor) -> Iterator[None]:
    """Has the encoder return `encoded`, and the head read `ablated` in place of `features`.

    Where the head reads the encoder's own features, all that reads these reads the ablated ones: Wang 2017
    pools them for its logits.
    """
    encoder, head = model.get_submodule("encoder"), model.get_submodule("head")
    is_own = [one.shape[1:] == features.shape and torch.equal(one[0], features) for one in encoded]
    given = [ablated if own else one for own, one in zip(is_own, encoded, strict=True)]
    hook = None
    if not any(is_own):
        hook = head.register_forward_pre_hook(lambda _module, _inputs: (ablated,))
    encoder.__dict__["forward"] = lambda _images: given
    try:
        yield
    finally:
        del encoder.__dict__["forward"]
        if hook is not None:
            hook.remove()


def _weighted(
    images: Tensor, read: Tensor, classes: Classes, weights: Callable[[Tensor, Tensor, int], Tensor]
) -> Tensor:
    """Returns maps of features [n, k, h, w], each channel weighted by `weights` of a unit, negatives cut."""
    maps = []
    with torch.no_grad():
        for image, features, index in zip(images, read, classes.tolist(), strict=True):
            weighted = weights(image[None], features, index)[:, None, None] * features
            maps.append(weighted.sum(dim=0).relu())
    return as_maps(torch.stack(maps))
