"""Loads initial encoder weights from a file, and says what was left over."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.errors import WeightsError


def load_encoder_weights(encoder: nn.Module, path: str | Path) -> tuple[str, ...]:
    """Loads a state dict with torchvision's names into `encoder` and returns the file's keys it did not use.

    Half-precision files are loaded in the encoder's precision. A first convolution of three colour channels
    is adapted to a one-channel encoder by summing over the colours, as segmentation-models-pytorch does.

    Args:
        encoder: the module to fill, in place.
        path: ``.safetensors``, or ``.pth``/``.pt`` (loaded with ``weights_only``: no code is run).

    Raises:
        WeightsError: the file cannot be read, lacks a tensor of the encoder or has it in another shape.
    """
    source = _read_state_dict(Path(path))
    target = encoder.state_dict()
    adapted: dict[str, Tensor] = {}
    for key, tensor in target.items():
        if key not in source:
            raise WeightsError(f"{path}: no tensor {key!r}; are these weights of another encoder?")
        given = source[key]
        if given.ndim == 4 and tensor.shape[1] == 1 and given.shape[1] == 3:
            given = given.float().sum(dim=1, keepdim=True)
        if given.shape != tensor.shape:
            came, wanted = tuple(given.shape), tuple(tensor.shape)
            raise WeightsError(f"{path}: tensor {key!r} has shape {came}, the encoder wants {wanted}")
        adapted[key] = given.to(tensor.dtype)
    torch.nn.Module.load_state_dict(encoder, adapted)  # past smp's own override, which expects an "fc"
    return tuple(sorted(source.keys() - target.keys()))


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such weights file; give none, imagenet, or a .safetensors or .pth file"
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise WeightsError(f"{path}: not a readable weights file ({error})") from None
    except Exception as error:  # pickle's errors have no common base; weights_only refuses code with one
        raise WeightsError(f"{path}: refused as a weights file ({type(error).__name__})") from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path}: holds no state dict of tensors")
    return state
