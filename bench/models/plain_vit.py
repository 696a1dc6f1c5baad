"""Plain vision transformers of timm (ViT, DINOv2 and v3, DeiT, EVA) as encoders that give one map.

A pyramid encoder gives features at 1/1, 1/2, … 1/32. A plain transformer keeps one scale, that of its
patches, from end to end, so it gives one map: the tokens of patches after the last norm. Models that read the
deepest features alone work with it as they are.
"""

import sys
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from bench.models.tokens import token_map
from bench.models.torchvision_compat import smp  # noqa: F401 - before timm imports torchvision

import timm  # isort: skip

_POSITIONS = "pos_embed"


class PlainVit(nn.Module):
    """A plain vision transformer of timm, without its classifier.

    Images may have any side that is a multiple of the patch's. Position embeddings are made for `size_px`, so
    that training does not resample them; images of another side have them resampled, as timm does.

    Args:
        name: of timm, such as ``vit_small_patch14_dinov2``; ``.tag`` after it names pretrained weights.
        in_channels: channels of the images.
        is_pretrained: whether timm downloads its weights.
        size_px: side of the images, px; timm's own if None.

    Attributes:
        out_channels: the width of tokens k, alone.
    """

    out_channels: Sequence[int]

    def __init__(
        self, name: str, in_channels: int = 1, *, is_pretrained: bool = False, size_px: int | None = None
    ) -> None:
        super().__init__()
        sized: dict[str, Any] = {} if size_px is None else {"img_size": size_px}
        model: Any = timm.create_model(
            name,
            pretrained=is_pretrained,
            in_chans=in_channels,
            num_classes=0,
            dynamic_img_size=True,
            **sized,
        )
        model.attn_pool = None  # a part of some classifiers: no map passes through it
        self.model: nn.Module = model
        self.out_channels = (model.num_features,)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Returns one map [n, k, S/p, S/p] for `images` [n, c, S, S] and patches of p px."""
        model: Any = self.model
        tokens = model.fc_norm(model.forward_features(images))
        rows, columns = model.patch_embed.patch_size
        grid = (images.shape[-2] // rows, images.shape[-1] // columns)
        return [token_map(tokens, model.num_prefix_tokens, grid)]


def timm_tensors(
    source: dict[str, Tensor], transformer: nn.Module
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Returns a file's tensors under the names and in the shapes of one of timm's transformers.

    timm's own conversion does it: of DINOv2's names, of patches of another size, and of position embeddings,
    which are resampled to the grid of the images.

    Args:
        source: by name; left as it is.
        transformer: a plain one.

    Returns:
        The tensors, and a description of each one that was resampled: ``pos_embed: 37×37 to 16×16``.

    Raises:
        KeyError, ValueError, RuntimeError, …: they are no tensors of a transformer.
    """
    convert = vars(sys.modules[type(transformer).__module__])["checkpoint_filter_fn"]
    with torch.no_grad():
        found: dict[str, Tensor] = convert(dict(source), transformer)
    before, after = source.get(_POSITIONS), found.get(_POSITIONS)
    if before is None or after is None:
        return found, ()
    rows, columns = cast("tuple[int, int]", transformer.get_submodule("patch_embed").grid_size)
    side = int((before.shape[1]) ** 0.5)
    if before.shape[1] - side**2 > 2 * side or (side, side) == (rows, columns):
        return found, ()
    return found, (f"{_POSITIONS}: {side}×{side} to {rows}×{columns}",)
