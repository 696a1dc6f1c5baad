"""Names of tensors in files of Hugging Face's ViT and DINOv2, turned into those of DINOv2's own code.

RAD-DINO's ``model.safetensors`` is such a file. Query, key and value are three layers there and one here.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_MARK = "embeddings.patch_embeddings.projection.weight"
"""Each such file has a tensor of this name, perhaps after a prefix."""

_LAYER = r"encoder\.layer\.(\d+)\."
_RULES = tuple(
    (re.compile(rf"(^|\.){pattern}(?=$|\.)"), rf"\g<1>{name}")
    for pattern, name in (
        (r"embeddings\.cls_token", "cls_token"),
        (r"embeddings\.mask_token", "mask_token"),
        (r"embeddings\.register_tokens", "register_tokens"),
        (r"embeddings\.position_embeddings", "pos_embed"),
        (r"embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
        (_LAYER + r"attention\.attention", r"blocks.\g<2>.attn"),
        (_LAYER + r"attention\.output\.dense", r"blocks.\g<2>.attn.proj"),
        (_LAYER + r"layer_scale(\d)\.lambda1", r"blocks.\g<2>.ls\g<3>.gamma"),
        (_LAYER + r"layernorm_before", r"blocks.\g<2>.norm1"),
        (_LAYER + r"layernorm_after", r"blocks.\g<2>.norm2"),
        (_LAYER + r"intermediate\.dense", r"blocks.\g<2>.mlp.fc1"),
        (_LAYER + r"output\.dense", r"blocks.\g<2>.mlp.fc2"),
        (_LAYER + r"mlp\.weights_in", r"blocks.\g<2>.mlp.w12"),
        (_LAYER + r"mlp\.weights_out", r"blocks.\g<2>.mlp.w3"),
        (_LAYER + r"(norm[12]|mlp)", r"blocks.\g<2>.\g<3>"),
        (r"layernorm", "norm"),
    )
)
_QUERY = re.compile(r"(.*blocks\.\d+\.attn\.)query\.(weight|bias)")


def renamed(source: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the tensors of a file under DINOv2's names; those of any other file as they are."""
    if not any(key.endswith(_MARK) for key in source):
        return dict(source)
    found = {_name(key): tensor for key, tensor in source.items()}
    for key in list(found):
        match = _QUERY.fullmatch(key)
        if match is not None:
            parts = [f"{match[1]}{part}.{match[2]}" for part in ("query", "key", "value")]
            if all(part in found for part in parts):
                found[f"{match[1]}qkv.{match[2]}"] = torch.cat([found.pop(part) for part in parts])
    return found


def _name(key: str) -> str:
    for pattern, name in _RULES:
        key, count = pattern.subn(name, key, count=1)
        if count:
            break
    return key
