"""Does the cache cost little to make, and does it pay? Against plain OpenCV on the same files, on one core.

    python benchmarks/data.py [FOLDER]

FOLDER holds PNGs or JPEGs; without it 64 radiograph-like PNGs of 1024 px are drawn.

1. Making: a whole array of 256 px (decode, resize, write, flush) by one worker, against cv2.imread and
   cv2.resize in a loop. Aim: at least 0.9 of its images per second.
2. Feeding: an epoch of augmented batches of 256 px from an array of 320 px, against decoding, resizing and
   augmenting each file in each epoch, as a DataLoader's worker with an albumentations pipeline does: one
   affine warp by OpenCV on 8-bit pixels, then brightness and contrast from a table. Aim: at least 10 times as
   fast.

Both sides run in turn, REPEATS times; the medians of rates and of the ratios of each turn are printed. Ratios
are what counts: they hardly move with the load of the machine.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pandas as pd
import torch

from bench.data import decoding
from bench.data.augment import draw_parameters
from bench.data.cache import CachedArray, cached_images
from bench.data.dataset import ImageSet
from bench.data.feeding import training_batches
from bench.data.phantom import render_phantom
from bench.metrics.boxes import COLUMNS
from bench.suite.schema import PhantomSpec, Recipe
from bench.suite.trial import Trial

NUM_IMAGES = 64
SOURCE_PX, INPUT_PX, CACHED_PX = 1024, 256, 320
REPEATS = 7

TRIAL = Trial(
    model="pylon",
    encoder="resnet18",
    weights="none",
    dataset=PhantomSpec(),
    resolution=INPUT_PX,
    seed=0,
    recipe=Recipe(batch_size=32),
)


def draw(folder: Path) -> None:
    """Writes PNGs that are as hard to decode as radiographs: with noise, about 450 kB each."""
    random = np.random.default_rng(0)
    for i in range(NUM_IMAGES):
        image = cv2.resize(render_phantom(0, i, INPUT_PX).image, (SOURCE_PX, SOURCE_PX))
        noisy = image + random.normal(0, 1.5, image.shape)
        cv2.imwrite(str(folder / f"{i:03d}.png"), noisy.clip(0, 255).astype(np.uint8))


def make_plainly(paths: Sequence[Path], side_px: int) -> None:
    """What anyone would write."""
    for path in paths:
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_CUBIC)


def make_array(paths: Sequence[Path], side_px: int) -> None:
    """What `bench data prepare` does, with one worker."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(decoding.os, "cpu_count", return_value=1):
        cached_images(CachedArray(paths, side_px, Path(folder)))


def feed_from_files(paths: Sequence[Path], labels: torch.Tensor, epoch: int) -> None:
    """Decodes, resizes and augments each image, and collates batches."""
    recipe, size = TRIAL.recipe, (INPUT_PX, INPUT_PX)
    for start in range(0, len(paths), recipe.batch_size):
        indices = np.arange(start, min(start + recipe.batch_size, len(paths)))
        parameters = draw_parameters(recipe.augmentation, 0, epoch, indices)
        images = []
        for i, affine, gain, offset in zip(
            indices, parameters.affine, parameters.gain, parameters.offset, strict=True
        ):
            image = cv2.imread(str(paths[i]), cv2.IMREAD_GRAYSCALE)
            image = cv2.resize(image, (CACHED_PX, CACHED_PX), interpolation=cv2.INTER_CUBIC)
            to_pixels = _in_pixels(affine)
            flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
            image = cv2.warpAffine(image, to_pixels, size, flags=flags)
            table = (np.arange(256) * gain + offset * 255).clip(0, 255).astype(np.uint8)
            images.append((cv2.LUT(image, table).astype(np.float32) / 255 - recipe.mean) / recipe.std)
        torch.from_numpy(np.stack(images))[:, None], labels[indices]


def _in_pixels(affine: np.ndarray) -> np.ndarray:
    """Returns the map [2, 3] from pixels of the input to pixels of the cached size, for one in [−1, 1]."""
    linear = affine[:, :2] * CACHED_PX / INPUT_PX
    centre = (affine[:, 2] + 1) * CACHED_PX / 2 - 0.5
    return np.column_stack([linear, centre - linear @ np.full(2, (INPUT_PX - 1) / 2)])


def compare(
    count: int, ours: Callable[[], object], plain: Callable[[], object]
) -> tuple[float, float, float]:
    """Returns the images per second of both, and the ratio: medians of runs in turn, after one to warm up."""
    turns = []
    for _ in range(REPEATS + 1):
        seconds = []
        for work in (ours, plain):
            started = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - started)
        turns.append((count / seconds[0], count / seconds[1], seconds[1] / seconds[0]))
    first, second, ratio = (statistics.median(column) for column in zip(*turns[1:], strict=True))
    return first, second, ratio


def measure(paths: Sequence[Path]) -> None:
    """Prints both comparisons."""
    count = len(paths)
    rates = compare(count, lambda: make_array(paths, INPUT_PX), lambda: make_plainly(paths, INPUT_PX))
    print("make:  array {:.0f} images/s, plain OpenCV {:.0f} images/s, ratio {:.2f}".format(*rates))
    with tempfile.TemporaryDirectory() as folder:
        pixels = cached_images(CachedArray(paths, CACHED_PX, Path(folder)))
        names, labels = tuple(map(str, range(count))), np.zeros((count, 14), np.uint8)
        images = ImageSet(pixels, labels, names, names, pd.DataFrame(columns=list(COLUMNS)))
        device, targets = torch.device("cpu"), torch.zeros(count, 14)
        rates = compare(
            count,
            lambda: list(training_batches(images, TRIAL, 1, device)),
            lambda: feed_from_files(paths, targets, 1),
        )
    print("feed:  array {:.0f} images/s, from files {:.0f} images/s, ratio {:.1f}".format(*rates))


def main() -> None:
    """Measures on the folder that is given, or on drawn images."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as drawn:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else drawn)
        if len(sys.argv) == 1:
            draw(folder)
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
        size = sum(path.stat().st_size for path in paths) / len(paths)
        print(f"{len(paths)} images of {size / 1e3:.0f} kB on average, one core")
        measure(paths)


if __name__ == "__main__":
    main()
