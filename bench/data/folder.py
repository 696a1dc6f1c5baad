"""Images of your own in a folder, with a table of labels and one of boxes: docs/your-own-data.md.

An image is called by its file name, with or without the ending, wherever it is below the folder; so file
names are unique. Of files that differ in the ending alone, the name without it means the DICOM before the PNG
before the JPEG. Every image of the split has to be there; others are ignored.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from bench.data import dicom
from bench.data.dataset import DataContext, Dataset
from bench.data.download import Parts, as_numbers, check_parts, files_below, read_csv
from bench.data.frames import header_sizes
from bench.data.source import Source, load_source
from bench.data.splits import list_files, read_lists, split_in_three, split_in_three_by_patient
from bench.errors import DataError, listing, nearest
from bench.metrics.localization import MACRO, WEIGHTED
from bench.suite.identity import short_hash
from bench.suite.schema import FolderSpec, SplitLists

SUFFIXES = (*dicom.SUFFIXES, ".png", ".jpg", ".jpeg")
"""Endings of images, in any case; the first counts."""

PARTS = ("train", "val", "test")
BOX_COLUMNS = {"xywh": ("x", "y", "width", "height"), "corners": ("x_min", "y_min", "x_max", "y_max")}

_NO_FINDINGS = ("image", "patient", "split")
"""Columns of the labels with a meaning of their own."""

_LABELS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}

_OUTSIDE_TOLERANCE = 0.01
"""Share of a side that a box may reach beyond its frame."""


def load_folder(spec: FolderSpec, resolution: int, context: DataContext) -> Dataset:
    """Returns the data set for square inputs of `resolution` px, decoding images into the cache if need be.

    Raises:
        DataError: files are missing, unreadable or contradict each other.
    """
    return load_source(read_folder(spec, context), resolution, spec.oversize, context)


def read_folder(spec: FolderSpec, context: DataContext) -> Source:
    """Returns what the tables say, with the files of the images; without patients each image is one.

    Raises:
        DataError: the folder is missing, or tables are unreadable or contradict each other or the folder.
    """
    path, images = context.files[spec.labels], context.files[spec.images]
    table = _read_table(path)
    labels = _labels(table, path)
    files = find_images(images, list(labels.index))
    parts = _split(spec, table, path, context.files)
    check_parts(parts, labels.index, path)
    boxes = _read_boxes(spec, labels, context.files)
    name = f"folder-{short_hash(str(images))}"  # files of other folders may have the same names and sizes
    return Source(
        name=name,
        root=images,
        findings=tuple(labels.columns),
        parts=parts,
        files=files,
        labels=labels,
        patients=pd.Series(_patients(table), index=labels.index),
        boxes=boxes,
        frames=partial(_frames, spec=spec, files=files, cache_dir=context.cache_dir / name),
        tables=_tables(spec, context.files),
        frame_tolerance=_OUTSIDE_TOLERANCE,
        frame_hint=f"read as box_format {spec.box_format} and box_frame {spec.box_frame}",
    )


def find_images(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Returns the file of each of `names` that has one: file names with or without their ending.

    Raises:
        DataError: there is no such folder, a name is that of several files, or two names mean one file.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of images")
    by_name: dict[str, list[Path]] = {}
    paths = files_below(folder, SUFFIXES, deep=True)
    for path in sorted(paths, key=lambda path: SUFFIXES.index(path.suffix.lower())):
        by_name.setdefault(path.name, []).append(path)
        by_name.setdefault(path.stem, []).append(path)
    files = {name: by_name[name][0] for name in names if name in by_name}
    several = [name for name in files if [path.name for path in by_name[name]].count(files[name].name) > 1]
    if several:
        raise DataError(f"{folder}: several files have the name of an image: {listing(several[:5])}")
    owner: dict[Path, str] = {}
    for name, path in files.items():
        if owner.setdefault(path, name) != name:
            raise DataError(f"{path}: is in the labels twice, as {owner[path]!r} and as {name!r}")
    return files


def _read_table(path: Path) -> pd.DataFrame:
    """The table of labels as text, an image in each row."""
    table = read_csv(path, ("image",))
    if table.empty:
        raise DataError(f"{path}: lists no image")
    table["image"] = table["image"].str.strip()
    if (table["image"] == "").any():
        raise DataError(f"{path}: row {int((table['image'] == '').argmax()) + 2} names no image")
    twice = table["image"][table["image"].duplicated()].unique()
    if len(twice):
        raise DataError(f"{path}: {len(twice)} images stand twice: {listing(twice[:5])}")
    return table


def _labels(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Indexed by image; a column of 0 and 1 for each finding."""
    findings = [column for column in table.columns if column not in _NO_FINDINGS]
    if not findings:
        raise DataError(f"{path}: no column is a finding; every one but {listing(_NO_FINDINGS)} would be")
    for finding in findings:
        if finding in (WEIGHTED, MACRO) or not re.fullmatch(r"\w[\w .-]*(/[\w .-]+)*", finding):
            allowed = "letters, digits, blanks, '_', '-', '.', '/', and not weighted or macro"
            raise DataError(f"{path}: column {finding!r} cannot be the name of a finding; allowed: {allowed}")
    labels = table.set_index("image")[findings].apply(lambda column: column.str.strip().map(_LABELS))
    wrong = labels.isna().to_numpy()
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        came, image, finding = table[findings[column]][row], table["image"][row], findings[column]
        hint = nearest(finding, _NO_FINDINGS)
        raise DataError(
            f"{path}: column {finding!r} of image {image} is {came!r}; allowed for a finding: 0, 1{hint}"
        )
    numbers: pd.DataFrame = labels.astype(np.uint8)
    return numbers


