"""What a device is asked to do, operator by operator: what is launched and moved, where the host waits."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from fake_cuda import is_pinned
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import bench

_NO_KERNEL = {
    *("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"),
    *("_unsafe_view", "lift_fresh", "resize_", "set_"),
}
"""Operators beside views that launch nothing."""
_HARNESS = Path(bench.__file__).parent
_COPIES = ("_to_copy", "copy_")
_DEPEND_ON_DATA = (
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "equal",
    "_unique2",
    "repeat_interleave",
)
_WEIGHTED = ("convolution", "batch_norm", "group_norm", "binary_cross_entropy")
"""Parts of the names of operators whose types are noted."""


@dataclass
class DeviceLog:
    """What was asked of the device.

    Attributes:
        operators: how often each operator launched, by name.
        num_bytes: what these read and wrote, without what a cache saves.
        waits: where the host waited: an operator, and the line of the harness that it was called from.
        mixed: operators that were given tensors of host and device.
        channels_first: operators of a network whose result is a map, but not channels last.
        types: of convolutions, norms and losses: the types of their inputs.
    """

    operators: Counter[str] = field(default_factory=Counter)
    num_bytes: int = 0
    waits: Counter[str] = field(default_factory=Counter)
    mixed: Counter[str] = field(default_factory=Counter)
    channels_first: Counter[str] = field(default_factory=Counter)
    types: dict[str, set[str]] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Returns all of it as plain data."""
        types = {name: sorted(found) for name, found in sorted(self.types.items())}
        return {**vars(self), "types": types}


class _Logging(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.log = DeviceLog()
        self.is_in_network = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if any(map(_is_on_device, (*given, *made))):
            name = func.overloadpacket.__name__
            if _waits(name, given, made, args, kwargs):
                self.log.waits[f"{name} at {_line_of_harness()}"] += 1
            if func.namespace == "aten" and not func.is_view and name not in _NO_KERNEL:
                self._note(name, given, made)
        return result

    def _note(self, name: str, given: list[Tensor], made: list[Tensor]) -> None:
        log = self.log
        log.operators[name] += 1
        log.num_bytes += sum(one.nbytes for one in (*given, *made) if _is_on_device(one))
        if name not in _COPIES and any(one.dim() and not _is_on_device(one) for one in given):
            log.mixed[name] += 1
        if any(part in name for part in _WEIGHTED):
            log.types.setdefault(name, set()).add(str(given[0].dtype).removeprefix("torch."))
        if self.is_in_network and any(map(_is_channels_first, made)):
            log.channels_first[name] += 1


@contextmanager
def logging(model: nn.Module) -> Iterator[DeviceLog]:
    """Yields the log of what the block asks of the device; `model` is the network in it."""
    backward = Tensor.backward
    with _Logging() as mode:

        def enter(*_: object) -> None:
            mode.is_in_network = True

        def leave(*_: object) -> None:
            mode.is_in_network = False

        def marked_backward(*args: Any, **kwargs: Any) -> None:
            enter()
            backward(*args, **kwargs)
            leave()

        hooks = [model.register_forward_pre_hook(enter), model.register_forward_hook(leave)]
        with mock.patch.object(Tensor, "backward", marked_backward):
            yield mode.log
        for hook in hooks:
            hook.remove()


def _is_on_device(tensor: Tensor) -> bool:
    return tensor.device.type == "cuda"


def _is_channels_first(tensor: Tensor) -> bool:
    """Whether it is a map whose memory has one format only, and that is not channels last."""
    is_map = tensor.dim() == 4 and tensor.shape[1] > 1 and tensor.shape[2:].numel() > 1
    return is_map and not tensor.is_contiguous(memory_format=torch.channels_last)


def _waits(name: str, given: list[Tensor], made: list[Tensor], args: Any, kwargs: Any) -> bool:
    """Whether the host goes on only when the device is done."""
    if name in _COPIES:
        source, target = (given[-1], made[0])
        if _is_on_device(source) == _is_on_device(target):
            return False
        is_asynchronous = kwargs.get("non_blocking", False) or (name == "copy_" and args[2:3] == (True,))
        of_host = target if _is_on_device(source) else source
        return not (is_asynchronous and is_pinned(of_host))
    is_masked = name.startswith("index") and any(one.dtype is torch.bool for one in given[1:])
    return name in _DEPEND_ON_DATA or is_masked


def _line_of_harness() -> str:
    """Returns the innermost line of ``bench`` that is running."""
    frame = sys._getframe()
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_HARNESS):
            return f"{path.relative_to(_HARNESS.parent)}:{frame.f_lineno}"
        frame = frame.f_back
    return "a library"
