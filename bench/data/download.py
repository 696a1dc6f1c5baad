"""What downloads of data sets have in common: a root, text tables, lists of images, images as files."""

import os
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from bench.errors import DataError, listing, nearest

Parts = Mapping[str, tuple[str, ...]]
"""Image names by part: train, val, test."""


def find_root(name: str, title: str, label_files: Sequence[str], data_root: Path | None) -> Path:
    """Returns the folder that holds one of `label_files`: ``<data root>/<name>`` or the data root itself.

    Args:
        name: what a suite calls the data set.
        title: what people call it.
        label_files: names by which its folder is known.
        data_root: the folder that the user gave; None if none.

    Raises:
        DataError: no data root, or none of the files in either.
    """
    if data_root is None:
        raise DataError(f"data set {name}: say where its download is with --data-root or BENCH_DATA_ROOT")
    for folder in (data_root / name, data_root):
        if any((folder / file).is_file() for file in label_files):
            return folder
    raise DataError(f"{data_root}: no {title} here; expected {' or '.join(label_files)}, or a folder {name}/")


def files_below(folder: Path, suffixes: Collection[str], *, deep: bool = False) -> list[Path]:
    """Returns the files with one of the endings, in any case, in `folder`, sorted; none if it is not there.

    Args:
        folder: where to look.
        suffixes: in small letters.
        deep: look in folders of the folder too.

    Raises:
        DataError: a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: the folder cannot be read ({error.strerror})")

    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=refuse if folder.is_dir() else None):
        found += [Path(place, name) for name in names if Path(name).suffix.lower() in suffixes]
        if not deep:
            folders.clear()
    return sorted(found)


def read_csv(path: Path, columns: Iterable[str] = ()) -> pd.DataFrame:
    """Returns the table in `path`, which may be gzipped, with every cell as text; an empty one is "".

    Raises:
        DataError: the file cannot be read, or one of `columns` is missing.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, EOFError, zlib.error, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise DataError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    for column in columns:
        if column not in table.columns:
            hint = nearest(column, table.columns)
            raise DataError(
                f"{path}: column {column!r} is missing; it has: {listing(table.columns[:6])}{hint}"
            )
    return table


def as_numbers(table: pd.DataFrame, columns: Iterable[str], path: Path, what: str) -> pd.DataFrame:
    """Returns `table` with `columns` as float64; `what` is what one of them is called, with its article.

    Raises:
        DataError: a cell is no number.
    """
    try:
        return table.astype(dict.fromkeys(columns, float))
    except ValueError as error:
        raise DataError(f"{path}: {what} is no number ({error})") from None


def check_parts(parts: Parts, labelled: Collection[str], root: Path) -> None:
    """Checks that every part has images, that none is in two parts and that each has labels.

    Raises:
        DataError: otherwise.
    """
    for part, names in parts.items():
        if not names:
            raise DataError(f"{root}: no image is in the {part} part of the split")
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        shared = sorted(set(parts[first]) & set(parts[second]))
        if shared:
            raise DataError(f"{len(shared)} images are in both {first} and {second}: {listing(shared[:5])}")
    unlabelled = [name for names in parts.values() for name in names if name not in labelled]
    if unlabelled:
        raise DataError(
            f"{root}: {len(unlabelled)} images of the split have no labels: {listing(unlabelled[:5])}"
        )


def paths_of(part: str, names: Sequence[str], files: Mapping[str, Path], root: Path) -> list[Path]:
    """Returns the file of each of `names`.

    Raises:
        DataError: some have none.
    """
    missing = [name for name in names if name not in files]
    if missing:
        raise DataError(
            f"{root}: {len(missing)} of {len(names)} {part} images are missing: {listing(missing[:5])}"
        )
    return [files[name] for name in names]
