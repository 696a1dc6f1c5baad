"""Builds a model from its name, an encoder and options."""

import importlib
from collections.abc import Callable

from torch import nn

from bench.errors import SuiteError
from bench.models.encoders import build_encoder, log_report
from bench.models.weights import WeightsReport
from bench.suite.catalog import MODELS, OptionValue, model_options


def build_model(
    name: str,
    *,
    num_classes: int,
    in_channels: int = 1,
    encoder: str = "resnet50",
    encoder_weights: str | None = None,
    on_loaded: Callable[[WeightsReport], None] = log_report,
    **options: OptionValue,
) -> nn.Module:
    """Returns the model; its forward takes images float [n, in_channels, S, S] and gives a `CamOutput`.

    Args:
        name: a name of `bench.suite.catalog.MODELS`.
        num_classes: number of classes c of heatmaps [n, c, h, w] and logits [n, c].
        in_channels: channels of the images; radiographs have one.
        encoder: an encoder of segmentation-models-pytorch that has features at 1/4, 1/8, 1/16 and 1/32.
        encoder_weights: None or "none" for random weights, "imagenet" for the library's download, or the path
            of a file (see `bench.models.weights`).
        on_loaded: called with a report on which tensors a file of weights filled.
        **options: keyword-only options of the model's constructor.

    Raises:
        SuiteError: unknown model, encoder or option, or an option value that is not allowed.
        WeightsError: the weights cannot be found or do not fit.
    """
    if name not in MODELS:
        raise SuiteError(f"unknown model {name!r}", value=name, allowed=MODELS)
    known = model_options(name)
    for key, value in options.items():
        if key not in known:
            raise SuiteError(f"model {name!r} has no option {key!r}", value=key, allowed=known or ["none"])
        if not known[key].accepts(value):
            raise SuiteError(
                f"option {key!r} of model {name!r} cannot be {value!r}; allowed: {known[key].expectation()}",
                value=value,
            )
    module, _, class_name = MODELS[name].target.partition(":")
    model_class = getattr(importlib.import_module(module), class_name)
    built = build_encoder(
        encoder,
        in_channels,
        encoder_weights,
        output_stride=getattr(model_class, "encoder_output_stride", 32),
        on_loaded=on_loaded,
    )
    model: nn.Module = model_class(built, num_classes, **options)
    return model
