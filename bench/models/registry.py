"""Builds a model from its name, an encoder and options."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import PluginError, SuiteError
from bench.models.blocks import CamOutput
from bench.models.encoders import build_encoder, log_report
from bench.models.weights import WeightsReport
from bench.suite.catalog import MODELS, OptionValue, model_options
from bench.suite.encoder_fit import misfit
from bench.suite.plugin_source import module_file
from bench.suite.plugins import imported, mistake


def build_model(
    name: str,
    *,
    num_classes: int,
    in_channels: int = 1,
    encoder: str = "resnet50",
    encoder_weights: str | None = None,
    size_px: int | None = None,
    on_loaded: Callable[[WeightsReport], None] = log_report,
    **options: OptionValue,
) -> nn.Module:
    """Returns the model; its forward takes images float [n, in_channels, S, S] and gives a `CamOutput`.

    Args:
        name: a name of `bench.suite.catalog.MODELS`, perhaps of a plug-in.
        num_classes: number of classes c of heatmaps [n, c, h, w] and logits [n, c].
        in_channels: channels of the images; radiographs have one.
        encoder: an encoder of segmentation-models-pytorch or, as ``tu-…``, of timm.
        encoder_weights: None or "none" for random weights, "imagenet" for the library's download, or the path
            of a file (see `bench.models.weights`).
        size_px: side of the images, px, if it is known (see `bench.models.encoders`).
        on_loaded: called with a report on which tensors a file of weights filled.
        **options: keyword-only options of the model's constructor.

    Raises:
        SuiteError: unknown model, encoder or option, an option value that is not allowed, or a model that
            cannot use the encoder.
        PluginError: a model from outside of bench cannot be imported or built, or lacks a part.
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
    if (problem := misfit(name, encoder)) is not None:
        raise SuiteError(problem, value=encoder)
    model_class = _model_class(name)
    built = build_encoder(
        encoder,
        in_channels,
        encoder_weights,
        output_stride=getattr(model_class, "encoder_output_stride", 32),
        size_px=size_px,
        on_loaded=on_loaded,
    )
    if name in MODELS.own:
        model: nn.Module = model_class(built, num_classes, **options)
        return model
    return _built_by_plugin(name, model_class, built, num_classes, options)


def _model_class(name: str) -> Any:
    target = MODELS[name].target
    if name not in MODELS.own:
        return imported(target)
    module, _, class_name = target.partition(":")
    return getattr(importlib.import_module(module), class_name)


def _built_by_plugin(
    name: str, model_class: Any, encoder: nn.Module, num_classes: int, options: Mapping[str, OptionValue]
) -> nn.Module:
    """Returns the model, which checks the shapes of what it returns each time that it is called.

    Raises:
        PluginError: the constructor raised an error, or the model lacks a part.
    """
    module = MODELS[name].target.partition(":")[0]
    try:
        model = model_class(encoder, num_classes, **options)
    except Exception as error:
        raise mistake(error, module) from error
    place = module_file(module)
    if not isinstance(model, nn.Module):
        raise PluginError(f"model {name!r} is no torch.nn.Module", place=place)
    for part in ("encoder", "head"):
        if not isinstance(getattr(model, part, None), nn.Module):
            problem = f"model {name!r} has no module called {part!r}, which transfer and CAM methods ask for"
            raise PluginError(problem, place=place)

    def check(_: nn.Module, images: tuple[Tensor, ...], output: object) -> None:
        problem = problem_of_output(output, images[0], num_classes)
        if problem is not None:
            raise PluginError(f"model {name!r} {problem}", place=place)

    model.register_forward_hook(check)
    return model


def problem_of_output(output: object, images: Tensor, num_classes: int) -> str | None:
    """Returns why `output` is not what a model is to return for `images`, after its name; None if it is."""
    if not isinstance(output, CamOutput):
        return f"returns {type(output).__name__}, and bench.models.CamOutput is needed"
    heatmaps, logits, num = output.heatmaps, output.logits, len(images)
    if heatmaps.ndim != 4 or heatmaps.shape[:2] != (num, num_classes):
        return f"returns heatmaps {list(heatmaps.shape)}, and [{num}, {num_classes}, h, w] is needed"
    if logits.shape != (num, num_classes):
        return f"returns logits {list(logits.shape)}, and [{num}, {num_classes}] is needed"
    if not heatmaps.dtype == logits.dtype == torch.float32:
        return f"returns {heatmaps.dtype} and {logits.dtype}, and torch.float32 is needed"
    return None
