"""Wang 2017: log-sum-exp pooling of the features, the ChestX-ray8 paper's own baseline.

Wang et al., "ChestX-ray8: hospital-scale chest X-ray database and benchmarks": the encoder's features are
pooled by log-sum-exp, channel by channel, and a linear layer predicts the classes; the same weights applied
at every position give the heatmap. Not one of the thesis' models (its tables quote the paper's numbers): the
architecture is rebuilt here on the harness' encoders, and trained by the harness' recipe and loss.
"""

from typing import Annotated

from annotated_types import Gt
from torch import Tensor, nn

from bench.models.blocks import CamOutput, Encoder
from bench.models.pooling import log_sum_exp_pool


class Wang2017(nn.Module):
    """Encoder, log-sum-exp pooling, linear layer; the heatmap is that layer at every position (1/32).

    Unlike the other models', its class logit is not a pooling of the heatmap but the heatmap's formula on
    pooled features, as with CAM (Zhou et al. 2016) for any pooling but the average.

    Args:
        encoder: a segmentation-models-pytorch encoder of depth 5.
        num_classes: number of classes c.
        sharpness: r of the pooling: near 0 the average, large the maximum; the paper's best is 10.

    Source: Wang et al. 2017, §4.1, without its transition layer, which only adapts other encoders.
    """

    def __init__(
        self, encoder: Encoder, num_classes: int, *, sharpness: Annotated[float, Gt(0)] = 10.0
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.sharpness = sharpness
        self.head = nn.Conv2d(encoder.out_channels[-1], num_classes, kernel_size=1)

    def forward(self, images: Tensor) -> CamOutput:
        """Returns heatmaps [n, c, S/32, S/32] and logits [n, c] for `images` float [n, 1, S, S]."""
        features = self.encoder(images)[-1]
        pooled = log_sum_exp_pool(features.float(), self.sharpness)
        logits = self.head(pooled[:, :, None, None])[:, :, 0, 0]
        return CamOutput(self.head(features).float(), logits.float())
