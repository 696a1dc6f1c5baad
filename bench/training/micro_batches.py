"""How an epoch's images are parted into steps, and a step into pieces, where batch norm allows it.

An epoch's last batch is as small as it comes out and is trained on too (thesis §5.3). One exception: a last
batch, or a last piece of a batch, of a single image joins the one before where batch norm would be given one
value per channel (after global average pooling inside a decoder; at the top of PYLON's pyramid), which torch
refuses since its variance is undefined. No image is left out, and wherever training is possible without it
nothing changes.
"""

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from bench.data.feeding import Batch
from bench.errors import TrainingError
from bench.suite.schema import Recipe
from bench.suite.trial import Trial

_REFUSAL = "Expected more than 1 value per channel"
"""How torch's ValueError begins."""


def refuses_single_images(model: nn.Module, size_px: int, device: torch.device) -> bool:
    """Returns whether `model`, in the mode it is in, cannot be trained on one image of `size_px` at a time.

    Tried out on a copy; the model and all random states stay as they are.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.no_grad():
        try:
            copy.deepcopy(model)(torch.zeros(1, 1, size_px, size_px, device=device))
        except ValueError as error:
            if _REFUSAL not in str(error):
                raise
            return True
    return False


def part(total: int, size: int, *, join_single: bool) -> list[int]:
    """Returns the sizes of consecutive parts of `total` images: all of `size` but the last.

    Args:
        total: number of images.
        size: of a part.
        join_single: whether a last part of one image joins the one before.
    """
    sizes = [min(size, total - start) for start in range(0, total, size)]
    if join_single and len(sizes) > 1 and sizes[-1] == 1:
        sizes[-2:] = [sizes[-2] + 1]
    return sizes


def in_pieces(recipe: Recipe) -> Recipe:
    """Returns the recipe for passes without gradients: their batches are the pieces of training."""
    return recipe.model_copy(update={"batch_size": recipe.piece_size, "accumulate": 1})


def require_more_than_one_image(num_images: int, trial: Trial) -> None:
    """Checks that no step is left with single images, for a model that refuses them.

    Raises:
        TrainingError: the training part or the pieces of a batch have one image.
    """
    if num_images == 1:
        raise TrainingError(
            f"model {trial.model!r} has batch norm on maps of one value and cannot be trained on a single "
            "image; the training part has one"
        )
    if trial.recipe.piece_size == 1:
        raise TrainingError(
            f"model {trial.model!r} has batch norm on maps of one value and cannot be trained on pieces of "
            f"one image; recipe.accumulate is {trial.recipe.accumulate}, at most "
            f"{trial.recipe.batch_size // 2} leaves two"
        )


def joined(batches: Iterator[Batch], sizes: list[int], recipe: Recipe) -> Iterator[Batch]:
    """Yields `batches`, the last two as one where `sizes`, the images that each is to have, say so."""
    for size in sizes:
        batch = next(batches)
        yield batch if len(batch.indices) == size else _join(batch, next(batches), recipe)


def _join(first: Batch, second: Batch, recipe: Recipe) -> Batch:
    images = torch.cat([first.images, second.images])
    if recipe.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    indices = np.concatenate([first.indices, second.indices])
    return Batch(indices, images, torch.cat([first.labels, second.labels]))
