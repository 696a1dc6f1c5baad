"""Batches for training and evaluation: pixels are gathered, augmented and normalised; no worker processes.

Both are the same code on every device. How pixels get there is the route, `bench.data.images.pixel_store`.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from bench.data.augment import WarpParameters, augment, draw_parameters
from bench.data.dataset import ImageSet
from bench.data.images.pixel_store import Indices, Route, pixel_store
from bench.suite.schema import Recipe
from bench.suite.trial import Trial

Item = TypeVar("Item")


def prefetched(items: Iterator[Item], num_ahead: int) -> Generator[Item, None, None]:
    """Yields `items` in their order, made by a thread that is at most `num_ahead` of them ahead.

    What goes wrong in making an item is raised in its place. The thread ends with the generator: when all
    is yielded, when an item could not be made, or when the generator is closed. Only the thread advances
    `items`. With `num_ahead` 0 there is no thread: each item is made when it is asked for.
    """
    if num_ahead == 0:
        yield from items
        return
    end = object()
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")
    try:
        coming = deque(thread.submit(next, items, end) for _ in range(num_ahead))
        while (item := coming.popleft().result()) is not end:
            coming.append(thread.submit(next, items, end))
            yield item  # type: ignore[misc]  # not the end
    finally:
        thread.shutdown(cancel_futures=True)


Staged = TypeVar("Staged")


@dataclass(frozen=True)
class Batch:
    """Images and labels on the device.

    Attributes:
        indices: int64 [n], positions in the image set.
        images: float32 [n, 1, S, S], normalised.
        labels: float32 [n, c], 0 or 1.
    """

    indices: Indices
    images: Tensor
    labels: Tensor


def training_batches(
    images: ImageSet,
    trial: Trial,
    epoch: int,
    device: torch.device,
    first_batch: int = 0,
    route: Route | None = None,
) -> Iterator[Batch]:
    """Yields the epoch's batches, shuffled and augmented; the last may be smaller.

    Order and augmentation are functions of the trial's seed and the epoch alone. A batch is the same to the
    last bit by every route, and wherever the epoch is entered.

    Args:
        images: what to train on.
        trial: its recipe, seed and resolution.
        epoch: from 1.
        device: where batches are needed.
        first_batch: batches to leave out at the beginning, at no cost: for going on within an epoch.
        route: how pixels get to the device; by default the one that suits it.
    """
    assert first_batch >= 0
    recipe, seed, store = trial.recipe, trial.seed, pixel_store(images, device, route)
    order = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], dtype=np.uint64)))

    def stage(indices: Indices) -> tuple[Indices, Tensor, WarpParameters]:
        return indices, store.stage(indices), draw_parameters(recipe.augmentation, seed, epoch, indices)

    def finish(staged: tuple[Indices, Tensor, WarpParameters]) -> Batch:
        indices, pixels, parameters = staged
        augmented = augment(store.load(pixels), parameters, trial.resolution)
        return _batch(images, indices, augmented, recipe)

    chunks = _chunks(order.permutation(len(images)), recipe.batch_size)
    return _batches(chunks[first_batch:], stage, finish, store.num_ahead)


def evaluation_batches(
    images: ImageSet, recipe: Recipe, device: torch.device, route: Route | None = None
) -> Iterator[Batch]:
    """Yields all images in their order, as they are, normalised; `route` as in `training_batches`."""
    store = pixel_store(images, device, route)

    def stage(indices: Indices) -> tuple[Indices, Tensor]:
        return indices, store.stage(indices)

    def finish(staged: tuple[Indices, Tensor]) -> Batch:
        indices, pixels = staged
        return _batch(images, indices, store.load(pixels).unsqueeze(1).float(), recipe)

    return _batches(_chunks(np.arange(len(images)), recipe.batch_size), stage, finish, store.num_ahead)


def _batches(
    chunks: Sequence[Indices],
    stage: Callable[[Indices], Staged],
    finish: Callable[[Staged], Batch],
    num_ahead: int,
) -> Iterator[Batch]:
    """Yields a batch for each chunk: `stage` may run in a thread, `finish` runs in the caller's."""
    with closing(prefetched(map(stage, chunks), num_ahead)) as ready:
        yield from map(finish, ready)


def _batch(images: ImageSet, indices: Indices, pixels: Tensor, recipe: Recipe) -> Batch:
    """Returns the batch; `pixels` float32 [n, 1, S, S] in [0, 255] are normalised in place."""
    normalised = pixels.div_(255).sub_(recipe.mean).div_(recipe.std)
    if recipe.channels_last:
        normalised = normalised.contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(images.labels[indices].astype(np.float32)).to(pixels.device)
    return Batch(indices, normalised, labels)


def _chunks(order: Indices, size: int) -> list[Indices]:
    return [order[start : start + size] for start in range(0, len(order), size)]
