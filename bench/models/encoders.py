"""Encoders of segmentation-models-pytorch and timm: by name, filled with weights, dilated if need be."""

import logging
from collections.abc import Callable
from typing import TypeVar, cast

from torch import nn

from bench.errors import SuiteError, brief, nearest
from bench.models.blocks import Encoder
from bench.models.plain_vit import PlainVit, timm_tensors
from bench.models.torchvision_compat import smp
from bench.models.weights import WeightsReport, load_weights_file
from bench.suite.encoders import TIMM, encoder_traits

log = logging.getLogger(__name__)

Built = TypeVar("Built", bound=nn.Module)

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
    size_px: int | None = None,
    on_loaded: Callable[[WeightsReport], None] = log_report,
) -> nn.Module:
    """Returns an encoder of depth 5; of a plain vision transformer one that gives one map.

    Args:
        name: an encoder of the library, or ``tu-…`` for one of timm's.
        in_channels: channels of the images. The first convolution's pretrained weights are summed over the
            colours for one channel, as the library does.
        weights: None or "none" for random weights, "imagenet" for the library's download, or the path of a
            file (see `bench.models.weights`).
        output_stride: 32, or 16 to dilate the last stage instead of halving its map.
        size_px: side of the images, px, which plain transformers have embeddings for; their own if None.
        on_loaded: called with a report on which tensors a file filled.

    Raises:
        SuiteError: the library has no such encoder, or it lacks scales, or cannot be dilated.
        WeightsError: the weights cannot be found or do not fit.
    """
    file = None if weights in (None, "none", "imagenet") else weights
    is_pretrained = weights == "imagenet"
    if encoder_traits(name).is_plain:
        plain = _named(name, lambda: _plain(name, in_channels, is_pretrained, size_px))
        if file is not None:
            on_loaded(load_weights_file(plain.model, file, timm_tensors))
        return plain
    encoder = _named(name, lambda: _pyramid(name, in_channels, is_pretrained, output_stride), output_stride)
    if file is not None:
        on_loaded(load_weights_file(encoder, file))
    return encoder


def _named(name: str, build: Callable[[], Built], output_stride: int = 32) -> Built:
    """Returns what `build` returns; the libraries' errors become sentences on the encoder `name`.

    Raises:
        SuiteError: the library has no such encoder, or cannot build it.
    """
    try:
        return build()
    except KeyError:
        hint = nearest(name, smp.encoders.get_encoder_names())
        raise SuiteError(
            f"unknown encoder {name!r} of segmentation-models-pytorch{hint}", value=name
        ) from None
    except (ValueError, TypeError, NotImplementedError, AssertionError) as error:
        wanted = "" if output_stride == 32 else f" with an output stride of {output_stride}"
        reason = f" ({brief(error)})" if str(error) else ""
        problem = f"encoder {name!r} cannot be used{wanted}{reason}; one that can is resnet50"
        raise SuiteError(problem, value=name) from None
    except RuntimeError as error:
        if "Unknown model" not in str(error):  # timm's word
            raise
        raise SuiteError(f"unknown encoder {name!r}: {error}", value=name) from None


def _plain(name: str, in_channels: int, is_pretrained: bool, size_px: int | None) -> PlainVit:
    return PlainVit(name.removeprefix(TIMM), in_channels, is_pretrained=is_pretrained, size_px=size_px)


def _pyramid(name: str, in_channels: int, is_pretrained: bool, output_stride: int) -> nn.Module:
    """Returns an encoder with features at all six scales.

    Raises:
        SuiteError: it lacks scales.
    """
    is_densenet = name.startswith("densenet")
    traits = encoder_traits(name)
    encoder: nn.Module = smp.encoders.get_encoder(
        name,
        in_channels=in_channels,
        depth=NUM_SCALES - 1,
        weights="imagenet" if is_pretrained else None,
        output_stride=32 if is_densenet else output_stride,
        **({"strict_img_size": False} if traits.has_shifted_windows else {}),
    )
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
