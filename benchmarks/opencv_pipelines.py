"""Augmented inputs from image files by plain OpenCV, as a DataLoader's worker makes them: what others do.

Both pipelines follow the recipe's augmentation, in the thesis' order, on one image at a time.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from bench.data.augment import draw_parameters
from bench.suite.schema import Recipe

Image = npt.NDArray[np.uint8]
Input = npt.NDArray[np.float32]
Pipeline = Callable[[Path, int, int], Input]
"""Returns float32 [size_px, size_px], normalised, from a file, the epoch and the image's index."""


def decode(path: Path) -> Image:
    """Returns uint8 [h, w]."""
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


class OneByOne:
    """One transform after the other, each on the whole image, as libraries of transforms do.

    Normalisation is a table, too: faster than arithmetic.

    Attributes:
        spent_s: seconds so far, by step.
        num: images so far.
    """

    def __init__(self, recipe: Recipe, size_px: int, rotation: int = cv2.INTER_CUBIC) -> None:
        self.augmentation, self.size_px, self.rotation = recipe.augmentation, size_px, rotation
        self.normalised = normalising_table(recipe)
        self.spent_s: Counter[str] = Counter()
        self.num = 0

    def __call__(self, path: Path, epoch: int, index: int) -> Input:
        """See `Pipeline`."""
        random = np.random.default_rng((epoch, index))
        image = self._timed("decode", decode, path)
        for transform in (self.rotate, self.crop, self.flip, self.shade):
            image = self._timed(transform.__name__, transform, image, random)
        self.num += 1
        return self._timed("normalise", partial(cv2.LUT, lut=self.normalised), image)

    def rotate(self, image: Image, random: np.random.Generator) -> Image:
        """Returns the image, maybe turned: as large as before, black where nothing was."""
        if random.random() >= self.augmentation.rotation_probability:
            return image
        height, width = image.shape
        degrees = random.uniform(-1, 1) * self.augmentation.rotation_degrees
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
        return cv2.warpAffine(image, matrix, (width, height), flags=self.rotation, borderValue=0)

    def crop(self, image: Image, random: np.random.Generator) -> Image:
        """Returns a random crop, resized to the input."""
        height, width = image.shape
        limit = np.log(self.augmentation.crop_aspect_max)
        x, y, w, h = 0, 0, width, height
        for _ in range(10):
            area = random.uniform(self.augmentation.crop_area_min, 1) * height * width
            aspect = np.exp(random.uniform(-limit, limit))
            tried_w, tried_h = round(np.sqrt(area * aspect)), round(np.sqrt(area / aspect))
            if tried_w <= width and tried_h <= height:
                w, h = tried_w, tried_h
                x, y = random.integers(width - w + 1), random.integers(height - h + 1)
                break
        size = (self.size_px, self.size_px)
        return cv2.resize(image[y : y + h, x : x + w], size, interpolation=cv2.INTER_CUBIC)

    def flip(self, image: Image, random: np.random.Generator) -> Image:
        """Returns the image, maybe mirrored."""
        return cv2.flip(image, 1) if random.random() < self.augmentation.flip_probability else image

    def shade(self, image: Image, random: np.random.Generator) -> Image:
        """Returns the image, maybe with other brightness and contrast."""
        if random.random() >= self.augmentation.photometric_probability:
            return image
        gain = 1 + random.uniform(-1, 1) * self.augmentation.contrast
        return cv2.LUT(image, shading_table(gain, random.uniform(-1, 1) * self.augmentation.brightness))

    def __str__(self) -> str:
        return ", ".join(f"{name} {1e3 * spent / self.num:.2f}" for name, spent in self.spent_s.items())

    def _timed(self, name: str, step: Callable[..., npt.NDArray], *arguments: object) -> npt.NDArray:
        started = time.perf_counter()
        result = step(*arguments)
        self.spent_s[name] += time.perf_counter() - started
        return result


class Fused:
    """Shrinks to `shrunk_px` first, then one warp for rotation, crop and flip, then two tables.

    Less work than transforms one by one: the warp has a small image to read, and there is only one.
    """

    def __init__(self, recipe: Recipe, size_px: int, shrunk_px: int) -> None:
        self.augmentation, self.size_px, self.shrunk_px = recipe.augmentation, size_px, shrunk_px
        self.normalised = normalising_table(recipe)

    def __call__(self, path: Path, epoch: int, index: int) -> Input:
        """See `Pipeline`."""
        drawn = draw_parameters(self.augmentation, 0, epoch, np.array([index]))
        shrunk = cv2.resize(decode(path), (self.shrunk_px, self.shrunk_px), interpolation=cv2.INTER_CUBIC)
        matrix, size = self._in_pixels(drawn.affine[0].numpy()), (self.size_px, self.size_px)
        warped = cv2.warpAffine(shrunk, matrix, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        shaded = cv2.LUT(warped, shading_table(drawn.gain[0].item(), drawn.offset[0].item()))
        return cv2.LUT(shaded, self.normalised)

    def _in_pixels(self, affine: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Returns the map [2, 3] from pixels of the input to those of the shrunk image."""
        linear = affine[:, :2].astype(float) * self.shrunk_px / self.size_px
        centre = (affine[:, 2] + 1) * self.shrunk_px / 2 - 0.5
        return np.column_stack([linear, centre - linear @ np.full(2, (self.size_px - 1) / 2)])


def feed(pipeline: Pipeline, paths: Sequence[Path], epoch: int, batch_size: int) -> None:
    """Makes all of an epoch's batches."""
    for start in range(0, len(paths), batch_size):
        chosen = range(start, min(start + batch_size, len(paths)))
        torch.from_numpy(np.stack([pipeline(paths[i], epoch, i) for i in chosen]))[:, None]


def shading_table(gain: float, offset: float) -> Image:
    """Returns uint8 [256]: pixels times `gain` plus `offset` of full white."""
    return (np.arange(256, dtype=np.float32) * gain + offset * 255).clip(0, 255).astype(np.uint8)


def normalising_table(recipe: Recipe) -> Input:
    """Returns float32 [256]."""
    return ((np.arange(256) / 255 - recipe.mean) / recipe.std).astype(np.float32)
