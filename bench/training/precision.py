"""Mixed precision: which arithmetic a recipe means on a device."""

from dataclasses import dataclass

import torch

from bench.suite.schema import Recipe

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Precision:
    """The arithmetic of the network's forward pass.

    Attributes:
        name: "float32", "bfloat16" or "float16".
        device: where it runs.
    """

    name: str
    device: torch.device

    def autocast(self) -> torch.autocast:
        """Returns the context in which the forward pass runs; without effect for float32."""
        dtype = _DTYPES[self.name]
        return torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not torch.float32)

    def scaler(self) -> torch.amp.GradScaler:
        """Returns the loss scaler, which does nothing unless gradients are in float16."""
        return torch.amp.GradScaler(self.device.type, enabled=self.name == "float16")


def choose_precision(recipe: Recipe, device: torch.device) -> Precision:
    """Returns what the recipe's precision means on `device`: auto is float16 on CUDA and float32 on a CPU."""
    name = recipe.precision
    if name == "auto":
        name = "float16" if device.type == "cuda" else "float32"
    return Precision(name, device)
