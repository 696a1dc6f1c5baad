"""Training augmentation: one batched affine warp, then brightness and contrast.

Rotation, crop and flip are composed to one map, so that pixels are interpolated once. The parameters of an
image are drawn from a generator keyed by (seed, epoch, image index), and its new pixels follow from the old
ones and them alone, to the last bit: nothing depends on batches, their order, or the number of threads and
processes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.data.sources.source import DataSource, raw_images
from bench.suite.schema import Augmentation

FIRST_EPOCH = 1
"""The training loop counts epochs from it."""

_CROP_ATTEMPTS = 10
_WARPED_AT_ONCE_PX = 2**17
"""Pixels that a thread of a CPU warps at once, so that images, coordinates and results stay in its core's
cache and each call has enough to do."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class WarpParameters:
    """Parameters of the augmentation of n images.

    Attributes:
        affine: [n, 2, 3], from output to input coordinates, both in [−1, 1] from edge to edge.
        gain: [n], factor on pixels.
        offset: [n], added to pixels, in units of full white.
    """

    affine: Floats
    gain: Floats
    offset: Floats


def draw_parameters(
    augmentation: Augmentation, seed: int, epoch: int, indices: npt.NDArray[np.int64]
) -> WarpParameters:
    """Returns the parameters for the images `indices` [n] of the training set in `epoch`.

    Source: thesis §5.3 (code): rotation, random resized crop, horizontal flip, brightness and contrast.
    """
    keys = (np.array([seed, epoch << 32 | int(index)], dtype=np.uint64) for index in indices)
    drawn = [_draw(augmentation, np.random.Generator(np.random.Philox(key=key))) for key in keys]
    return WarpParameters(
        affine=np.stack([affine for affine, _, _ in drawn]).astype(np.float32),
        gain=np.array([gain for _, gain, _ in drawn], dtype=np.float32),
        offset=np.array([offset for _, _, offset in drawn], dtype=np.float32),
    )


def augment(pixels: Tensor, parameters: WarpParameters, size_px: int) -> Tensor:
    """Returns float32 [n, 1, size_px, size_px] in [0, 255] for `pixels` uint8 [n, side, side].

    Cubic interpolation (a = −0.75), clipped like 8-bit arithmetic; what lies outside the image is black.
    """
    device, num_images = pixels.device, len(pixels)
    affine, gain, offset = (
        torch.from_numpy(values).to(device)
        for values in (parameters.affine, parameters.gain, parameters.offset * 255)
    )
    augmented = torch.empty(num_images, 1, size_px, size_px, device=device)
    step = max(num_images, 1)
    if device.type == "cpu":
        step = torch.get_num_threads() * max(_WARPED_AT_ONCE_PX // size_px**2, 1)
    for start in range(0, num_images, step):
        part = slice(start, start + step)
        warped = _warp(pixels[part], affine[part], size_px).clamp_(0, 255)
        warped.mul_(gain[part, None, None, None]).add_(offset[part, None, None, None])
        torch.clamp(warped, 0, 255, out=augmented[part])
    return augmented


def augmented_images(
    source: DataSource,
    positions: npt.NDArray[np.int64],
    resolution: int,
    oversize: float,
    augmentation: Augmentation,
    seed: int,
) -> npt.NDArray[np.float32]:
    """Returns float32 [n, resolution, resolution] in [0, 255]: training images as the first epoch sees them.

    `positions` [n] are those in the training part; `oversize` is the side of the training images before
    augmentation, in units of the resolution.

    Raises:
        DataError: an image is missing or unreadable.
    """
    pixels = torch.from_numpy(raw_images(source, "train", positions, round(resolution * oversize)))
    parameters = draw_parameters(augmentation, seed, FIRST_EPOCH, positions)
    seen: npt.NDArray[np.float32] = augment(pixels, parameters, resolution)[:, 0].numpy()
    return seen


def _warp(pixels: Tensor, affine: Tensor, size_px: int) -> Tensor:
    """Returns float32 [n, 1, size_px, size_px], not clipped.

    The coordinates are those of `torch.nn.functional.affine_grid` but for rounding, which takes longer than
    the interpolation itself: they are sums of what a column and what a row adds.
    """
    centres = (2 * torch.arange(size_px, device=pixels.device) + 1 - size_px) / size_px
    of_columns = affine[:, :, 0, None] * centres
    of_rows = affine[:, :, 1, None] * centres + affine[:, :, 2, None]
    coordinates = of_columns[:, :, None, :] + of_rows[:, :, :, None]
    return F.grid_sample(
        pixels.unsqueeze(1).float(),
        coordinates.permute(0, 2, 3, 1),
        mode="bicubic",
        padding_mode="zeros",
        align_corners=False,
    )


def _draw(augmentation: Augmentation, random: np.random.Generator) -> tuple[Floats, float, float]:
    rotated = random.random() < augmentation.rotation_probability
    angle = random.uniform(-1, 1) * np.deg2rad(augmentation.rotation_degrees) * rotated
    centre_x, centre_y, half_width, half_height = _draw_crop(augmentation, random)
    mirror = -1.0 if random.random() < augmentation.flip_probability else 1.0
    shaded = random.random() < augmentation.photometric_probability
    gain = 1 + random.uniform(-1, 1) * augmentation.contrast * shaded
    offset = random.uniform(-1, 1) * augmentation.brightness * shaded
    crop = np.array([[mirror * half_width, 0, centre_x], [0, half_height, centre_y]])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    affine: Floats = turn @ crop
    return affine, gain, offset


def _draw_crop(augmentation: Augmentation, random: np.random.Generator) -> tuple[float, float, float, float]:
    """Returns centre x, y and half width, height of the crop, in the image's [−1, 1].

    As torchvision's RandomResizedCrop, on a continuum: up to ten attempts, then the whole image.
    """
    limit = np.log(augmentation.crop_aspect_max)
    for _ in range(_CROP_ATTEMPTS):
        area = random.uniform(augmentation.crop_area_min, 1)
        aspect = np.exp(random.uniform(-limit, limit))
        width, height = np.sqrt(area * aspect), np.sqrt(area / aspect)
        if width <= 1 and height <= 1:
            return random.uniform(width - 1, 1 - width), random.uniform(height - 1, 1 - height), width, height
    return 0.0, 0.0, 1.0, 1.0
