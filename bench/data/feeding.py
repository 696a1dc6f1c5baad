"""Batches for training and evaluation: pixels are gathered, augmented and normalised; no worker processes.

Both are the same code on every device. How pixels get there is the route, `bench.data.images.pixel_store`.
All else that batches are made of is drawn and copied to the device once a pass, in the order of its images:
a batch has slices of it, so that the host waits for the device in none.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.data.augment import augment, draw_parameters
from bench.data.dataset import ImageSet
from bench.data.images.pixel_store import Indices, Route, pixel_store
from bench.suite.schema import Recipe
from bench.suite.trial import Trial


@dataclass(frozen=True)
class Batch:
    """Images and labels on the device.

    Attributes:
        indices: int64 [n], positions in the image set, on the host.
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
    recipe, seed = trial.recipe, trial.seed
    shuffled = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], dtype=np.uint64)))
    order = shuffled.permutation(len(images))[first_batch * recipe.batch_size :]
    parameters = draw_parameters(recipe.augmentation, seed, epoch, order).to(device)
    for part, pixels, labels in _parts(images, order, recipe.batch_size, device, route):
        augmented = augment(pixels, parameters[part], trial.resolution)
        yield Batch(order[part], _normalised(augmented, recipe), labels)


def evaluation_batches(
    images: ImageSet, recipe: Recipe, device: torch.device, route: Route | None = None
) -> Iterator[Batch]:
    """Yields all images in their order, as they are, normalised; `route` as in `training_batches`."""
    order = np.arange(len(images))
    for part, pixels, labels in _parts(images, order, recipe.batch_size, device, route):
        yield Batch(order[part], _normalised(pixels.unsqueeze(1).float(), recipe), labels)


def _parts(
    images: ImageSet, order: Indices, size: int, device: torch.device, route: Route | None
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Yields parts of `order`, of `size` images, with their pixels, uint8 [n, side, side], and labels."""
    labels = torch.from_numpy(images.labels[order]).to(device)
    parts = [slice(start, start + size) for start in range(0, len(order), size)]
    for part, pixels in zip(parts, pixel_store(images, device, route).read(order, parts), strict=True):
        yield part, pixels, labels[part].float()


def _normalised(pixels: Tensor, recipe: Recipe) -> Tensor:
    """Returns `pixels`, float32 [n, 1, S, S] in [0, 255], normalised in place."""
    normalised = pixels.div_(255).sub_(recipe.mean).div_(recipe.std)
    if recipe.channels_last:
        normalised = normalised.contiguous(memory_format=torch.channels_last)
    return normalised
