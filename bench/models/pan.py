"""PAN: pyramid attention network (Li et al. 2018), PYLON's nearest relative.

Unusual: the thesis uses it on an encoder that is not dilated (segmentation-models-pytorch's default
dilates it), and takes its global average pooling (GAP) apart: FPA, the feature pyramid attention on the
deepest features, adds a pooled branch; each GAU, the global attention upsampling, gates the finer features
by a pooled factor. Without any of them PAN *is* PYLON (UP1) with 3×3 convolutions.

A deviation, made knowingly: the library's FPA works only where the deepest map can be halved three times
(inputs from 256 px); here smaller maps have fewer pyramid levels. Results are the same at 256 and 512 px.
"""

from typing import ClassVar

from torch import Tensor, nn

from bench.models.blocks import CamOutput, Encoder, pyramid_mask, upsample_to
from bench.models.pooling import global_max_pool
from bench.models.torchvision_compat import smp

DECODER_CHANNELS = 128


class FeaturePyramidAttention(smp.decoders.pan.decoder.FPABlock):  # type: ignore[misc]  # smp is not typed
    """FPA for maps of any size from 2×2, with or without the pooled branch.

    Args:
        in_channels: channels of the deepest encoder features.
        out_channels: channels of the decoder.
        gap: whether the pooled branch is added.
    """

    def __init__(self, in_channels: int, out_channels: int, *, gap: bool) -> None:
        super().__init__(in_channels, out_channels)
        if not gap:
            self.branch1 = None

    def forward(self, features: Tensor) -> Tensor:
        """Returns [n, out_channels, h, w] for `features` [n, in_channels, h, w]."""
        down = (self.down1[1], self.down2[1], self.down3[1])
        across = (self.conv1, self.conv2, self.down3[2])
        attended: Tensor = self.mid(features) * pyramid_mask(features, down, across)
        return attended if self.branch1 is None else attended + self.branch1(features)


class GlobalAttentionUpsampling(nn.Module):
    """GAU: enlarges the deeper features by `upsample_to`, and adds the lateral ones that they gate.

    Args:
        conv1: the library's gate, or one that is open.
        conv2: the library's convolution of the lateral features.
    """

    def __init__(self, conv1: nn.Module, conv2: nn.Module) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv1, conv2

    def forward(self, lateral: Tensor, deeper: Tensor) -> Tensor:
        """Returns [n, c, H, W] for `lateral` [n, k, H, W] and `deeper` [n, c, h, w]."""
        enlarged = upsample_to(deeper, lateral)  # first, as in the library: gradients add up in that order
        gated: Tensor = self.conv2(lateral) * self.conv1(deeper)
        return enlarged + gated


class OpenGate(nn.Module):
    """Takes the place of a GAU's gate and leaves the lateral features unscaled."""

    def forward(self, deeper: Tensor) -> Tensor:
        """Returns 1, whatever the deeper features are."""
        return deeper.new_ones(1)


class Pan(nn.Module):
    """segmentation-models-pytorch's PAN decoder, 3×3 head, global max pooling.

    Decoder and head are initialised as the library does (thesis §5.3, code).

    Args:
        encoder: a segmentation-models-pytorch encoder of depth 5 with features at 1/4 … 1/32.
        num_classes: number of classes c.
        gap_in_fpa: False is the row "− GAP in FPA".
        gap_in_gau: False is the row "− GAP in GAU"; both False "− all GAP".

    Source: Li et al. 2018, "Pyramid Attention Network"; thesis §5.2 and Table 6.1.
    """

    encoder_maps: ClassVar[int] = 4

    def __init__(
        self, encoder: Encoder, num_classes: int, *, gap_in_fpa: bool = True, gap_in_gau: bool = True
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = smp.decoders.pan.decoder.PANDecoder(
            encoder.out_channels, encoder_depth=5, decoder_channels=DECODER_CHANNELS
        )
        self.decoder.fpa = FeaturePyramidAttention(encoder.out_channels[-1], DECODER_CHANNELS, gap=gap_in_fpa)
        for name in ("gau1", "gau2", "gau3"):
            gau = getattr(self.decoder, name)
            gate = gau.conv1 if gap_in_gau else OpenGate()
            setattr(self.decoder, name, GlobalAttentionUpsampling(gate, gau.conv2))
        self.head = nn.Conv2d(DECODER_CHANNELS, num_classes, kernel_size=3, padding=1)
        smp.base.initialization.initialize_decoder(self.decoder)
        smp.base.initialization.initialize_head(self.head)

    def forward(self, images: Tensor) -> CamOutput:
        """Returns heatmaps [n, c, S/4, S/4] and logits [n, c] for `images` float [n, 1, S, S], S ≥ 64."""
        heatmaps = self.head(self.decoder(self.encoder(images))).float()
        return CamOutput(heatmaps, global_max_pool(heatmaps))
