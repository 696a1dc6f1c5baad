"""Builds a model from its name, an encoder and options."""

import importlib

from torch import nn

from bench.errors import SuiteError, listing, nearest
from bench.models.torchvision_compat import smp
from bench.models.weights import load_encoder_weights
from bench.suite.catalog import MODELS, OptionValue, model_options


def build_model(
    name: str,
    *,
    num_classes: int,
    in_channels: int = 1,
    encoder: str = "resnet50",
    encoder_weights: str | None = None,
    **options: OptionValue,
) -> nn.Module:
    """Returns the model; its forward takes images float [n, in_channels, S, S] and gives a `CamOutput`.

    Args:
        name: a name of `bench.suite.catalog.MODELS`.
        num_classes: number of classes c of heatmaps [n, c, h, w] and logits [n, c].
        in_channels: channels of the images; radiographs have one.
        encoder: an encoder of segmentation-models-pytorch that has features at 1/4, 1/8, 1/16 and 1/32.
        encoder_weights: None or "none" for random weights, "imagenet" for the library's download, or the path
            of a file (see `load_encoder_weights`).
        **options: keyword-only options of the model's constructor.

    Raises:
        SuiteError: unknown model, encoder or option, or an option value that is not allowed.
        WeightsError: the weights cannot be found or do not fit.
    """
    if name not in MODELS:
        raise SuiteError(f"unknown model {name!r}; known: {listing(MODELS)}{nearest(name, MODELS)}")
    known = model_options(name)
    for key, value in options.items():
        if key not in known:
            allowed = listing(known) or "none"
            raise SuiteError(f"model {name!r} has no option {key!r}; it has: {allowed}{nearest(key, known)}")
        if not known[key].accepts(value):
            raise SuiteError(
                f"option {key!r} of model {name!r} cannot be {value!r}; allowed: {known[key].expectation()}"
            )
    module, _, class_name = MODELS[name].target.partition(":")
    model_class = getattr(importlib.import_module(module), class_name)
    model: nn.Module = model_class(
        build_encoder(encoder, in_channels, encoder_weights), num_classes, **options
    )
    return model


def build_encoder(name: str, in_channels: int, weights: str | None) -> nn.Module:
    """Returns a segmentation-models-pytorch encoder of depth 5, with weights as `build_model` describes.

    Raises:
        SuiteError: the library has no such encoder.
        WeightsError: the weights cannot be found or do not fit.
    """
    library_weights = "imagenet" if weights == "imagenet" else None
    try:
        encoder: nn.Module = smp.encoders.get_encoder(
            name, in_channels=in_channels, depth=5, weights=library_weights
        )
    except KeyError:
        names = smp.encoders.get_encoder_names()
        raise SuiteError(
            f"unknown encoder {name!r} of segmentation-models-pytorch{nearest(name, names)}"
        ) from None
    except RuntimeError as error:  # timm's word for an unknown "tu-…" encoder
        raise SuiteError(f"unknown encoder {name!r}: {error}") from None
    if weights not in (None, "none", "imagenet"):
        load_encoder_weights(encoder, weights)
    return encoder
