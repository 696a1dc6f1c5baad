"""FPN: feature pyramid network for segmentation (Lin et al. 2017, Kirillov et al. 2019).

Unusual: the thesis replaces the group norms of the segmentation branch by batch norms. The original,
with group norm, keeps its AUROC and loses its heatmap (thesis Figures 6.1 and 8.1); `norm` gives either.
"""

from collections import OrderedDict
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from bench.models.bilinear import Enlarging
from bench.models.blocks import CamOutput, Encoder
from bench.models.pooling import global_max_pool
from bench.models.torchvision_compat import smp

PYRAMID_CHANNELS = 256
SEGMENTATION_CHANNELS = 128


class Fpn(nn.Module):
    """segmentation-models-pytorch's FPN decoder without dropout, 1×1 head, global max pooling.

    Decoder and head are initialised as the library does (thesis §5.3, code).

    Args:
        encoder: a segmentation-models-pytorch encoder of depth 5 with features at 1/4 … 1/32.
        num_classes: number of classes c.
        norm: "batch" is the row "FPN (BN)"; "group", 32 groups, is "FPN (GN)".

    Source: Kirillov et al. 2019; thesis §5.2 and Figure 6.1.
    """

    encoder_maps: ClassVar[int] = 4

    def __init__(
        self, encoder: Encoder, num_classes: int, *, norm: Literal["batch", "group"] = "batch"
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = smp.decoders.fpn.decoder.FPNDecoder(
            encoder.out_channels,
            pyramid_channels=PYRAMID_CHANNELS,
            segmentation_channels=SEGMENTATION_CHANNELS,
            dropout=0.0,
        )
        if norm == "batch":
            _replace_group_norms(self.decoder)
        _replace_enlarging(self.decoder)
        self.head = nn.Conv2d(SEGMENTATION_CHANNELS, num_classes, kernel_size=1)
        smp.base.initialization.initialize_decoder(self.decoder)
        smp.base.initialization.initialize_head(self.head)

    def forward(self, images: Tensor) -> CamOutput:
        """Returns heatmaps [n, c, S/4, S/4] and logits [n, c] for `images` float [n, 1, S, S]."""
        heatmaps = self.head(self.decoder(self.encoder(images))).float()
        return CamOutput(heatmaps, global_max_pool(heatmaps))


def _replace_enlarging(decoder: Any) -> None:
    """Has the library's layers that convolve and enlarge enlarge by `Enlarging`; names of weights stay."""
    for branch in decoder.seg_blocks:
        for position, layer in enumerate(branch.block):
            if layer.upsample:
                branch.block[position] = nn.Sequential(OrderedDict(block=layer.block, enlarge=Enlarging(2)))


def _replace_group_norms(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.GroupNorm):
            setattr(module, name, nn.BatchNorm2d(child.num_channels))
        else:
            _replace_group_norms(child)
