"""Building blocks that several models share."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.models.bilinear import resize


class CamOutput(NamedTuple):
    """The output of every model.

    Attributes:
        heatmaps: float32 [n, c, h, w], class heatmap logits: the class activation map itself.
        logits: float32 [n, c], class logits: a pooling of the heatmaps.
    """

    heatmaps: Tensor
    logits: Tensor


class Encoder(Protocol):
    """The part of an encoder that models use; for annotations only.

    A plain vision transformer gives one map, of the scale of its patches, in place of six.

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
    return resize(features, target.shape[-2:], align_corners=True)


def pyramid_mask(features: Tensor, down: Sequence[nn.Module], across: Sequence[nn.Module]) -> Tensor:
    """Returns the spatial attention mask [n, 1, h, w] of `features` [n, c, h, w], h and w ≥ 2.

    Halves the features by max pooling and convolves them, once per level; then goes back up, each level
    convolved and added. Where a map is too small to be halved again the deeper levels are left out.

    Args:
        features: the deepest encoder features.
        down: one module per level; the first takes c channels, all give one.
        across: one module per level, of one channel, on the way back up.

    Source: the common part of PAN's feature pyramid attention and PYLON's pyramid attention. The thesis
    enlarges by a factor of two; resizing to the size of the target gives the same at 256 and 512 px, and
    works at any size.

    Raises:
        ValueError: the features cannot be halved once.
    """
    if min(features.shape[-2:]) < 2:
        came = "×".join(map(str, features.shape[-2:]))
        raise ValueError(f"pyramid attention needs a map of at least 2×2 (images of 64 px), got {came}")
    levels: list[Tensor] = []
    level = features
    for module in down:
        if min(level.shape[-2:]) < 2:
            break
        level = module(F.max_pool2d(level, 2))
        levels.append(level)
    mask: Tensor = across[len(levels) - 1](levels[-1])
    for depth in range(len(levels) - 2, -1, -1):
        mask = upsample_to(mask, levels[depth]) + across[depth](levels[depth])
    return upsample_to(mask, features)


class GlobalContext(nn.Module):
    """Global average pooling, 1×1 convolution, batch norm, ReLU; one value per channel, spread over the map.

    PAN adds it to its attended features, and the thesis finds that it harms localization.

    Source: the global branch of PAN's feature pyramid attention; thesis Table 6.1, "GAP in PA".
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.project = ConvReLU(in_channels, out_channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Returns [n, out_channels, 1, 1] for `features` [n, in_channels, h, w]."""
        context: Tensor = self.project(F.adaptive_avg_pool2d(features, 1))
        return context


class GlobalGate(nn.Module):
    """Global average pooling, 1×1 convolution, batch norm, sigmoid: a factor in (0, 1) for each channel.

    Source: the gate of PAN's global attention upsampling; thesis Table 6.1, "GAP in UP".
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Returns [n, c, 1, 1] for `features` [n, c, h, w]."""
        return torch.sigmoid(self.norm(self.conv(F.adaptive_avg_pool2d(features, 1))))
