"""Training augmentation: one batched affine warp, then brightness and contrast.

Rotation, crop and flip are composed to one map, so that pixels are interpolated once. The parameters of an
image are drawn from a generator keyed by (seed, epoch, image index): they do not depend on batches, their
order, or the number of processes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.suite.schema import Augmentation

_CROP_ATTEMPTS = 10
_IDENTITY = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class WarpParameters:
    """What is done to each of n images.

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
    drawn = [_draw(augmentation, _generator(seed, epoch, int(index))) for index in indices]
    return WarpParameters(
        affine=np.stack([affine for affine, _, _ in drawn]).astype(np.float32),
        gain=np.array([gain for _, gain, _ in drawn], dtype=np.float32),
        offset=np.array([offset for _, _, offset in drawn], dtype=np.float32),
    )


def augment(pixels: Tensor, parameters: WarpParameters, size_px: int) -> Tensor:
    """Returns float32 [n, 1, size_px, size_px] in [0, 255] for `pixels` uint8 [n, side, side].

    Cubic interpolation, clipped like 8-bit arithmetic; what lies outside the image is black.
    """
    images = pixels.unsqueeze(1).float()
    if images.shape[-1] == size_px and (parameters.affine == _IDENTITY).all():
        warped = images
    else:
        warped = _warp(images, parameters.affine, size_px)
    gain = torch.from_numpy(parameters.gain).to(images.device)[:, None, None, None]
    offset = torch.from_numpy(parameters.offset).to(images.device)[:, None, None, None]
    return (warped.clamp(0, 255) * gain + offset * 255).clamp(0, 255)


def _warp(images: Tensor, affine: Floats, size_px: int) -> Tensor:
    theta = torch.from_numpy(affine).to(images.device)
    grid = F.affine_grid(theta, [len(images), 1, size_px, size_px], align_corners=False)
    return F.grid_sample(images, grid, mode="bicubic", padding_mode="zeros", align_corners=False)


def _generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.array([seed, epoch << 32 | index], dtype=np.uint64)))


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
