"""Building blocks that several models share."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CamOutput(NamedTuple):
    """What every model returns.

    Attributes:
        heatmaps: float32 [n, c, h, w], class heatmap logits: the class activation map itself.
        logits: float32 [n, c], class logits: a pooling of the heatmaps.
    """

    heatmaps: Tensor
    logits: Tensor


class Encoder(Protocol):
    """What models use of a segmentation-models-pytorch encoder; for annotations only.

    Attributes:
        out_channels: channels of the features at 1/1, 1/2, … 1/32.
    """

    out_channels: Sequence[int]

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Returns features at 1/1, 1/2, … 1/32 of `images` [n, c, S, S]."""


class ConvReLU(nn.Sequential):
    """Convolution with bias, batch norm, ReLU; the spatial size is kept.

    Source: thesis chapter 4.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


def upsample_to(features: Tensor, target: Tensor) -> Tensor:
    """Returns `features` [n, c, h, w] resized to the height and width of `target`.

    Bilinear with aligned corners, as in the thesis' up-sampling (code).
    """
    return F.interpolate(features, size=target.shape[-2:], mode="bilinear", align_corners=True)


def global_max_pool(heatmaps: Tensor) -> Tensor:
    """Returns the maximum [n, c] of each map of `heatmaps` [n, c, h, w] (Oquab et al. 2015)."""
    return torch.amax(heatmaps, dim=(-2, -1))


def global_average_pool(heatmaps: Tensor) -> Tensor:
    """Returns the mean [n, c] of each map of `heatmaps` [n, c, h, w] (Zhou et al. 2016)."""
    return heatmaps.mean(dim=(-2, -1))
