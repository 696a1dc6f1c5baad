"""What downloads of data sets have in common: a root, text tables and the names in them, parts of a split."""

import math
import os
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from bench.data.sources.image_files import what_is_there
from bench.errors import DataError, listing, nearest
from bench.suite.keys import Names, clean
from bench.suite.text_table import read_table, read_text

_LABELS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}

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
    expected = f"expected {' or '.join(label_files)}, or a folder {name}/"
    there = what_is_there(label_files, data_root)
    raise DataError(f"{data_root}: no {title} here; {expected}{there}")


def only_file(names: Sequence[str], root: Path) -> Path:
    """Returns the file of `root` that has one of `names`, or where the first ought to be.

    Raises:
        DataError: there are several, and they differ.
    """
    found = [root / name for name in names if (root / name).is_file()]
    for other in found[1:]:
        if read_text(other).splitlines() != read_text(found[0]).splitlines():
            raise DataError(
                f"{root}: {found[0].name} and {other.name} are both there and differ, so that either may be "
                "meant; move one of them away"
            )
    return found[0] if found else root / names[0]


def files_below(folder: Path, suffixes: Collection[str], *, deep: bool = False) -> list[Path]:
    """Returns the files with one of the endings, in any case, in `folder`, by name; none if it is not there.

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
        chosen = sorted(name for name in names if name.lower().endswith(tuple(suffixes)))
        found += [Path(place, name) for name in chosen]
        folders[:] = sorted(folders) if deep else []
    return found


def read_csv(path: Path, columns: Iterable[str] = (), optional: Iterable[str] = ()) -> pd.DataFrame:
    """Returns the table in `path`, which may be gzipped, with every cell as text; an empty one is "".

    The index is the line of the file at which a row begins. `bench.suite.text_table` says what a table is.

    Args:
        path: the file.
        columns: those that have to be there; the table may write them in another case.
        optional: those that may be there, likewise.

    Raises:
        DataError: the file is no such table, or one of `columns` is missing.
    """
    read = read_table(path)
    wanted = {column.casefold(): column for column in (*columns, *optional)}
    names = [wanted.get(name.casefold(), name) for name in read.columns]
    for column in columns:
        if column not in names:
            raise DataError(
                f"{path}: column {column!r} is missing; it has: {listing(names, 8)}{nearest(column, names)}"
            )
    index = pd.Index(read.lines, dtype="int64", name="line")
    return pd.DataFrame(read.rows, index=index, columns=pd.Index(names, dtype=object), dtype=object)


def names_in(table: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """Returns the names in a column of a table that `read_csv` read, cleaned: `bench.suite.keys`.

    Raises:
        DataError: a cell is empty, or holds a line break or another character that cannot be printed.
    """
    names = table[column].map(clean)
    for line, name in names.items():
        require_name(name, f"{path}:{line}: column {column!r}")
    return names


def require_name(name: str, where: str) -> None:
    """Refuses what cannot be a name.

    Raises:
        DataError: it is empty, or holds a line break or another control character.
    """
    if not name:
        raise DataError(f"{where} is empty; a name is expected")
    if not name.isprintable() and any(unicodedata.category(letter) == "Cc" for letter in name):
        raise DataError(f"{where} holds a line break or another control character: {name!r}")


def refuse_repeated(names: pd.Series, path: Path) -> None:
    """Refuses names of images, indexed by line, that stand more than once.

    Raises:
        DataError: some do.
    """
    twice = names[names.duplicated()]
    if len(twice):
        named = listing((f"{name} (line {line})" for line, name in twice.items()), 5)
        raise DataError(f"{path}: {len(twice)} images stand twice: {named}")


def as_labels(
    table: pd.DataFrame, findings: Sequence[str], path: Path, others: Iterable[str] = ()
) -> pd.DataFrame:
    """Returns the columns `findings` as 0 and 1, uint8.

    Args:
        table: as `read_csv` gives it, with a column image.
        findings: those columns.
        path: the table's file.
        others: columns that are none, one of which may have been meant.

    Raises:
        DataError: a cell is neither 0 nor 1.
    """
    labels = table[list(findings)].apply(lambda column: column.str.strip().map(_LABELS))
    for finding in findings:
        wrong = table[labels[finding].isna()]
        if len(wrong):
            came, image = wrong[finding].iloc[0], wrong["image"].iloc[0]
            raise DataError(
                f"{path}:{wrong.index[0]}: column {finding!r} of image {image} is {came!r}; allowed for a "
                f"finding: 0, 1{nearest(finding, others)}"
            )
    numbers: pd.DataFrame = labels.astype("uint8")
    return numbers


def as_numbers(table: pd.DataFrame, columns: Iterable[str], path: Path, what: str) -> pd.DataFrame:
    """Returns `table` with `columns` as finite float64.

    Args:
        table: as `read_csv` gives it.
        columns: those with numbers.
        path: the table's file.
        what: what a number is called, with its article.

    Raises:
        DataError: a cell is empty, no number, or no finite one.
    """
    numbers = {column: table[column].map(_number) for column in columns}
    for column, values in numbers.items():
        wrong = table[column][values.isna()]
        if len(wrong):
            rest = f", and {len(wrong) - 1} more cells of the column" if len(wrong) > 1 else ""
            hint = "; decimals are written with a point" if "," in wrong.iloc[0] else ""
            raise DataError(
                f"{path}:{wrong.index[0]}: column {column!r} is {wrong.iloc[0]!r}{rest}; {what} is a finite "
                f"number{hint}"
            )
    return table.assign(**{column: values.astype(float) for column, values in numbers.items()})


def _number(cell: str) -> float:
    """The number that a cell holds; NaN if none, or none that is finite."""
    try:
        value = float(cell) if "_" not in cell else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def known_parts(parts: Parts, labelled: Collection[str], root: Path) -> Parts:
    """Returns the parts with the names that the labels give their images; one that they lack keeps its own.

    Args:
        parts: as lists have them, each name once.
        labelled: names that have labels.
        root: where the data set is.

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
                raise DataError(f"{root}: {part} names an image twice, as {by_name[own]!r} and as {name!r}")
        found[part] = tuple(by_name)
    return found


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
        hint = Names(labelled).hint(unlabelled[0])
        raise DataError(
            f"{root}: {len(unlabelled)} images of the split have no labels: {listing(unlabelled[:5])}{hint}"
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
            f"{what_is_there(missing, root)}"
        )
    return [files[name] for name in names]
