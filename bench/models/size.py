"""Measures a model's size and cost without its arithmetic or memory, on torch's meta device."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.errors import PluginError, SuiteError, brief
from bench.models.encoders import build_encoder
from bench.models.registry import build_model
from bench.results.model_sizes import IN_CHANNELS, NUM_CLASSES, ModelSize, sizes_px
from bench.suite.catalog import OptionValue


def measure(name: str, options: Mapping[str, OptionValue], encoder: str) -> ModelSize:
    """Returns the size of a model of the catalog.

    Args:
        name: a name of `bench.suite.catalog.MODELS`.
        options: that differ from the defaults of its constructor.
        encoder: an encoder of segmentation-models-pytorch, or of timm.

    Raises:
        SuiteError: unknown model, encoder or option, or the model cannot use the encoder.
    """
    small_px, large_px = sizes_px(encoder)
    model = _build_without_memory(name, options, encoder)
    sides, num_flops, channels = {}, {}, []
    head = model.get_submodule("head")
    head.register_forward_pre_hook(lambda _, inputs: channels.append(inputs[0].shape[1]))
    for size_px in (small_px, large_px):
        images = torch.empty(1, IN_CHANNELS, size_px, size_px, device="meta")
        try:
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                sides[size_px] = model(images).heatmaps.shape[-1]
        except PluginError:
            raise
        except (RuntimeError, ValueError, TypeError) as error:
            raise SuiteError(
                f"model {name!r} does not run on encoder {encoder!r} at {size_px} px: {brief(error)}"
            ) from error
        num_flops[size_px] = counter.get_total_flops()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.get_submodule("encoder")(images)
    return ModelSize(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        sides=sides,
        gmacs=num_flops[small_px] / 2e9,
        head_channels=channels[0],
        decoder_share=round(1 - counter.get_total_flops() / num_flops[size_px], 4),
    )


def check_encoder(encoder: str) -> None:
    """Builds the encoder once, in earnest.

    Raises:
        SuiteError: there is no such encoder, or no model can use it.
    """
    build_encoder(encoder, IN_CHANNELS)


def _build_without_memory(name: str, options: Mapping[str, OptionValue], encoder: str) -> nn.Module:
    keywords: dict[str, Any] = {"num_classes": NUM_CLASSES, "in_channels": IN_CHANNELS, "encoder": encoder}
    keywords |= options
    try:
        with torch.device("meta"):
            return build_model(name, **keywords).eval()
    except (SuiteError, RuntimeError):  # some encoders look at values while they are built; meta has none
        return build_model(name, **keywords).eval().to("meta")
