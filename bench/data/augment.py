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

from bench.data.philox import uniforms
from bench.data.sources.source import DataSource, raw_images
from bench.suite.schema import Augmentation

FIRST_EPOCH = 1
"""The training loop counts epochs from it."""

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_CROP_ATTEMPTS = 10
_AFTER_CROP = 4
_MOST_DRAWN = 2 + 2 * _CROP_ATTEMPTS + 2 + _AFTER_CROP
"""Numbers that an image may need: for rotation, attempts at a crop and its centre, and what comes after."""

_WARPED_AT_ONCE_PX = 2**17
"""Pixels that a thread of a CPU warps at once, so that images, coordinates and results stay in its core's
cache and each call has enough to do."""


@dataclass(frozen=True)
class WarpParameters:
    """Parameters of the augmentation of n images; slices are those of some of them.

    Attributes:
        affine: float32 [n, 2, 3], from output to input coordinates, both in [−1, 1] from edge to edge.
        gain: float32 [n], factor on pixels.
        offset: float32 [n], added to pixels, in units of full white.
    """

    affine: Tensor
    gain: Tensor
    offset: Tensor

    def to(self, device: torch.device) -> "WarpParameters":
        """Returns them on `device`."""
        return WarpParameters(self.affine.to(device), self.gain.to(device), self.offset.to(device))

    def __getitem__(self, part: slice) -> "WarpParameters":
        return WarpParameters(self.affine[part], self.gain[part], self.offset[part])


def draw_parameters(
    augmentation: Augmentation, seed: int, epoch: int, indices: npt.NDArray[np.int64]
) -> WarpParameters:
    """Returns the parameters for the images `indices` [n] of the training set in `epoch`.

    Source: thesis §5.3 (code): rotation, random resized crop, horizontal flip, brightness and contrast.
    """
    keys = np.empty((len(indices), 2), dtype=np.uint64)
    keys[:, 0], keys[:, 1] = seed, epoch << 32 | indices
    drawn = uniforms(keys, _MOST_DRAWN)
    rotated, turn, *_ = drawn.T
    angle = _between(-1, 1, turn) * np.deg2rad(augmentation.rotation_degrees)
    angle = angle * (rotated < augmentation.rotation_probability)
    centre_x, centre_y, half_width, half_height, num_drawn = _crop(augmentation, drawn[:, 2:])
    next_ones = (2 + num_drawn)[:, None] + np.arange(_AFTER_CROP)
    flipped, shaded, contrast, brightness = np.take_along_axis(drawn, next_ones, axis=1).T
    mirror = np.where(flipped < augmentation.flip_probability, -1.0, 1.0)
    is_shaded = shaded < augmentation.photometric_probability
    gain = 1 + _between(-1, 1, contrast) * augmentation.contrast * is_shaded
    offset = _between(-1, 1, brightness) * augmentation.brightness * is_shaded
    zero = np.zeros(len(indices))
    crop = _matrices([[mirror * half_width, zero, centre_x], [zero, half_height, centre_y]])
    affine = _matrices([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ crop
    return WarpParameters(*(torch.from_numpy(found.astype(np.float32)) for found in (affine, gain, offset)))


def augment(pixels: Tensor, parameters: WarpParameters, size_px: int) -> Tensor:
    """Returns float32 [n, 1, size_px, size_px] in [0, 255] for `pixels` uint8 [n, side, side].

    Cubic interpolation (a = −0.75), clipped like 8-bit arithmetic; what lies outside the image is black. The
    parameters lie on the device of the pixels.
    """
    device, num_images = pixels.device, len(pixels)
    augmented = torch.empty(num_images, 1, size_px, size_px, device=device)
    step = max(num_images, 1)
    if device.type == "cpu":
        step = torch.get_num_threads() * max(_WARPED_AT_ONCE_PX // size_px**2, 1)
    for start in range(0, num_images, step):
        part = slice(start, start + step)
        of_part = parameters[part]
        warped = _warp(pixels[part], of_part.affine, size_px).clamp_(0, 255)
        warped.mul_(of_part.gain[:, None, None, None]).add_((of_part.offset * 255)[:, None, None, None])
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


def _crop(augmentation: Augmentation, drawn: Floats) -> tuple[Floats, Floats, Floats, Floats, Counts]:
    """Returns centre x, y and half width, height of each crop, in the image's [−1, 1], each [n].

    As torchvision's RandomResizedCrop, on a continuum: up to ten attempts, then the whole image. Also returns
    how many of the numbers `drawn` [n, at least 22] each crop took: two for each attempt, two for the centre
    once an attempt fits.
    """
    limit = np.log(augmentation.crop_aspect_max)
    area = _between(augmentation.crop_area_min, 1, drawn[:, 0 : 2 * _CROP_ATTEMPTS : 2])
    aspect = np.exp(_between(-limit, limit, drawn[:, 1 : 2 * _CROP_ATTEMPTS : 2]))
    width, height = np.sqrt(area * aspect), np.sqrt(area / aspect)
    fits = (width <= 1) & (height <= 1)
    found, image = fits.any(axis=1), np.arange(len(drawn))
    attempt = np.where(found, fits.argmax(axis=1), _CROP_ATTEMPTS - 1)
    width, height = (np.where(found, side[image, attempt], 1.0) for side in (width, height))
    num_tried = 2 * (attempt + 1)
    centre_x = _between(width - 1, 1 - width, drawn[image, num_tried])
    centre_y = _between(height - 1, 1 - height, drawn[image, num_tried + 1])
    return centre_x, centre_y, width, height, num_tried + 2 * found


def _between(low: Floats | float, high: Floats | float, drawn: Floats) -> Floats:
    """Returns numbers between `low` and `high` for `drawn` ones between 0 and 1: `Generator.uniform`."""
    return low + (high - low) * drawn


def _matrices(rows: list[list[Floats]]) -> Floats:
    """Returns matrices [n, rows, columns] from their entries, each [n]."""
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
