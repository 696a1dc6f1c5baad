"""DeeplabV3+: atrous spatial pyramid pooling on a dilated encoder (Chen et al. 2018).

Unusual: it is the only model whose encoder is dilated, so that its last features are at 1/16 instead
of 1/32; and its pyramid has a branch of global average pooling, which `gap_in_aspp: false` takes out.
"""

from typing import Any, ClassVar

from torch import Tensor, nn

from bench.models.bilinear import Enlarging, resize
from bench.models.blocks import CamOutput, Encoder
from bench.models.pooling import global_max_pool
from bench.models.torchvision_compat import smp

DECODER_CHANNELS = 256
ATROUS_RATES = (12, 24, 36)
DROPOUT = 0.5


class ImagePooling(nn.Sequential):
    """The pyramid's branch of global average pooling, spread over the map by `resize`."""

    def forward(self, features: Tensor) -> Tensor:
        """Returns [n, c, h, w] for `features` [n, k, h, w]."""
        pooled: Tensor = super().forward(features)  # type: ignore[no-untyped-call]
        return resize(pooled, features.shape[-2:], align_corners=False)


class DeeplabV3Plus(nn.Module):
    """segmentation-models-pytorch's DeepLabV3+ decoder, 1×1 head, global max pooling.

    Decoder and head keep PyTorch's default initialisation, as the library leaves them (thesis §5.3, code).

    Args:
        encoder: a segmentation-models-pytorch encoder of depth 5, dilated to an output stride of 16.
        num_classes: number of classes c.
        gap_in_aspp: False takes the image-level pooling branch out of the pyramid; its projection then takes
            four branches instead of five ("− all GAP" in Table 6.1).

    Source: Chen et al. 2018; thesis §5.2 and Table 6.1.
    """

    encoder_maps: ClassVar[int] = 4
    encoder_output_stride: ClassVar[int] = 16

    def __init__(self, encoder: Encoder, num_classes: int, *, gap_in_aspp: bool = True) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = smp.decoders.deeplabv3.decoder.DeepLabV3PlusDecoder(
            encoder.out_channels,
            encoder_depth=5,
            out_channels=DECODER_CHANNELS,
            atrous_rates=ATROUS_RATES,
            output_stride=self.encoder_output_stride,
            aspp_separable=True,
            aspp_dropout=DROPOUT,
        )
        aspp = self.decoder.aspp[0]
        if gap_in_aspp:
            aspp.convs[-1] = ImagePooling(*aspp.convs[-1])
        else:
            _remove_image_pooling(aspp)
        self.decoder.up = Enlarging(round(self.decoder.up.scale_factor))
        self.head = nn.Conv2d(DECODER_CHANNELS, num_classes, kernel_size=1)

    def forward(self, images: Tensor) -> CamOutput:
        """Returns heatmaps [n, c, S/4, S/4] and logits [n, c] for `images` float [n, 1, S, S]."""
        heatmaps = self.head(self.decoder(self.encoder(images))).float()
        return CamOutput(heatmaps, global_max_pool(heatmaps))


def _remove_image_pooling(aspp: Any) -> None:
    """Drops the last branch of the pyramid, and its share of the projection's input."""
    *branches, _ = aspp.convs
    aspp.convs = nn.ModuleList(branches)
    aspp.project[0] = nn.Conv2d(len(branches) * DECODER_CHANNELS, DECODER_CHANNELS, kernel_size=1, bias=False)
