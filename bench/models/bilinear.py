"""Bilinear resizing: torch's own kernel forward, and on a GPU a backward pass that adds in one order.

torch's backward kernel for CUDA adds with atomics, so that its sums differ from run to run. Asked for
deterministic algorithms, `torch.nn.functional.interpolate` therefore leaves both kernels there: forward
becomes some thirty small operators that round otherwise, backward four sorted scatters. But resizing is
linear along each axis, so its gradient is two products with matrices of weights: deterministic, and as exact
as the kernel's. On a CPU both kernels are deterministic as they are, and are used.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

_kernel = torch.ops.aten.upsample_bilinear2d.default
"""Of any device; under autocast on CUDA it takes and gives float32."""


def resize(maps: Tensor, size: Sequence[int], *, align_corners: bool) -> Tensor:
    """Returns maps [n, c, *size] of float maps [n, c, h, w], with the bits of torch's kernel.

    Args:
        maps: on any device, of any memory format, which stays.
        size: rows and columns.
        align_corners: whether the middles of corner cells lie on those of corner pixels.
    """
    if maps.is_cpu:
        resized: Tensor = _kernel(maps, size, align_corners)
    else:
        resized = BilinearResize.apply(maps, size, align_corners)  # type: ignore[no-untyped-call]
    return resized


class Enlarging(nn.Module):
    """A layer that enlarges maps by a factor, with aligned corners.

    Args:
        factor: whole.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, maps: Tensor) -> Tensor:
        """Returns maps [n, c, factor · h, factor · w] of maps [n, c, h, w]."""
        height, width = maps.shape[-2:]
        return resize(maps, (self.factor * height, self.factor * width), align_corners=True)


class BilinearResize(torch.autograd.Function):
    """`resize` with the gradient by products of matrices, on any device; also differentiable twice."""

    @staticmethod
    def forward(maps: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
        """Returns maps [n, c, *size] of maps [n, c, h, w]."""
        resized: Tensor = _kernel(maps, size, align_corners)
        return resized

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Sequence[int], bool], output: Tensor) -> None:  # noqa: ARG004
        """Notes what the gradient depends on: not the values."""
        maps, _, ctx.align_corners = inputs
        ctx.size, ctx.dtype = tuple(maps.shape[-2:]), maps.dtype

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        """Returns the gradient [n, c, h, w] of the maps for that of the resized maps.

        Sums are in float32, or in float64 for such gradients. No copy is made where channels are last.
        """
        height, width = ctx.size
        last = grad.permute(0, 2, 3, 1).to(torch.promote_types(grad.dtype, torch.float32))
        rows = _weights(last, height, last.shape[1], ctx.align_corners)
        columns = _weights(last, width, last.shape[2], ctx.align_corners)
        narrow = columns.T @ last  # [n, H, w, c]
        small = (rows.T @ narrow.flatten(2)).reshape(len(last), height, width, -1)  # [n, h, w, c]
        return small.permute(0, 3, 1, 2).to(ctx.dtype), None, None


def _weights(like: Tensor, num_cells: int, num_pixels: int, align_corners: bool) -> Tensor:
    """Returns [num_pixels, num_cells], how much of each cell a pixel is, with dtype and device of `like`.

    They are kept, but not while a graph is traced: its tensors have no values.
    """
    is_real = type(like) is Tensor and not torch.compiler.is_compiling()
    make = _kept_weights if is_real else _made_weights
    return make(num_cells, num_pixels, align_corners, like.dtype, like.device)


def _made_weights(
    num_cells: int, num_pixels: int, align_corners: bool, dtype: torch.dtype, device: torch.device
) -> Tensor:
    cells = torch.eye(num_cells, dtype=dtype, device=device)
    resized: Tensor = _kernel(cells[None, None], (num_pixels, num_cells), align_corners)
    return resized[0, 0]


_kept_weights = lru_cache(maxsize=256)(_made_weights)
