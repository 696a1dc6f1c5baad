"""Models: encoder, decoder, head, pooling; class heatmap logits are the class activation map.

registry    builds a model from its name, an encoder and options; each model has a file of its name
encoders    encoders of segmentation-models-pytorch and timm; weights: tensors from a file
plain_vit   plain vision transformers as encoders; tokens: from tokens to a map
hugging_face_names   names of tensors in Hugging Face's files
blocks      parts that several models share; pooling: from a heatmap to a class logit
bilinear    resizing, with a gradient that is deterministic on a GPU too
conformance the checks that every model passes, bench's own and anyone's
size        parameters, map sizes and arithmetic of a model
torchvision_compat   imports torchvision beside a CPU build of torch
"""

from bench.models.blocks import CamOutput
from bench.models.registry import build_model

__all__ = ["CamOutput", "build_model"]
