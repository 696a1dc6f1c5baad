"""Models: encoder, decoder, head, pooling; class heatmap logits are the class activation map."""

from bench.models.blocks import CamOutput
from bench.models.registry import build_model

__all__ = ["CamOutput", "build_model"]
