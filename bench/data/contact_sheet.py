"""Images to look at before training: which ones, as they are, and as training would see them."""

import numpy as np
import numpy.typing as npt
import torch

from bench.data.augment import augment, draw_parameters
from bench.data.sources.source import Source, read_images
from bench.suite.schema import Augmentation

FIRST_EPOCH = 1
"""What the training loop calls its first epoch."""


def choose_images(source: Source, part: str, num: int, seed: int) -> npt.NDArray[np.int64]:
    """Returns positions in the part of `num` images, or of all if it has fewer, in a random order.

    Images with boxes come first: the others only fill up.
    """
    names = source.parts[part]
    order = np.random.default_rng(seed).permutation(len(names))
    boxed = set(source.boxes["image"])
    has_none = np.array([names[i] not in boxed for i in order])
    chosen: npt.NDArray[np.int64] = order[np.argsort(has_none, kind="stable")][:num]
    return chosen


def raw_images(
    source: Source, part: str, positions: npt.NDArray[np.int64], side_px: int
) -> npt.NDArray[np.uint8]:
    """Returns uint8 [n, side_px, side_px]: the images at `positions` [n] of the part.

    Raises:
        DataError: one is missing or unreadable.
    """
    return read_images(source, part, [source.parts[part][i] for i in positions], side_px)


def augmented_images(
    source: Source,
    positions: npt.NDArray[np.int64],
    resolution: int,
    oversize: float,
    augmentation: Augmentation,
    seed: int,
) -> npt.NDArray[np.float32]:
    """Returns float32 [n, resolution, resolution] in [0, 255]: training images as the first epoch sees them.

    Args:
        source: the data set.
        positions: [n], in the training part.
        resolution: side of the input, px.
        oversize: side of the training images before augmentation, in units of the resolution.
        augmentation: how the recipe augments.
        seed: the trial's.

    Raises:
        DataError: an image is missing or unreadable.
    """
    pixels = torch.from_numpy(raw_images(source, "train", positions, round(resolution * oversize)))
    parameters = draw_parameters(augmentation, seed, FIRST_EPOCH, positions)
    seen: npt.NDArray[np.float32] = augment(pixels, parameters, resolution)[:, 0].numpy()
    return seen
