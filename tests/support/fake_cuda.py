"""Tensors on "cuda:0" without a GPU: with shape, type, memory format and device, but without values.

They are torch's own fake tensors, in a process that has loaded `cuda_guard`. The code within `fake_cuda` runs
as it is, and torch chooses operators, types and memory formats as it does for CUDA. Also pretended are:

- the answers of `torch.cuda` (`_ANSWERS`);
- values that the host reads from the device: 0, or true of truth values, so that a map is finite;
- the number of places where a condition holds: one in each row;
- the clock, so that nothing is done because a second has passed;
- `Module.to`, which replaces parameters: it would move them in place, which fake ones refuse.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
)
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = torch.device("cuda")
_GIB = 2**30
_ANSWERS: dict[str, object] = {
    "is_available": True,
    "device_count": 1,
    "current_device": 0,
    "get_device_name": "NVIDIA H100 80GB HBM3",
    "get_device_capability": (9, 0),
    "is_bf16_supported": True,
    "memory_allocated": 0,
    "memory_reserved": 0,
    "max_memory_allocated": 0,
    "max_memory_reserved": 0,
    "reset_peak_memory_stats": None,
    "empty_cache": None,
    "get_per_process_memory_fraction": 1.0,
    "set_per_process_memory_fraction": None,
    "synchronize": None,
    "set_rng_state": None,
}

_pinned: dict[int, object] = {}
"""Storages of the host that are pinned, by address."""


def is_pinned(tensor: Tensor) -> bool:
    """Returns whether the host need not wait for a copy of `tensor`: its memory is pinned."""
    return tensor.untyped_storage()._cdata in _pinned


@contextmanager
def fake_cuda(num_free_bytes: int = 79 * _GIB) -> Iterator[None]:
    """Within the block tensors are fake, a GPU with so much free memory seems to be there, and time rests."""
    with ExitStack() as stack:
        _patch(stack, time, "monotonic", lambda: 0.0)
        for name, answer in {**_ANSWERS, "mem_get_info": (num_free_bytes, 80 * _GIB)}.items():
            _patch(stack, torch.cuda, name, _answering(answer))
        _patch(stack, torch.cuda, "get_rng_state", lambda *_: torch.zeros(16, dtype=torch.uint8))
        _patch(stack, Tensor, "numpy", _numpy)
        _patch(stack, Tensor, "pin_memory", _pin_memory)
        _patch(stack, nn.Module, "_apply", _apply)
        for name in ("torch.optim.optimizer", "torch.utils._foreach_utils"):
            module = sys.modules[name]
            known = [*module._foreach_supported_types, FakeTensor]  # they ask for the exact type
            _patch(stack, module, "_foreach_supported_types", known)
        stack.enter_context(_FakeTensors(allow_non_fake_inputs=True))
        stack.enter_context(_MadeUpValues())
        yield


class _FakeTensors(FakeTensorMode):
    avoid_device_init = True
    """Tensors made of numbers would be copied for real."""


class _MadeUpValues(TorchDispatchMode):
    """Gives the host what it would have to read from the device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        try:
            return func(*args, **(kwargs or {}))
        except DataDependentOutputException:
            assert func is torch.ops.aten._local_scalar_dense.default, f"{func} depends on data"
            kind: torch.dtype = args[0].dtype
            return True if kind is torch.bool else 0.0 if kind.is_floating_point else 0
        except DynamicOutputShapeException:
            assert func is torch.ops.aten.nonzero.default, f"{func} depends on data"
            condition: Tensor = args[0]
            return condition.new_empty((len(condition), condition.dim()), dtype=torch.long)


def _patch(stack: ExitStack, owner: object, name: str, new: object) -> None:
    stack.enter_context(mock.patch.object(owner, name, new))


def _answering(answer: object) -> Callable[..., object]:
    return lambda *_, **__: answer


_to_numpy = Tensor.numpy


def _numpy(tensor: Tensor, *, force: bool = False) -> np.ndarray[Any, Any]:
    if not isinstance(tensor, FakeTensor):
        return _to_numpy(tensor, force=force)
    assert tensor.device.type == "cpu" or force, "numpy reads the host's memory only"
    made_up = np.ones if tensor.dtype is torch.bool else np.zeros
    return made_up(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


def _pin_memory(tensor: Tensor) -> Tensor:
    copy = tensor.clone()
    storage = copy.untyped_storage()
    _pinned[storage._cdata] = storage  # kept, so that no other gets its address
    return copy


def _apply(module: nn.Module, change: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
    """Does what `Module._apply` does, by new parameters."""
    for child in module.children():
        child._apply(change)
    with torch.no_grad():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = nn.Parameter(change(parameter), parameter.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = change(buffer)
    return module
