"""Does the cache cost little to make, and does it pay? Against plain OpenCV on the same files, on one core.

    python benchmarks/data.py [FOLDER]

FOLDER holds PNGs or JPEGs, at any depth; without it 64 radiograph-like PNGs of 1024 px are drawn.

1. Making: a whole array of 256 px (decode, resize, write, flush) by one worker, against cv2.imread and
   cv2.resize in a loop. Aim: at least 0.9 of its images per second.
2. Feeding: augmented batches of 256 px from an array of 320 px, against decoding and augmenting each file in
   each epoch (benchmarks/opencv_pipelines.py). Aim: at least 10 times as fast as transforms one by one.
   - one by one: decode, rotate at full size, crop and resize, flip, shade, normalise; cubic as in the thesis.
   - with linear rotation: the same, but rotations are linear, as most libraries have them by default.
   - fused: decode, shrink to 320 px, one cubic warp for all of geometry: less work than a library of
     transforms does, and other pixels than the thesis'.

All run in turn on the same files, NUM_TURNS times, each time another epoch; files and array are in memory.
Medians of rates and of the ratios within a turn are printed. Ratios are what counts: they hardly move with
the load of the machine.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pandas as pd
import torch
from folder import parser_of, working_folder
from opencv_pipelines import Fused, OneByOne, Pipeline, decode, feed
from timing import rates_in_turn, use_one_core

from bench.data.dataset import ImageSet
from bench.data.feeding import training_batches
from bench.data.images import decoding
from bench.data.images.cache import CachedArray, cached_images
from bench.data.images.decoding import ImageFile
from bench.data.phantom.render import render_phantom
from bench.metrics.regions import COLUMNS
from bench.suite.dataset_specs import PhantomSpec
from bench.suite.schema import Recipe
from bench.suite.trial import Trial

NUM_IMAGES = 64
SOURCE_PX, INPUT_PX, CACHED_PX = 1024, 256, 320
NUM_TURNS = 9
EPOCHS_OF_OURS = 8
"""In a turn, so that it lasts about as long as the others'."""

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
        cv2.resize(decode(path), (side_px, side_px), interpolation=cv2.INTER_CUBIC)


def files_of(paths: Sequence[Path]) -> list[ImageFile]:
    """Returns the files with the digests that a manifest has of them."""
    return [ImageFile(path, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths]


def make_array(files: Sequence[ImageFile], side_px: int) -> None:
    """What `bench data prepare` does, with one worker."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(decoding.os, "cpu_count", return_value=1):
        cached_images(CachedArray(files, side_px, Path(folder)))


def feed_from_array(images: ImageSet, turn: int) -> None:
    """What training does, for EPOCHS_OF_OURS epochs."""
    for epoch in range(turn * EPOCHS_OF_OURS, (turn + 1) * EPOCHS_OF_OURS):
        for _ in training_batches(images, TRIAL, epoch, torch.device("cpu")):
            pass


def measure_making(paths: Sequence[Path]) -> None:
    """Prints the first comparison."""
    files = files_of(paths)
    works = [lambda _: make_array(files, INPUT_PX), lambda _: make_plainly(paths, INPUT_PX)]
    rates = rates_in_turn(works, [len(paths)] * 2, NUM_TURNS)
    ours, plain = np.median(rates, axis=0)
    ratio = np.median(rates[:, 0] / rates[:, 1])
    print(f"make: array {ours:.0f} images/s, plain OpenCV {plain:.0f} images/s, ratio {ratio:.2f}")


def measure_feeding(paths: Sequence[Path]) -> None:
    """Prints the second comparison."""
    count, recipe = len(paths), TRIAL.recipe
    one_by_one = OneByOne(recipe, INPUT_PX)
    pipelines: dict[str, Pipeline] = {
        "one by one": one_by_one,
        "with linear rotation": OneByOne(recipe, INPUT_PX, cv2.INTER_LINEAR),
        "fused": Fused(recipe, INPUT_PX, CACHED_PX),
    }
    with tempfile.TemporaryDirectory() as folder:
        pixels = cached_images(CachedArray(files_of(paths), CACHED_PX, Path(folder)))
        names, labels = tuple(map(str, range(count))), np.zeros((count, 14), np.uint8)
        images = ImageSet(pixels, labels, names, names, pd.DataFrame(columns=list(COLUMNS)))
        works = [lambda turn: feed_from_array(images, turn)]
        works += [
            lambda turn, p=pipeline: feed(p, paths, turn, recipe.batch_size)
            for pipeline in pipelines.values()
        ]
        rates = rates_in_turn(works, [count * EPOCHS_OF_OURS] + [count] * len(pipelines), NUM_TURNS)
    medians = np.median(rates, axis=0)
    print(f"feed: array {medians[0]:.0f} images/s ({1e3 / medians[0]:.2f} ms)")
    for i, name in enumerate(pipelines, start=1):
        ratio = np.median(rates[:, 0] / rates[:, i])
        print(f"      {name} {medians[i]:.0f} images/s ({1e3 / medians[i]:.2f} ms), ratio {ratio:.1f}")
    print(f"      one by one, ms an image on average: {one_by_one}")


def main() -> None:
    """Measures on the folder that is given, or on drawn images."""
    with working_folder(parser_of(__doc__)) as (given, folder):
        use_one_core()
        if given.folder is None:
            draw(folder)
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
        size = sum(path.stat().st_size for path in paths) / len(paths)
        print(f"{len(paths)} images of {size / 1e3:.0f} kB on average")
        measure_making(paths)
        measure_feeding(paths)


if __name__ == "__main__":
    main()
