"""Baseline: the class activation map of a plain classifier.

Encoder, one 1×1 convolution to the classes, global pooling: the convolution's output is the map. Global max
pooling (Oquab et al. 2015) is the thesis' Baseline; global average pooling is Zhou et al. 2016.
"""

from typing import Literal

from torch import Tensor, nn

from bench.models.blocks import CamOutput, Encoder
from bench.models.pooling import global_average_pool, global_max_pool


class Baseline(nn.Module):
    """Encoder, 1×1 convolution, global pooling; the heatmap has the scale of the last features (1/32).

    The convolution keeps PyTorch's default initialisation (thesis §5.3, code).

    Args:
        encoder: a segmentation-models-pytorch encoder of depth 5.
        num_classes: number of classes c.
        pooling: "max", the thesis' Baseline, or "average".

    Source: Oquab et al. 2015 (maximum), Zhou et al. 2016 (average); thesis §5.2.
    """

    def __init__(
        self, encoder: Encoder, num_classes: int, *, pooling: Literal["max", "average"] = "max"
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Conv2d(encoder.out_channels[-1], num_classes, kernel_size=1)
        self.pool = global_max_pool if pooling == "max" else global_average_pool

    def forward(self, images: Tensor) -> CamOutput:
        """Returns heatmaps [n, c, S/32, S/32] and logits [n, c] for `images` float [n, 1, S, S]."""
        heatmaps = self.head(self.encoder(images)[-1]).float()
        return CamOutput(heatmaps, self.pool(heatmaps))