def _patients(table: pd.DataFrame) -> list[str]:
    return table["patient" if "patient" in table.columns else "image"].tolist()


def _split(spec: FolderSpec, table: pd.DataFrame, path: Path, files: Mapping[str, Path]) -> Parts:
    if isinstance(spec.split, SplitLists):
        return read_lists(spec.split, files)
    names = table["image"].tolist()
    if spec.split == "random":
        return split_in_three(names, spec.split_seed)
    if spec.split == "patient":
        _refuse_absent("patient", table, path)
        return split_in_three_by_patient(names, table["patient"].tolist(), spec.split_seed)
    _refuse_absent("split", table, path)
    given = table["split"].str.strip()
    for word in given.unique():
        if word not in PARTS:
            image = table["image"][given == word].iloc[0]
            raise DataError(
                f"{path}: split of image {image} is {word!r}; allowed: {listing(PARTS)}{nearest(word, PARTS)}"
            )
    return {part: tuple(table["image"][given == part]) for part in PARTS}


def _refuse_absent(column: str, table: pd.DataFrame, path: Path) -> None:
    """Refuses a table without the column that the split is made from, or with an empty cell in it."""
    if column not in table.columns:
        raise DataError(
            f"{path}: column {column!r} is missing, which the split is made from; it has: "
            f"{listing(table.columns, 6)}{nearest(column, table.columns)}; or give another split: column, "
            "random, patient, or three lists"
        )
    empty = table["image"][table[column].str.strip() == ""]
    if len(empty):
        raise DataError(f"{path}: {len(empty)} images have no {column}: {listing(empty[:5])}")


def _read_boxes(spec: FolderSpec, labels: pd.DataFrame, files: Mapping[str, Path]) -> pd.DataFrame:
    columns = BOX_COLUMNS[spec.box_format]
    if spec.boxes is None:
        return pd.DataFrame(columns=["image", "finding", "x", "y", "w", "h"])
    path = files[spec.boxes]
    table = as_numbers(read_csv(path, ("image", "finding", *columns)), columns, path, "a coordinate")
    numbers = table[list(columns)].to_numpy(float)
    table["image"], table["finding"] = table["image"].str.strip(), table["finding"].str.strip()
    _check_boxes(table, labels, path)
    if spec.box_format == "corners":
        numbers[:, 2:] -= numbers[:, :2]
    wrong = table["image"][~(np.isfinite(numbers).all(axis=1) & (numbers[:, 2:] > 0).all(axis=1))]
    if len(wrong):
        raise DataError(
            f"{path}: {len(wrong)} boxes have no extent or end before they begin, read as "
            f"{listing(columns)}: {listing(wrong.unique()[:5])}"
        )
    return table[["image", "finding"]].join(pd.DataFrame(numbers, columns=["x", "y", "w", "h"]))


def _check_boxes(table: pd.DataFrame, labels: pd.DataFrame, path: Path) -> None:
    """Refuses boxes of images and findings that the labels do not list."""
    unknown = [name for name in table["image"].unique() if name not in labels.index]
    if unknown:
        hint = nearest(unknown[0], labels.index)
        raise DataError(f"{path}: {len(unknown)} images are not in the labels: {listing(unknown[:5])}{hint}")
    for name in table["finding"].unique():
        if name not in labels.columns:
            allowed = f"allowed: {listing(labels.columns)}{nearest(name, labels.columns)}"
            raise DataError(f"{path}: unknown finding {name!r}; {allowed}")


def _tables(spec: FolderSpec, files: Mapping[str, Path]) -> tuple[Path, ...]:
    """The text files that the data set is read from."""
    own = tuple(files[digest] for digest in (spec.labels, spec.boxes) if digest is not None)
    return (*own, *list_files(spec.split, files))


def _frames(
    names: Sequence[str], spec: FolderSpec, files: Mapping[str, Path], cache_dir: Path
) -> pd.DataFrame:
    """Rows and columns of the frames of the boxes of `names`."""
    if spec.box_frame == "image":
        return header_sizes(names, files, cache_dir)
    side = float(spec.box_frame)
    return pd.DataFrame({"rows": side, "columns": side}, index=list(names))
