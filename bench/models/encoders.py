"""Encoders of segmentation-models-pytorch: built by name, filled with weights, dilated if need be."""

import logging
from collections.abc import Callable
from typing import cast

from torch import nn

from bench.errors import SuiteError, nearest
from bench.models.blocks import Encoder
from bench.models.torchvision_compat import smp
from bench.models.weights import WeightsReport, load_weights_file

log = logging.getLogger(__name__)

NUM_SCALES = 6
"""Features at 1/1, 1/2, … 1/32."""


def log_report(report: WeightsReport) -> None:
    """Logs which tensors a file filled, as a warning where some are missing."""
    log.log(logging.INFO if report.is_complete else logging.WARNING, "%s", report)


def build_encoder(
    name: str,
    in_channels: int = 1,
    weights: str | None = None,
    *,
    output_stride: int = 32,
    on_loaded: Callable[[WeightsReport], None] = log_report,
) -> nn.Module:
    """Returns an encoder of depth 5.

    Args:
        name: an encoder of the library, or ``tu-…`` for one of timm's.
        in_channels: channels of the images. The first convolution's pretrained weights are summed over the
            colours for one channel, as the library does.
        weights: None or "none" for random weights, "imagenet" for the library's download, or the path of a
            file (see `bench.models.weights`).
        output_stride: 32, or 16 to dilate the last stage instead of halving its map.
        on_loaded: called with a report on which tensors a file filled.

    Raises:
        SuiteError: the library has no such encoder, or it lacks scales, or cannot be dilated.
        WeightsError: the weights cannot be found or do not fit.
    """
    library_weights = "imagenet" if weights == "imagenet" else None
    is_densenet = name.startswith("densenet")
    try:
        encoder: nn.Module = smp.encoders.get_encoder(
            name,
            in_channels=in_channels,
            depth=NUM_SCALES - 1,
            weights=library_weights,
            output_stride=32 if is_densenet else output_stride,
        )
    except KeyError:
        hint = nearest(name, smp.encoders.get_encoder_names())
        raise SuiteError(
            f"unknown encoder {name!r} of segmentation-models-pytorch{hint}", value=name
        ) from None
    except (ValueError, TypeError, NotImplementedError) as error:
        wanted = (
            "" if output_stride == 32 else f" with an output stride of {output_stride}, as the model wants"
        )
        raise SuiteError(
            f"encoder {name!r} cannot be used{wanted} ({error}); one that can is resnet50", value=name
        ) from None
    except RuntimeError as error:
        if "Unknown model" not in str(error):  # timm's word
            raise
        raise SuiteError(f"unknown encoder {name!r}: {error}", value=name) from None
    scales = len(cast("Encoder", encoder).out_channels)
    if scales != NUM_SCALES:
        raise SuiteError(
            f"encoder {name!r} has features at {scales} scales; {NUM_SCALES}, 1/1 to 1/32, are needed",
            value=name,
        )
    if is_densenet and output_stride == 16:
        _dilate_densenet(encoder)
    for unused in {"_conv_head", "_bn1"} & dict(encoder.named_children()).keys():
        delattr(encoder, unused)  # EfficientNet's way to its classifier: no feature passes through it
    if weights not in (None, "none", "imagenet"):
        on_loaded(load_weights_file(encoder, weights))
    return encoder


def _dilate_densenet(encoder: nn.Module) -> None:
    """Keeps the last dense block's map at 1/16: no pooling before it, its 3×3 convolutions dilated by two.

    The library does not do this for DenseNets; ResNets are treated the same way by it.
    """
    features = encoder.get_submodule("features")
    features.get_submodule("transition3").pool = nn.Identity()
    for module in features.get_submodule("denseblock4").modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            module.dilation = module.padding = (2, 2)
