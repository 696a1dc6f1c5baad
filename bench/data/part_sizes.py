"""How many images a data set has by part, and units of localization, before anything of it is read."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

from bench.data.splits import NUM_TRAIN, NUM_VAL, read_list
from bench.errors import DataError
from bench.suite.schema import DatasetSpec, PhantomSpec, SplitLists, StoredSpec

_UNITS_PER_PHANTOM = 2.0
"""Of the demo's populations: 1.96 boxed findings an image."""


@dataclass(frozen=True)
class PartSizes:
    """Numbers of images.

    Attributes:
        train: for training.
        val: for validation.
        test: for scoring.
        num_units: boxes of test images, about; None if that is not known in advance.
    """

    train: int
    val: int
    test: int
    num_units: int | None

    def limited(self, num_images: int | None) -> "PartSizes":
        """Returns the sizes where of each part so many images are loaded at most; None is all."""
        if num_images is None:
            return self
        train, val, test = (min(size, num_images) for size in (self.train, self.val, self.test))
        return PartSizes(train, val, test, self.num_units)

    def cache_bytes(self, resolution: int, oversize: float) -> int:
        """Returns what the decoded images take of the disk, uint8, at this side of the input in px."""
        return self.train * round(resolution * oversize) ** 2 + (self.val + self.test) * resolution**2


def part_sizes(dataset: DatasetSpec, files: Mapping[str, Path]) -> PartSizes | None:
    """Returns the sizes: of published data sets the published ones, whatever a download has.

    Args:
        dataset: as a trial has it.
        files: by digest, those that it names.

    Returns:
        None where only the data itself tells: an own folder without lists.
    """
    if isinstance(dataset, PhantomSpec):
        num_units = round(_UNITS_PER_PHANTOM * dataset.test)
        return PartSizes(dataset.train, dataset.val, dataset.test, num_units)
    if not isinstance(dataset, StoredSpec):
        return None
    published = _published().get(dataset.name)
    if isinstance(dataset.split, SplitLists):
        counts = {part: _num_names(files.get(digest)) for part, digest in dataset.split}
        if None in counts.values():
            return None
        train, val, test = (counts[part] or 0 for part in ("train", "val", "test"))
        units = None if published is None else published.num_units
        return PartSizes(train, val, test, units)
    return published


@lru_cache
def _published() -> dict[str, PartSizes]:
    with resources.files("bench.data").joinpath("expected_counts.csv").open(encoding="utf-8") as stream:
        rows = {(r["dataset"], r["part"]): r for r in csv.DictReader(stream) if r["finding"] == "every image"}
    test = rows["nih", "test"]
    nih = PartSizes(NUM_TRAIN, NUM_VAL, int(test["images"]), int(test["boxes"]))
    whole = rows["vindr", "train+val+test"]
    count = int(whole["images"])
    val, test_ = round(count * 0.1), round(count * 0.2)
    return {"nih": nih, "vindr": PartSizes(count - val - test_, val, test_, round(int(whole["boxes"]) * 0.2))}


def _num_names(path: Path | None) -> int | None:
    try:
        return None if path is None else len(read_list(path))
    except DataError:  # a run says what is wrong with it
        return None
