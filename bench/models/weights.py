"""Loads weights from a file into a module, and reports which tensors fitted."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.errors import MOST_NAMED, WeightsError, brief, listing
from bench.models.hugging_face_names import renamed

_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""Published DenseNet files name a layer's parts ``norm.1``; the module calls them ``norm1``."""


@dataclass(frozen=True)
class WeightsReport:
    """Which tensors of a file fitted a module; keys in the order of module and file.

    Attributes:
        source: the file.
        loaded: keys of the module that were filled.
        missing: keys of the module that the file has not; batch counters do not count.
        mismatched: keys that the file has in another shape, as ``key: (file's shape) for (module's shape)``.
        skipped: keys of the file that the module has not.
        resampled: tensors that were brought to another size to fit, as ``key: old to new``.
    """

    source: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    mismatched: tuple[str, ...]
    skipped: tuple[str, ...]
    resampled: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every tensor of the module was filled."""
        return not self.missing and not self.mismatched

    def __str__(self) -> str:
        """One sentence with counts, and keys by name."""
        parts = [f"{len(self.loaded)} tensors loaded"]
        for what in ("missing", "mismatched", "skipped", "resampled"):
            keys: tuple[str, ...] = getattr(self, what)
            if keys:
                parts.append(f"{len(keys)} {what} ({listing(keys, MOST_NAMED)})")
        return f"{self.source}: {', '.join(parts)}"


Conversion = Callable[[dict[str, Tensor], nn.Module], tuple[dict[str, Tensor], tuple[str, ...]]]
"""From a file's tensors to those of a kind of module, and which ones were resampled for that."""


def load_weights_file(
    module: nn.Module, path: str | Path, convert: Conversion | None = None
) -> WeightsReport:
    """Fills `module` with those tensors of a file whose names and shapes match, and returns what did not.

    Names may all carry a prefix (``module.``, ``encoder.``, …). Half-precision tensors are converted to the
    module's precision. A first convolution of three colour channels is adapted to a module of one channel by
    summing over the colours: on a gray image, repeated three times, the same response.

    Args:
        module: filled in place.
        path: ``.safetensors``, or ``.pth``/``.pt`` (loaded with ``weights_only``: no code is run).
        convert: brings the file's tensors to the module's names and shapes where more than a prefix differs.

    Raises:
        WeightsError: the file cannot be read, or no tensor of it fits.
    """
    target = module.state_dict()
    source = _without_prefix(renamed(_read_state_dict(Path(path))), target)
    resampled: tuple[str, ...] = ()
    if convert is not None:
        try:
            source, resampled = convert(source, module)
        except Exception as error:  # conversions look for what files of their kind have, and others have not
            problem = f"its tensors are of no model of this kind ({brief(error)})"
            raise WeightsError(problem, place=path) from error
    fitting: dict[str, Tensor] = {}
    mismatched = []
    for key, tensor in target.items():
        if key not in source:
            continue
        given = source[key]
        if given.ndim == 4 and tensor.ndim == 4 and given.shape[1] == 3 and tensor.shape[1] == 1:
            given = given.float().sum(dim=1, keepdim=True)
        if given.shape == tensor.shape:
            fitting[key] = given.to(tensor.dtype)
        else:
            mismatched.append(f"{key}: {tuple(given.shape)} for {tuple(tensor.shape)}")
    report = WeightsReport(
        source=Path(path).name,
        loaded=tuple(fitting),
        missing=tuple(k for k in target if k not in source and not k.endswith("num_batches_tracked")),
        mismatched=tuple(mismatched),
        skipped=tuple(sorted(source.keys() - target.keys())),
        resampled=resampled,
    )
    if not any(tensor.ndim > 1 for tensor in fitting.values()):
        raise WeightsError(
            f"no weights in it fit; it has {listing(source, MOST_NAMED)}; wanted are "
            f"{listing(target, MOST_NAMED)}",
            place=path,
        )
    nn.Module.load_state_dict(module, fitting, strict=False)  # past smp's override, which expects an "fc"
    return report


def load_whole_model(network: nn.Module, path: Path) -> None:
    """Fills the whole network from a file that has each of its tensors, and no others.

    Names may carry a prefix, and a file may hold the pickled network itself; of its classes only those are
    made that `network` is built of, so that no foreign code runs.

    Raises:
        WeightsError: the file cannot be read, or is not that of the network.
    """
    target = network.state_dict()
    source = _without_prefix(_read_state_dict(path, network), target)
    wrong = [
        f"{key}: {tuple(source[key].shape)} for {tuple(tensor.shape)}"
        for key, tensor in target.items()
        if key in source and source[key].shape != tensor.shape
    ]
    missing = [key for key in target if key not in source and not key.endswith("num_batches_tracked")]
    surplus = sorted(source.keys() - target.keys())
    for what, keys in (("other shapes", wrong), ("missing", missing), ("not the network's", surplus)):
        if keys:
            problem = f"is not of this network; {what}: {listing(keys, MOST_NAMED)}"
            raise WeightsError(problem, place=path)
    network.load_state_dict({key: value.to(target[key].dtype) for key, value in source.items()}, strict=False)


def _without_prefix(source: dict[str, Tensor], target: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Renames the file's keys to the module's: old DenseNet names, and the prefix under which most match.

    Of equals none is preferred, then the first in alphabetical order.
    """
    renamed = {_OLD_DENSENET.sub(r"\1\2", key): value for key, value in source.items()}
    first = next(iter(target))
    prefixes = ["", *sorted({key.removesuffix(first) for key in renamed if key.endswith(first)})]
    best = max(prefixes, key=lambda prefix: sum(prefix + key in renamed for key in target))
    return {key.removeprefix(best): value for key, value in renamed.items()}


def _read_state_dict(path: Path, network: nn.Module | None = None) -> dict[str, Tensor]:
    """Returns the tensors of a file; with a network also of one that holds such a network, pickled."""
    if not path.is_file():
        raise WeightsError(
            "no such weights file; give none, imagenet, or a .safetensors or .pth file", place=path
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        allowed: list[Any] = [] if network is None else [*{type(one) for one in network.modules()}, set]
        with torch.serialization.safe_globals(allowed):
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise WeightsError(f"not a readable weights file ({error})", place=path) from None
    except Exception as error:  # pickle's errors have no common base; weights_only refuses code with one
        hint = (
            "" if network is None else "; torch.save(network.state_dict(), FILE) makes one of tensors alone"
        )
        raise WeightsError(f"refused as a weights file ({type(error).__name__}){hint}", place=path) from None
    if isinstance(state, nn.Module):
        state = dict(state.state_dict())
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError("holds no state dict of tensors", place=path)
    return state
