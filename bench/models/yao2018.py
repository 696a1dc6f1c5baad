"""Yao 2018: log-sum-exp pooling whose sharpness is learned, from a lower bound (LSE-LBA).

Yao et al., "Weakly supervised medical diagnosis and localization from multiple resolutions". Not one of the
thesis' models (its tables quote the paper's numbers). Rebuilt here is the pooling, on the Baseline's map; the
paper's multi-resolution network is not, so a comparison with the Baseline is one of poolings alone.
"""

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

from bench.models.blocks import CamOutput, Encoder
from bench.models.pooling import log_sum_exp_pool


class Yao2018(nn.Module):
    """Encoder, 1×1 convolution, log-sum-exp pooling with r = lower_bound + exp(β) and β learned.

    One β is shared by all classes and starts at 0.

    Args:
        encoder: a segmentation-models-pytorch encoder of depth 5.
        num_classes: number of classes c.
        lower_bound: r₀ ≥ 0, the least sharpness: a prior for small findings where it is large.

    Source: Yao et al. 2018, §3 (pooling). It pools heatmap logits, as all models here do.
    """

    def __init__(
        self, encoder: Encoder, num_classes: int, *, lower_bound: Annotated[float, Ge(0)] = 0.0
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.lower_bound = lower_bound
        self.head = nn.Conv2d(encoder.out_channels[-1], num_classes, kernel_size=1)
        self.beta = nn.Parameter(torch.zeros(()))

    @property
    def sharpness(self) -> Tensor:
        """r, a scalar above `lower_bound`."""
        return self.lower_bound + torch.exp(self.beta)

    def forward(self, images: Tensor) -> CamOutput:
        """Returns heatmaps [n, c, S/32, S/32] and logits [n, c] for `images` float [n, 1, S, S]."""
        heatmaps = self.head(self.encoder(images)[-1]).float()
        return CamOutput(heatmaps, log_sum_exp_pool(heatmaps, self.sharpness))
