"""How many images a data set has in each part, before anything of it is read."""

import csv
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from bench.data.splits import NUM_TRAIN, NUM_VAL, read_list
from bench.errors import DataError
from bench.suite.schema import DatasetSpec, PhantomSpec, SplitLists, StoredSpec


class ImageCounts(NamedTuple):
    """Numbers of images for training, for validation and for scoring."""

    train: int
    val: int
    test: int

    def limited(self, num_images: int | None) -> "ImageCounts":
        """Returns the counts where so many images of each part are loaded at most; None is all."""
        return self if num_images is None else ImageCounts(*(min(count, num_images) for count in self))


def image_counts(dataset: DatasetSpec, files: Mapping[str, Path]) -> ImageCounts | None:
    """Returns the counts: of published data sets the published ones, whatever a download has.

    Args:
        dataset: as a trial has it.
        files: by digest, those that it names.

    Returns:
        None where only the data itself tells: an own folder without lists.
    """
    if isinstance(dataset, PhantomSpec):
        return ImageCounts(dataset.train, dataset.val, dataset.test)
    if not isinstance(dataset, StoredSpec):
        return None
    if not isinstance(dataset.split, SplitLists):
        return _published().get(dataset.name)
    counts = {part: _num_names(files.get(digest)) for part, digest in dataset.split}
    known = {part: count for part, count in counts.items() if count is not None}
    return ImageCounts(**known) if len(known) == len(counts) else None


@lru_cache
def _published() -> dict[str, ImageCounts]:
    with resources.files("bench.data").joinpath("expected_counts.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["finding"] == "every image"]
    images = {(row["dataset"], row["part"]): int(row["images"]) for row in rows}
    whole = images["vindr", "train+val+test"]
    val, test = round(whole * 0.1), round(whole * 0.2)
    nih = ImageCounts(NUM_TRAIN, NUM_VAL, images["nih", "test"])
    return {"nih": nih, "vindr": ImageCounts(whole - val - test, val, test)}


def _num_names(path: Path | None) -> int | None:
    try:
        return None if path is None else len(read_list(path))
    except DataError:  # a run says what is wrong with it
        return None
