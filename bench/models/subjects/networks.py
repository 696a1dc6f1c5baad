"""Builds a trained classifier: a library's network filled from a file, or what a function returns.

Nothing is downloaded. A file is read without running code: of pickled modules, as torchxrayvision publishes
them, only the classes are made that the network itself is built of.
"""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from bench.errors import PluginError, SuiteError, brief, nearest
from bench.models import torchvision_compat
from bench.models.weights import load_whole_model
from bench.suite.catalog import OptionValue
from bench.suite.plugins import imported, mistake
from bench.suite.subject import WRAPPERS, Subject


def build_network(
    name: str, subject: Subject, weights: Path | None, options: dict[str, OptionValue]
) -> nn.Module:
    """Returns a subject's network, in evaluation mode on the CPU.

    Args:
        name: of `bench.suite.subject.WRAPPERS`, or a function ``module:function``.
        subject: its architecture, classes and input contract.
        weights: a file; None leaves a library's network random, and a function without a file.
        options: keywords of the function.

    Raises:
        SuiteError: the library is not installed, or has no such architecture.
        WeightsError: the file cannot be read, or is not that of the network.
        PluginError: the function raised an error, or returned no network.
    """
    if name not in WRAPPERS:
        return _returned(name, weights, options).eval()
    wrapper = WRAPPERS[name]
    try:
        importlib.import_module(wrapper.package)
    except ImportError as error:
        if wrapper.extra is None or not str(error.name).startswith(wrapper.package):
            raise
        problem = f"model {name!r} needs {wrapper.package}: pip install 'cam-bench[{wrapper.extra}]'"
        raise SuiteError(problem, value=name) from None
    network = _BUILDERS[name](subject)
    if weights is not None:
        load_whole_model(network, weights)
    return network.eval()


def _torchvision(subject: Subject) -> nn.Module:
    models = torchvision_compat.torchvision.models
    known = models.list_models(module=models)
    _require_known(subject, known)
    network: nn.Module = models.get_model(
        subject.architecture, weights=None, num_classes=len(subject.classes)
    )
    return _with_channels(network, subject.input.channels)


def _with_channels(network: nn.Module, channels: int) -> nn.Module:
    """Returns the network with a new first convolution where that takes another number of channels."""
    name, first = next((name, one) for name, one in network.named_modules() if isinstance(one, nn.Conv2d))
    if first.in_channels != channels:
        settings: dict[str, Any] = {
            key: getattr(first, key) for key in ("kernel_size", "stride", "padding", "dilation")
        }
        changed = nn.Conv2d(channels, first.out_channels, bias=first.bias is not None, **settings)
        parent, _, own = name.rpartition(".")
        network.get_submodule(parent).register_module(own, changed)
    return network


def _timm(subject: Subject) -> nn.Module:
    import timm

    assert subject.architecture is not None
    _require_known(subject, timm.list_models(), subject.architecture.partition(".")[0])
    size: dict[str, Any] = {} if subject.input.size is None else {"img_size": subject.input.size}
    settings: dict[str, Any] = {"num_classes": len(subject.classes), "in_chans": subject.input.channels}
    for more in (size, {}):  # convolutional networks know no size
        try:
            network: nn.Module = timm.create_model(subject.architecture, pretrained=False, **settings, **more)
        except TypeError:
            if not more:
                raise
        else:
            break
    return network


def _torchxrayvision(subject: Subject) -> nn.Module:
    from torchxrayvision.models import DenseNet

    _require_known(subject, ["densenet121"])
    network: nn.Module = DenseNet(
        weights=None, num_classes=len(subject.classes), in_channels=subject.input.channels
    )
    return network


def _huggingface(subject: Subject) -> nn.Module:
    from transformers import AutoConfig, AutoModelForImageClassification

    config = json.loads(subject.config or "{}")
    try:
        known = AutoConfig.for_model(**config)
        network: nn.Module = AutoModelForImageClassification.from_config(known)  # type: ignore[no-untyped-call]
    except (ValueError, KeyError, TypeError) as error:
        problem = f"transformers has no image classifier by this config.json ({brief(error)})"
        raise SuiteError(problem, value=config.get("model_type")) from None
    return network


_BUILDERS: dict[str, Callable[[Subject], nn.Module]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "torchxrayvision": _torchxrayvision,
    "huggingface": _huggingface,
}


def _require_known(subject: Subject, known: list[str], name: str | None = None) -> None:
    asked = name or str(subject.architecture)
    if asked not in known:
        raise SuiteError(f"unknown architecture {asked!r}{nearest(asked, known)}", value=asked)


def _returned(name: str, weights: Path | None, options: dict[str, OptionValue]) -> nn.Module:
    function = imported(name)
    try:
        given = {} if weights is None else {"weights": weights}
        network = function(**options, **given)
    except Exception as error:
        raise mistake(error, name.partition(":")[0]) from error
    if not isinstance(network, nn.Module):
        raise PluginError(f"returns {type(network).__name__}, and a torch.nn.Module is needed", place=name)
    return network.float().cpu()
