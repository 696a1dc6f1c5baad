"""Splits into training, validation and test images: at random, by patient, or from lists."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.data.sources.download import require_name
from bench.errors import DataError
from bench.suite.keys import clean
from bench.suite.schema import SplitLists
from bench.suite.text_table import read_text

NUM_TRAIN, NUM_VAL = 78_484, 8_040
"""Sizes of the authors' split of the 86,524 images of NIH's train_val_list.txt (70 : 7 of the whole)."""


def split_by_image(names: Sequence[str], seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns (train, val): `names` parted at random in the authors' ratio, as the thesis did.

    Images of one patient may fall into both parts: the authors' parts share 4,385 patients.
    """
    ordered = sorted(names)
    order = np.random.default_rng(seed).permutation(len(ordered))
    num_val = _num_val(len(ordered))
    val = sorted(ordered[i] for i in order[:num_val])
    train = sorted(ordered[i] for i in order[num_val:])
    return tuple(train), tuple(val)


def split_by_patient(
    names: Sequence[str], patients: Sequence[str], seed: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns (train, val) in the authors' ratio with no patient in both.

    Patients are taken in a random order into validation until it has its share, so it may exceed it by less
    than one patient's images.
    """
    images: dict[str, list[str]] = {}
    for name, patient in sorted(zip(names, patients, strict=True)):
        images.setdefault(patient, []).append(name)
    ordered = sorted(images)
    val: list[str] = []
    train: list[str] = []
    for i in np.random.default_rng(seed).permutation(len(ordered)):
        part = val if len(val) < _num_val(len(names)) else train
        part.extend(images[ordered[i]])
    return tuple(sorted(train)), tuple(sorted(val))


def _num_val(num_images: int) -> int:
    return round(num_images * NUM_VAL / (NUM_TRAIN + NUM_VAL))


def split_in_three(names: Sequence[str], seed: int) -> dict[str, tuple[str, ...]]:
    """Returns train, val and test: `names` parted 70:10:20 at random, as the thesis did with VinDr-CXR.

    The sizes are rounded for val and test; train has the rest.
    """
    ordered = sorted(names)
    order = np.random.default_rng(seed).permutation(len(ordered))
    num_val, num_test = round(len(ordered) * 0.1), round(len(ordered) * 0.2)
    val, test, train = np.split(order, (num_val, num_val + num_test))
    parts = {"train": train, "val": val, "test": test}
    return {part: tuple(sorted(ordered[i] for i in chosen)) for part, chosen in parts.items()}


def split_in_three_by_patient(
    names: Sequence[str], patients: Sequence[str], seed: int
) -> dict[str, tuple[str, ...]]:
    """Returns train, val and test: `names` parted 70:10:20 with no patient in two parts.

    Patients are taken in a random order, first into test and then into validation, until each has its share,
    so that either may exceed it by less than one patient's images.
    """
    images: dict[str, list[str]] = {}
    for name, patient in sorted(zip(names, patients, strict=True)):
        images.setdefault(patient, []).append(name)
    ordered = sorted(images)
    parts: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    sizes = {"test": round(len(names) * 0.2), "val": round(len(names) * 0.1)}
    for i in np.random.default_rng(seed).permutation(len(ordered)):
        part = next((part for part, size in sizes.items() if len(parts[part]) < size), "train")
        parts[part].extend(images[ordered[i]])
    return {part: tuple(sorted(chosen)) for part, chosen in parts.items()}


def read_lists(lists: SplitLists, files: Mapping[str, Path]) -> dict[str, tuple[str, ...]]:
    """Returns train, val and test from the files that `lists` names by digest.

    Raises:
        DataError: as `read_list`.
    """
    return {part: read_list(files[digest]) for part, digest in lists}


def list_files(split: object, files: Mapping[str, Path]) -> tuple[Path, ...]:
    """Returns the files of a split that is given as lists; none of any other."""
    return tuple(files[digest] for _, digest in split) if isinstance(split, SplitLists) else ()


def read_list(path: Path) -> tuple[str, ...]:
    """Returns the names in a list file, one per line; they may hold blanks.

    Raises:
        DataError: the file is missing, empty, or names an image twice.
    """
    names: dict[str, int] = {}
    for line, written in enumerate(read_text(path).splitlines(), start=1):
        name = clean(written)
        if name:
            require_name(name, f"{path}:{line}")
            if names.setdefault(name, line) != line:
                raise DataError(
                    f"{path}:{line}: names image {name} twice; it stands in line {names[name]} too"
                )
    if not names:
        raise DataError(f"{path}: the list is empty")
    return tuple(names)
