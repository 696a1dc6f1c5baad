"""Where the pixels of an image set lie, and how batches of them get to a device: the route.

- mapped: they stay in the array, and a batch is read when it is needed. For a CPU, where feeding is about 3 %
  of training at most (docs/speed.md): a thread ahead could gain no more, for a core that another trial could
  use.
- resident: all of them lie on the device, where batches are gathered; copied once, freed with the image set.
- streamed: they stay in the array; a thread gathers batches in pinned memory ahead of their use, and they are
  copied while the device computes. For what does not fit on the device.

Batches are the same to the last bit by every route, and every route works on every device.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.data.dataset import ImageSet

Route = Literal["mapped", "resident", "streamed"]
Indices = npt.NDArray[np.int64]

RESIDENT_SHARE = 0.4
"""Of a device's free memory, what one image set may take: networks and their activations need the rest."""

_NUM_AHEAD = 2
_COPIED_AT_ONCE_BYTES = 2**26


class PixelStore(Protocol):
    """The pixels of an image set, read by index in two steps."""

    @property
    def num_ahead(self) -> int:
        """Batches that a thread stages before they are needed; 0: no thread."""

    def stage(self, indices: Indices) -> Tensor:
        """Returns what `load` needs of the images at `indices` [n]: the host's part of the work."""

    def load(self, staged: Tensor) -> Tensor:
        """Returns those images, uint8 [n, side, side], on the device."""


@dataclass(frozen=True)
class HostPixels:
    """Pixels in an array of the host, [num, side, side]."""

    pixels: npt.NDArray[np.uint8]
    device: torch.device
    num_ahead: int

    def stage(self, indices: Indices) -> Tensor:
        """Returns the images; in pinned memory if a GPU is to copy them."""
        images = torch.from_numpy(np.ascontiguousarray(self.pixels[indices]))
        return images.pin_memory() if self.device.type == "cuda" else images

    def load(self, staged: Tensor) -> Tensor:
        """Returns the images on the device, where later work waits for the copy; the host does not."""
        return staged.to(self.device, non_blocking=True)


@dataclass(frozen=True)
class ResidentPixels:
    """Pixels in a tensor of the device, [num, side, side]."""

    pixels: Tensor
    num_ahead: int

    def stage(self, indices: Indices) -> Tensor:
        """Returns the indices."""
        return torch.from_numpy(indices)

    def load(self, staged: Tensor) -> Tensor:
        """Returns the images, gathered on the device."""
        return self.pixels.index_select(0, staged.to(self.pixels.device))


_stores: WeakKeyDictionary[ImageSet, dict[tuple[torch.device, Route | None], PixelStore]]
_stores = WeakKeyDictionary()


def pixel_store(images: ImageSet, device: torch.device, route: Route | None = None) -> PixelStore:
    """Returns what reads the pixels of `images` for `device`: the same as long as the image set lives.

    Args:
        images: their pixels are copied at most once.
        device: where batches are needed.
        route: how they get there; by default the one that suits the device and its free memory now.
    """
    stores = _stores.setdefault(images, {})
    if (device, route) not in stores:
        chosen = route or _suitable_route(device, images.pixels.nbytes)
        stores[device, route] = _open(images.pixels, device, chosen)
    return stores[device, route]


def fits_on_device(num_bytes: int, num_free_bytes: int) -> bool:
    """Returns whether pixels of `num_bytes` may lie on a device: within `RESIDENT_SHARE` of what is free."""
    return num_bytes <= RESIDENT_SHARE * num_free_bytes


def _suitable_route(device: torch.device, num_bytes: int) -> Route:
    if device.type == "cpu":
        return "mapped"
    return "resident" if fits_on_device(num_bytes, _num_free_bytes(device)) else "streamed"


def _num_free_bytes(device: torch.device) -> int:
    """Returns what is free on a GPU, with what this process has from it and does not use."""
    num_unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + num_unused


def _open(pixels: npt.NDArray[np.uint8], device: torch.device, route: Route) -> PixelStore:
    if route == "mapped":
        return HostPixels(pixels, device, num_ahead=0)
    if route == "resident":
        with suppress(torch.OutOfMemoryError):  # another trial has taken the memory meanwhile
            return ResidentPixels(_copy(pixels, device), _NUM_AHEAD)
    return HostPixels(pixels, device, _NUM_AHEAD)


def _copy(pixels: npt.NDArray[np.uint8], device: torch.device) -> Tensor:
    """Returns all pixels on the device, copied in parts, so that no second whole is made on the host."""
    copied = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
    step = max(_COPIED_AT_ONCE_BYTES // max(pixels[:1].nbytes, 1), 1)
    for start in range(0, len(pixels), step):
        part = slice(start, start + step)
        copied[part] = torch.from_numpy(np.array(pixels[part]))  # a copy: torch refuses read-only memory
    return copied
