"""How training calls a model: as it is, or through torch.compile."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import TrainingError, brief

ToLogits = Callable[[Tensor], Tensor]
"""From images [n, 1, S, S] to class logits [n, c]."""

BACKEND: str | Callable[..., Any] = "inductor"
"""Backend of torch.compile: its default. Tests put a faster one here, since its C++ compiler is slow."""


def to_logits(model: nn.Module, *, compiled: bool) -> ToLogits:
    """Returns the function that gives the model's class logits; it shares the model's weights and mode.

    Args:
        model: stays callable as it is.
        compiled: go through torch.compile. If that fails, the first call raises `TrainingError`.
    """
    network = torch.compile(model, backend=BACKEND) if compiled else model

    def call(images: Tensor) -> Tensor:
        logits: Tensor = network(images).logits
        return logits

    def call_compiled(images: Tensor) -> Tensor:
        try:
            return call(images)
        except Exception as error:
            if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            reason = f"{type(error).__name__}: {brief(error)}"
            raise TrainingError(
                f"torch.compile failed ({reason}); recipe.compile=false does without"
            ) from None

    return call_compiled if compiled else call
