"""The pixels of an image set, and the route by which batches of them get to a device.

- mapped: they stay in the array, and a batch is read when it is needed. For a CPU, where feeding is about 3 %
  of training at most (docs/speed.md): a thread ahead could gain no more, for a core that another trial could
  use.
- resident: all of them lie on the device, where batches are gathered; copied once, freed with the image set.
- streamed: they stay in the array; a thread gathers batches in pinned memory ahead of their use. The device
  copies each before it computes with it, and the host does not wait. For what does not fit on the device.

Batches are the same to the last bit by every route, and every route works on every device.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.data.dataset import ImageSet
from bench.data.prefetch import prefetched

Route = Literal["mapped", "resident", "streamed"]
Indices = npt.NDArray[np.int64]

RESIDENT_SHARE = 0.4
"""Share of a device's memory that one image set may take: networks and activations need the rest."""

_NUM_AHEAD = 2
_COPIED_AT_ONCE_BYTES = 2**26


@dataclass(frozen=True)
class PixelStore:
    """The pixels of an image set, read in any order.

    Attributes:
        pixels: uint8 [num, side, side], an array of the host or a tensor of the device.
        device: where images are needed.
        num_ahead: batches that a thread gathers before they are needed; 0: no thread.
    """

    pixels: npt.NDArray[np.uint8] | Tensor
    device: torch.device
    num_ahead: int

    def read(self, order: Indices, parts: Sequence[slice]) -> Iterator[Tensor]:
        """Yields the images at each of the `parts` of `order` [m], uint8 [n, side, side], on the device.

        Later work on the device waits for its copy of the images; the host does not.
        """
        if isinstance(self.pixels, Tensor):
            resident_order = torch.from_numpy(order).to(self.device)
            for part in parts:
                yield self.pixels.index_select(0, resident_order[part])
            return
        gathered = map(self._gather, (order[part] for part in parts))
        with closing(prefetched(gathered, self.num_ahead)) as batches:
            for images in batches:
                yield images.to(self.device, non_blocking=True)

    def _gather(self, indices: Indices) -> Tensor:
        """Returns the images at `indices` [n] on the host, in pinned memory if a GPU is to copy them."""
        images = torch.from_numpy(np.ascontiguousarray(self.pixels[indices]))
        return images.pin_memory() if self.device.type == "cuda" else images


_stores: WeakKeyDictionary[ImageSet, dict[tuple[torch.device, Route | None], PixelStore]]
_stores = WeakKeyDictionary()


def pixel_store(images: ImageSet, device: torch.device, route: Route | None = None) -> PixelStore:
    """Returns what reads the pixels of `images` for `device`: the same as long as the image set lives.

    Pixels are copied at most once. The default route suits the device and the room that there is now.
    """
    stores = _stores.setdefault(images, {})
    if (device, route) not in stores:
        stores[device, route] = _open(images.pixels, device, route)
    return stores[device, route]


def fits_on_device(num_bytes: int, room_bytes: int) -> bool:
    """Returns whether pixels may lie on a device: they take at most `RESIDENT_SHARE` of the room there."""
    return num_bytes <= RESIDENT_SHARE * room_bytes


def room_on_gpu(device: torch.device) -> int:
    """Returns how many bytes of a GPU this process can still take: free ones, within its bound.

    The bound is its part of a GPU that several trials share (`bench.training.memory.begin_trial`), so that it
    matters little which of them came first.
    """
    free, total = torch.cuda.mem_get_info(device)
    allocated = torch.cuda.memory_allocated(device)
    unused = torch.cuda.memory_reserved(device) - allocated  # which this process has already
    bound = torch.cuda.get_per_process_memory_fraction() * total
    return max(min(int(bound) - allocated, free + unused), 0)


def _open(pixels: npt.NDArray[np.uint8], device: torch.device, route: Route | None) -> PixelStore:
    if route is None and device.type == "cpu":
        route = "mapped"
    elif route is None:
        route = "resident" if fits_on_device(pixels.nbytes, room_on_gpu(device)) else "streamed"
    if route == "resident":
        with suppress(torch.OutOfMemoryError):  # another trial has taken the memory meanwhile
            return PixelStore(_copy(pixels, device), device, 0)
    return PixelStore(pixels, device, 0 if route == "mapped" else _NUM_AHEAD)


def _copy(pixels: npt.NDArray[np.uint8], device: torch.device) -> Tensor:
    """Returns all pixels on the device, copied in parts, so that no second whole is made on the host."""
    copied = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
    step = max(_COPIED_AT_ONCE_BYTES // max(pixels[:1].nbytes, 1), 1)
    for start in range(0, len(pixels), step):
        part = slice(start, start + step)
        copied[part] = torch.from_numpy(np.array(pixels[part]))  # a copy: torch refuses read-only memory
    return copied
