"""Unet: the decoder that goes back to the input's full resolution (Ronneberger et al. 2015)."""

from typing import ClassVar

from torch import Tensor, nn

from bench.models.blocks import CamOutput, Encoder
from bench.models.pooling import global_max_pool
from bench.models.torchvision_compat import smp

DECODER_CHANNELS = (256, 128, 64, 64, 64)


class Unet(nn.Module):
    """segmentation-models-pytorch's Unet decoder, 3×3 head, global max pooling; the map has the input's size.

    Decoder and head are initialised as the library does (thesis §5.3, code).

    Args:
        encoder: a segmentation-models-pytorch encoder of depth 5 with features at every scale from 1/2.
        num_classes: number of classes c.

    Source: Ronneberger et al. 2015; thesis §5.2.
    """

    encoder_maps: ClassVar[int] = 5

    def __init__(self, encoder: Encoder, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = smp.decoders.unet.decoder.UnetDecoder(encoder.out_channels, DECODER_CHANNELS)
        self.head = nn.Conv2d(DECODER_CHANNELS[-1], num_classes, kernel_size=3, padding=1)
        smp.base.initialization.initialize_decoder(self.decoder)
        smp.base.initialization.initialize_head(self.head)

    def forward(self, images: Tensor) -> CamOutput:
        """Returns heatmaps [n, c, S, S] and logits [n, c] for `images` float [n, 1, S, S]."""
        heatmaps = self.head(self.decoder(self.encoder(images))).float()
        return CamOutput(heatmaps, global_max_pool(heatmaps))
