"""Batches for training and evaluation, straight from the array of pixels: no worker processes are needed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.data.augment import augment, draw_parameters
from bench.data.dataset import ImageSet
from bench.suite.schema import Recipe
from bench.suite.trial import Trial


@dataclass(frozen=True)
class Batch:
    """Images and labels on the device.

    Attributes:
        indices: int64 [n], positions in the image set.
        images: float32 [n, 1, S, S], normalised.
        labels: float32 [n, c], 0 or 1.
    """

    indices: npt.NDArray[np.int64]
    images: Tensor
    labels: Tensor


def training_batches(
    images: ImageSet, trial: Trial, epoch: int, device: torch.device, first_batch: int = 0
) -> Iterator[Batch]:
    """Yields the epoch's batches from `first_batch` (counted from 0) on, shuffled and augmented.

    The last may be smaller. Order and augmentation are functions of the trial's seed and the epoch alone.
    """
    recipe, seed = trial.recipe, trial.seed
    order = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], dtype=np.uint64)))
    rest = order.permutation(len(images))[first_batch * recipe.batch_size :]
    for indices in _chunks(rest, recipe.batch_size):
        parameters = draw_parameters(recipe.augmentation, seed, epoch, indices)
        pixels = augment(_gather(images.pixels, indices, device), parameters, trial.resolution)
        yield _batch(images, indices, pixels, recipe, device)


def evaluation_batches(images: ImageSet, recipe: Recipe, device: torch.device) -> Iterator[Batch]:
    """Yields all images in their order, as they are, normalised."""
    for indices in _chunks(np.arange(len(images)), recipe.batch_size):
        pixels = _gather(images.pixels, indices, device).unsqueeze(1).float()
        yield _batch(images, indices, pixels, recipe, device)


def _batch(
    images: ImageSet, indices: npt.NDArray[np.int64], pixels: Tensor, recipe: Recipe, device: torch.device
) -> Batch:
    normalised = (pixels / 255 - recipe.mean) / recipe.std
    if recipe.channels_last:
        normalised = normalised.contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(images.labels[indices].astype(np.float32)).to(device)
    return Batch(indices, normalised, labels)


def _gather(pixels: npt.NDArray[np.uint8], indices: npt.NDArray[np.int64], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels[indices])).to(device, non_blocking=True)


def _chunks(order: npt.NDArray[np.int64], size: int) -> Iterator[npt.NDArray[np.int64]]:
    for start in range(0, len(order), size):
        yield order[start : start + size]
