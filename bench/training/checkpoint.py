"""The state of training at the end of an epoch, on disk in one step."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from bench.results.atomic import replacing


@dataclass(frozen=True)
class Checkpoint:
    """All that the next epoch depends on; plain data and tensors only.

    Attributes:
        state: state dicts and histories by name.
    """

    state: dict[str, Any]

    def save(self, path: Path) -> None:
        """Writes the checkpoint to `path`, replacing the one before."""
        buffer = io.BytesIO()
        torch.save(self.state, buffer)
        with replacing(path) as temporary:
            temporary.write_bytes(buffer.getbuffer())

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Returns the checkpoint in `path`; only tensors and plain data are read, no code is run."""
        return cls(torch.load(path, map_location="cpu", weights_only=True))


def save_weights(model: nn.Module, path: Path) -> None:
    """Writes the model's weights to `path` as safetensors."""
    with replacing(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, temporary)


def load_weights(model: nn.Module, path: Path) -> None:
    """Loads weights that `save_weights` wrote; every key has to be there and to fit."""
    model.load_state_dict(load_file(path))
