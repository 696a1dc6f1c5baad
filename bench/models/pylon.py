"""PYLON: pyramid localization network (thesis chapter 4).

Unusual:
- pyramid attention (PA) computes one spatial mask from the deepest features and multiplies it onto a 1×1
  projection of them; nowhere in the decoder is there global average pooling (GAP), which ruins localization,
  unless an option puts it there;
- up-sampling modules (UP) add 1×1-projected encoder features; no 3×3 convolution in decoder or head;
- the head's output at 1/4 scale is the heatmap, and its maximum the class logit.

A deviation, made knowingly: the authors enlarge by a factor of two, which works only where every pooling
divides evenly (inputs that are multiples of 256 px); here features are resized to the size of their target.
Results are the same at 256 and 512 px, and any multiple of 32 from 64 px up works, with fewer pyramid levels
where the deepest map is too small to be halved three times.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from torch import Tensor, nn

from bench.models.blocks import (
    CamOutput,
    ConvReLU,
    Encoder,
    GlobalContext,
    GlobalGate,
    pyramid_mask,
    upsample_to,
)
from bench.models.pooling import global_max_pool
from bench.models.torchvision_compat import smp

DECODER_CHANNELS = 128


class PyramidAttention(nn.Module):
    """PA: a 1×1 projection of the deepest features, multiplied by a spatial mask from up to three scales.

    Args:
        in_channels: channels of the deepest encoder features.
        out_channels: channels of the projection.
        pyramid: False leaves the projection alone ("no PY" in Table 6.2).
        gap: whether the pooled branch of PAN's feature pyramid attention is added.

    Source: thesis chapter 4.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, pyramid: bool = True, gap: bool = False
    ) -> None:
        super().__init__()
        self.project = ConvReLU(in_channels, out_channels, 1)
        self.down = nn.ModuleList()
        self.across = nn.ModuleList()
        if pyramid:
            for kernel_size, channels in ((7, in_channels), (5, 1), (3, 1)):
                self.down.append(ConvReLU(channels, 1, kernel_size))
                self.across.append(ConvReLU(1, 1, kernel_size))
        self.context = GlobalContext(in_channels, out_channels) if gap else None

    def forward(self, features: Tensor) -> Tensor:
        """Returns [n, out_channels, h, w] for `features` [n, in_channels, h, w]."""
        attended: Tensor = self.project(features)
        if len(self.down):
            attended = attended * pyramid_mask(features, list(self.down), list(self.across))
        return attended if self.context is None else attended + self.context(features)


class UpModule(nn.Module):
    """UP: enlarges the deeper features and adds the projected encoder features of the finer scale.

    Args:
        in_channels: channels of the lateral encoder features.
        out_channels: channels of the decoder.
        layers: 2, as in PYLON, or 1 ("UP1").
        kernel_size: of the last convolution: 1, or 3 for the ablation "Conv 3x3".
        gap: whether the projection is gated as in PAN's global attention upsampling.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, layers: int, kernel_size: int, gap: bool
    ) -> None:
        super().__init__()
        widen = [ConvReLU(in_channels, in_channels, 1)] if layers == 2 else []
        self.lateral = nn.Sequential(*widen, ConvReLU(in_channels, out_channels, kernel_size))
        self.gate = GlobalGate(out_channels) if gap else None

    def forward(self, deeper: Tensor, lateral: Tensor) -> Tensor:
        """Returns [n, out_channels, H, W], the size of `lateral` [n, in_channels, H, W]."""
        projected: Tensor = self.lateral(lateral)
        if self.gate is not None:
            projected = projected * self.gate(deeper)
        return upsample_to(deeper, projected) + projected


class PylonDecoder(nn.Module):
    """PA on the 1/32 features, then UP at 1/16, 1/8 and 1/4."""

    def __init__(
        self,
        encoder_channels: Sequence[int],
        *,
        pyramid: bool,
        gap_in_pa: bool,
        gap_in_up: bool,
        up_layers: int,
        up_kernel: int,
    ) -> None:
        super().__init__()
        deepest, *finer = reversed(encoder_channels[-4:])
        self.attention = PyramidAttention(deepest, DECODER_CHANNELS, pyramid=pyramid, gap=gap_in_pa)
        self.ups = nn.ModuleList(
            UpModule(channels, DECODER_CHANNELS, layers=up_layers, kernel_size=up_kernel, gap=gap_in_up)
            for channels in finer
        )

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Returns [n, 128, S/4, S/4] for the encoder's features at 1/4, 1/8, 1/16 and 1/32."""
        decoded: Tensor = self.attention(features[-1])  # 1/32
        for up, lateral in zip(self.ups, features[-2:-5:-1], strict=True):  # 1/16, 1/8, 1/4
            decoded = up(decoded, lateral)
        return decoded


class Pylon(nn.Module):
    """PYLON and its ablations of Table 6.2; the heatmap has a quarter of the input's side.

    Decoder and head are initialised as segmentation-models-pytorch does (thesis §5.3, code).

    Args:
        encoder: a segmentation-models-pytorch encoder of depth 5 with features at 1/4 … 1/32.
        num_classes: number of classes c.
        pyramid: False is the row "no PY".
        up_layers: 2, or 1 for the rows "UP1".
        up_kernel: 1, or 3 for the row "Conv 3x3" (with up_layers 1).
        head_kernel: 1, or 3 for the row "Head 3x3" (with up_layers 1).
        gap_in_pa: True is the row "+ GAP in PA" of Table 6.1 (with up_layers 1).
        gap_in_up: True is the row "+ GAP in UP" of Table 6.1 (with up_layers 1).

    Source: thesis chapter 4; ablations Tables 6.1 and 6.2.
    """

    encoder_maps: ClassVar[int] = 4

    def __init__(
        self,
        encoder: Encoder,
        num_classes: int,
        *,
        pyramid: bool = True,
        up_layers: Literal[1, 2] = 2,
        up_kernel: Literal[1, 3] = 1,
        head_kernel: Literal[1, 3] = 1,
        gap_in_pa: bool = False,
        gap_in_up: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = PylonDecoder(
            encoder.out_channels,
            pyramid=pyramid,
            gap_in_pa=gap_in_pa,
            gap_in_up=gap_in_up,
            up_layers=up_layers,
            up_kernel=up_kernel,
        )
        self.head = nn.Conv2d(DECODER_CHANNELS, num_classes, head_kernel, padding=head_kernel // 2)
        smp.base.initialization.initialize_decoder(self.decoder)
        smp.base.initialization.initialize_head(self.head)

    def forward(self, images: Tensor) -> CamOutput:
        """Returns heatmaps [n, c, S/4, S/4] and logits [n, c] for `images` float [n, 1, S, S], S ≥ 64."""
        heatmaps = self.head(self.decoder(self.encoder(images))).float()
        return CamOutput(heatmaps, global_max_pool(heatmaps))
