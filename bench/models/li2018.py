"""Li 2018: multi-instance learning over a grid of patches.

Li et al., "Thoracic disease identification and localization with limited supervision", as the thesis rebuilds
it: the encoder's features are resized to 20×20 whatever the input's size, two convolutions score each of the
400 patches, and the image is positive if any patch is. Unusual: the pooling is the probability of a
union, not a maximum, and the patch factors are rescaled. It is computed in logarithms, in `pooling.py`,
where the authors' form loses precision and breaks down.
"""

from torch import Tensor, nn

from bench.models.bilinear import resize
from bench.models.blocks import CamOutput, ConvReLU, Encoder
from bench.models.pooling import multi_instance_pool

GRID = 20
PATCH_CHANNELS = 512


class Li2018(nn.Module):
    """Encoder, resizing to 20×20, 3×3 and 1×1 convolution, multi-instance pooling.

    The convolutions keep PyTorch's default initialisation (thesis §5.3, code).

    Args:
        encoder: a segmentation-models-pytorch encoder of depth 5.
        num_classes: number of classes c.

    Source: Li et al. 2018; thesis §5.2.
    """

    def __init__(self, encoder: Encoder, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = ConvReLU(encoder.out_channels[-1], PATCH_CHANNELS, 3)
        self.head = nn.Conv2d(PATCH_CHANNELS, num_classes, kernel_size=1)

    def forward(self, images: Tensor) -> CamOutput:
        """Returns heatmaps [n, c, 20, 20] and logits [n, c] for `images` float [n, 1, S, S]."""
        features = self.encoder(images)[-1]
        patches = resize(features, (GRID, GRID), align_corners=True)
        heatmaps = self.head(self.decoder(patches)).float()
        return CamOutput(heatmaps, multi_instance_pool(heatmaps))
