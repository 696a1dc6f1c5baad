"""How a network runs on a device: mixed precision, torch.compile, and the description of both in a record."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import TrainingError, brief
from bench.results.provenance import Arithmetic
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
    """Returns the precision of the recipe on `device`: auto is float16 on CUDA and float32 on a CPU."""
    name = recipe.precision
    if name == "auto":
        name = "float16" if device.type == "cuda" else "float32"
    return Precision(name, device)


def uses_fused_adam(device: torch.device) -> bool:
    """Returns whether Adam updates all weights in one kernel there, in which the loss scale needs no wait.

    Its last digits are not those of Adam's other implementations.
    """
    return device.type == "cuda"


ToLogits = Callable[[Tensor], Tensor]
"""From images [n, 1, S, S] to class logits [n, c]."""

BACKEND: str | Callable[..., Any] = "inductor"
"""Backend of torch.compile: its default. Tests put a faster one here, since its C++ compiler is slow."""


_COMPILERS = ("torch._dynamo", "torch._inductor", "triton")
"""Packages whose errors say that compilation failed."""


def to_logits(model: nn.Module, *, compiled: bool) -> ToLogits:
    """Returns the function that gives the model's class logits; it shares the model's weights and mode.

    Args:
        model: stays callable as it is.
        compiled: go through torch.compile: whole and with static shapes, so that what a batch is computed by
            depends on its own size and on nothing that the process did before. A call that cannot be compiled
            raises `TrainingError`, as does one that torch would run uncompiled without a word.

    Raises:
        TrainingError: compilation is asked for and switched off in this environment.
    """
    network = _compiled(model) if compiled else model

    def call(images: Tensor) -> Tensor:
        logits: Tensor = network(images).logits
        return logits

    def call_compiled(images: Tensor) -> Tensor:
        try:
            return call(images)
        except Exception as error:
            if not type(error).__module__.startswith(_COMPILERS):
                raise
            reason = f"{type(error).__name__}: {brief(error)}"
            raise TrainingError(
                f"torch.compile failed ({reason}); recipe.compile=false does without"
            ) from None

    return call_compiled if compiled else call


def _compiled(model: nn.Module) -> Callable[..., Any]:
    from torch._dynamo import config  # takes a second, and few trials are compiled

    if config.disable:
        raise TrainingError(
            "recipe.compile is true, and torch.compile is switched off here; unset TORCH_COMPILE_DISABLE, or "
            "recipe.compile=false does without"
        )
    torch.compiler.reset()  # a trial before this one may have left what was compiled for it
    return torch.compile(model, backend=BACKEND, dynamic=False, fullgraph=True)


def device_name(device: torch.device) -> str:
    """Returns the name of the GPU, or cpu."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def describe_arithmetic(recipe: Recipe, device: torch.device, nondeterministic: Iterable[str]) -> Arithmetic:
    """Returns the arithmetic that a trial of `recipe` really has on `device`, for its record.

    Args:
        recipe: the trial's.
        device: where it ran.
        nondeterministic: operations that had no deterministic algorithm.
    """
    is_cuda = device.type == "cuda"
    return Arithmetic(
        training=choose_precision(recipe, device).name,
        scoring="float32",
        tf32=is_cuda and (torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32),
        memory_format="channels_last" if recipe.channels_last else "contiguous",
        images_at_once=recipe.piece_size,
        compiled=recipe.compile,
        optimizer="fused Adam" if uses_fused_adam(device) else "Adam",
        num_threads=torch.get_num_threads(),
        cuda=(torch.version.cuda or f"hip {torch.version.hip}") if is_cuda else None,
        cudnn=torch.backends.cudnn.version() if is_cuda else None,  # type: ignore[no-untyped-call]
        nondeterministic=tuple(sorted(nondeterministic)),
    )
