"""Splits into training, validation and test images: at random, by patient, or from lists."""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from bench.data.sources.tables import require_name
from bench.errors import DataError, listing
from bench.suite.dataset_specs import SplitLists
from bench.suite.keys import Names, clean
from bench.suite.text_table import read_text

NUM_TRAIN, NUM_VAL = 78_484, 8_040
"""Sizes of the authors' split of the 86,524 images of NIH's train_val_list.txt (70 : 7 of the whole)."""

PARTS = ("train", "val", "test")

Parts = Mapping[str, tuple[str, ...]]
"""Image names by part: train, val, test."""


def split_by_image(names: Sequence[str], seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns (train, val): `names` parted at random in the authors' ratio, as the thesis did.

    Images of one patient may fall into both parts: the authors' parts share 4,385 patients.
    """
    ordered = sorted(names)
    order = np.random.default_rng(seed).permutation(len(ordered))
    val, train = np.split(order, [_num_val(len(ordered))])
    return tuple(sorted(ordered[i] for i in train)), tuple(sorted(ordered[i] for i in val))


def split_official(
    spec_split: object,
    split_seed: int,
    pool: Sequence[str],
    test: Sequence[str],
    files: Mapping[str, Path],
    root: Path,
) -> Parts:
    """Returns the parts of a data set whose test part is published: its pool is parted as `split_by_image`.

    Three lists, if `spec_split` is those, say otherwise.
    """
    if isinstance(spec_split, SplitLists):
        return known_parts(read_lists(spec_split, files), [*pool, *test], root)
    train, val = split_by_image(pool, split_seed)
    return {"train": train, "val": val, "test": tuple(test)}


def split_by_patient(
    names: Sequence[str], patients: Sequence[str], seed: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns (train, val) in the authors' ratio with no patient in both.

    Patients are taken in a random order into validation until it has its share, so it may exceed it by less
    than one patient's images.
    """
    parts = _filled_by_patient(names, patients, seed, {"val": _num_val(len(names))})
    return parts["train"], parts["val"]


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
    sizes = {"test": round(len(names) * 0.2), "val": round(len(names) * 0.1)}
    return _filled_by_patient(names, patients, seed, sizes)


def _filled_by_patient(
    names: Sequence[str], patients: Sequence[str], seed: int, sizes: Mapping[str, int]
) -> dict[str, tuple[str, ...]]:
    """Returns the parts: patients in a random order fill those of `sizes`, in their order, then train."""
    images: dict[str, list[str]] = {}
    for name, patient in sorted(zip(names, patients, strict=True)):
        images.setdefault(patient, []).append(name)
    ordered = sorted(images)
    parts: dict[str, list[str]] = {part: [] for part in PARTS}
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
        name, place = clean(written), f"{path}:{line}"
        if name:
            require_name(name, place)
            if names.setdefault(name, line) != line:
                raise DataError(
                    f"names image {name} twice; it stands in line {names[name]} too", place=place, value=name
                )
    if not names:
        raise DataError("the list is empty", place=path)
    return tuple(names)


def known_parts(parts: Parts, labelled: Collection[str], root: Path) -> Parts:
    """Returns the parts with the names that the labels give their images; one that they lack keeps its own.

    Raises:
        DataError: two names of a part are one image's.
    """
    known = Names(labelled)
    found: dict[str, tuple[str, ...]] = {}
    for part, written in parts.items():
        by_name: dict[str, str] = {}
        for name in written:
            own = known.find(name) or name
            if by_name.setdefault(own, name) != name:
                both = f"as {by_name[own]!r} and as {name!r}"
                raise DataError(f"{part} names an image twice, {both}", place=root, value=name)
        found[part] = tuple(by_name)
    return found


def check_parts(parts: Parts, labelled: Collection[str], root: Path) -> None:
    """Checks that every part has images, that none is in two parts and that each has labels.

    Raises:
        DataError: otherwise.
    """
    for part, names in parts.items():
        if not names:
            raise DataError(f"no image is in the {part} part of the split", place=root, value=part)
    for first, second in combinations(PARTS, 2):
        shared = sorted(set(parts[first]) & set(parts[second]))
        if shared:
            raise DataError(
                f"{len(shared)} images are in both {first} and {second}: {listing(shared[:5])}",
                value=shared[0],
            )
    unlabelled = [name for names in parts.values() for name in names if name not in labelled]
    if unlabelled:
        hint = Names(labelled).hint(unlabelled[0])
        raise DataError(
            f"{len(unlabelled)} images of the split have no labels: {listing(unlabelled[:5])}{hint}",
            place=root,
            value=unlabelled[0],
        )
