"""Images of your own in a folder, with a table of labels, and boxes or masks: docs/your-own-data.md.

An image is called by its file name, with or without the ending, wherever it is below the folder; so file
names are unique. Of files that differ in the ending alone, the name without it means the DICOM before the PNG
before the JPEG. Every image of the split has to be there; others are ignored.
"""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from bench.data.dataset import DataContext
from bench.data.images.decoding import read_gray
from bench.data.sources.coco import read_coco
from bench.data.sources.image_files import files_below, in_order, match_files, nearest_folder
from bench.data.sources.masks import Mark, as_rows, damaged, from_gray, outlined
from bench.data.sources.source import DataSource, Sizes, one_frame
from bench.data.sources.splits import (
    PARTS,
    Parts,
    check_parts,
    known_parts,
    list_files,
    read_lists,
    split_in_three,
    split_in_three_by_patient,
)
from bench.data.sources.tables import (
    NO_BOXES,
    BoxTable,
    Patients,
    as_labels,
    each_its_own,
    finding_names,
    match_rows,
    names_in,
    read_csv,
    read_patients,
    read_readings,
    read_rows,
    refuse_repeated,
)
from bench.errors import DataError, listing, nearest
from bench.suite.dataset_specs import FolderSpec, SplitLists
from bench.suite.findings import NO_FINDING_COLUMNS
from bench.suite.keys import IMAGE_ENDINGS, Names, clean, spelled
from bench.suite.metrics import MACRO, WEIGHTED

BOX_COLUMNS = {"xywh": ("x", "y", "width", "height"), "corners": ("x_min", "y_min", "x_max", "y_max")}

_OUTSIDE_TOLERANCE = 0.01
"""Share of a side that a box may reach beyond its frame."""


def read_folder(spec: FolderSpec, context: DataContext) -> DataSource:
    """Returns what the tables say, with the files of the images; without patients each image is one.

    Raises:
        DataError: the folder is missing, or tables are unreadable or contradict each other or the folder.
    """
    path, images = context.files[spec.labels], context.files[spec.images]
    table = read_csv(path, ("image",), NO_FINDING_COLUMNS)
    if table.empty:
        raise DataError("lists no image", place=path)
    table["image"] = names_in(table, "image", path)
    refuse_repeated(table["image"], path)
    labels = _labels(table, path)
    names = list(labels.index)
    if not images.is_dir():
        raise DataError(f"no such folder of images{nearest_folder(images)}", place=images)
    files = match_files(
        names, in_order(files_below(images, IMAGE_ENDINGS, deep=True)), images, is_unique=True
    )
    patients = each_its_own(names)
    if "patient" in table.columns:
        patients = read_patients(table["patient"], table["image"])
    parts = _split(spec, table, patients, path, context.files)
    check_parts(parts, labels.index, path)
    masks = _read_masks(spec, labels, context.files)
    boxes = _read_boxes(spec, labels, context.files).with_others(masks.marks)
    return DataSource(
        name="folder",
        root=images,
        findings=tuple(labels.columns),
        parts=parts,
        files=files,
        labels=labels,
        patients=patients.of_image,
        without_patient=patients.absent,
        boxes=boxes.boxes,
        unmatched_boxes=boxes.unmatched,
        readings=None if spec.boxes is None else partial(_read_readings, spec, labels, context.files),
        empty_masks=boxes.empty,
        ignored=boxes.ignored,
        frames=lambda names, sizes: _frames(names, sizes, spec, masks.sizes),
        tables=tuple(
            [
                context.files[digest]
                for digest in (spec.labels, spec.boxes, spec.masks)
                if digest is not None and context.files[digest].is_file()
            ]
            + [*list_files(spec.split, context.files)]
        ),
        frame_tolerance=_OUTSIDE_TOLERANCE,
        frame_hint=f"read as box_format {spec.box_format} and box_frame {spec.box_frame}",
    )


def _labels(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Returns a column of 0 and 1 for each finding, indexed by image."""
    findings = [column for column in table.columns if column not in NO_FINDING_COLUMNS]
    if not findings:
        raise DataError(
            f"no column is a finding; every one but {listing(NO_FINDING_COLUMNS)} would be", place=path
        )
    for finding in findings:
        if finding in (WEIGHTED, MACRO) or not re.fullmatch(r"\w[\w .-]*(/[\w .-]+)*", finding):
            allowed = "letters, digits, blanks, '_', '-', '.', '/', and not weighted or macro"
            raise DataError(
                f"column {finding!r} cannot be the name of a finding; allowed: {allowed}",
                place=path,
                value=finding,
            )
    return as_labels(table, findings, path, NO_FINDING_COLUMNS).set_index(pd.Index(table["image"]))


def _split(
    spec: FolderSpec, table: pd.DataFrame, patients: Patients, path: Path, files: Mapping[str, Path]
) -> Parts:
    names = table["image"].tolist()
    if isinstance(spec.split, SplitLists):
        return known_parts(read_lists(spec.split, files), names, path)
    if spec.split == "random":
        return split_in_three(names, spec.split_seed)
    if spec.split == "patient":
        _require_column("patient", table, path)
        patients.require_all(path)
        return split_in_three_by_patient(names, patients.of_image.tolist(), spec.split_seed)
    _require_column("split", table, path)
    given = table["split"].map(spelled)
    others = table[~given.isin(PARTS)]
    if len(others):
        image, came = others["image"].iloc[0], others["split"].iloc[0]
        raise DataError(
            f"split of image {image} is {came!r}",
            place=f"{path}:{others.index[0]}",
            value=came,
            allowed=PARTS,
        )
    return {part: tuple(table["image"][given == part]) for part in PARTS}


def _require_column(column: str, table: pd.DataFrame, path: Path) -> None:
    """Refuses a table without the column that the split is made from."""
    if column not in table.columns:
        known = f"{listing(table.columns, 6)}{nearest(column, table.columns)}"
        raise DataError(
            f"column {column!r} is missing, which the split is made from; it has: {known}; or give another "
            "split: column, random, patient, or three lists",
            place=path,
            value=column,
        )


def _read_boxes(spec: FolderSpec, labels: pd.DataFrame, files: Mapping[str, Path]) -> BoxTable:
    if spec.boxes is None:
        return NO_BOXES
    path = files[spec.boxes]
    rows = read_box_rows(path, BOX_COLUMNS[spec.box_format])
    return match_rows(rows, Names(labels.index), finding_names(labels.columns), path)


def read_box_rows(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Returns the boxes of a table, columns image, finding, x, y, w, h, indexed by line; names as written.

    Args:
        path: of the table.
        columns: that have the sides, see `BOX_COLUMNS`.

    Raises:
        DataError: the table cannot be read, lacks a column, or has a box that is none.
    """
    table = read_csv(path, ("image", "finding", *columns), ("reader",))
    if "reader" in table.columns:  # a row of a reader alone says that nothing was marked
        has_box = (table[["finding", *columns]].map(clean) != "").any(axis=1)
        table = table[has_box | (table["reader"].map(clean) == "")]
    return read_rows(table, columns, path)


class _Masks(NamedTuple):
    """Masks, and the boxes of their file.

    Attributes:
        marks: by the names of the labels.
        sizes: columns rows and columns, px, of the frame of each image that the masks give one, by its name.
    """

    marks: BoxTable
    sizes: pd.DataFrame


def _read_masks(spec: FolderSpec, labels: pd.DataFrame, files: Mapping[str, Path]) -> _Masks:
    """Returns the masks of a file in COCO's JSON, or of a folder of PNGs."""
    sizes = pd.DataFrame(columns=["rows", "columns"], dtype=float)
    if spec.masks is None:
        return _Masks(NO_BOXES, sizes)
    path, images = files[spec.masks], Names(labels.index)
    rows, sizes = read_pngs(path) if path.is_dir() else read_coco(path)[:2]
    marks = match_rows(rows, images, finding_names(labels.columns), path)
    own = sizes.set_axis([images.find(name) or "" for name in sizes.index])
    return _Masks(marks, own[(own.index != "") & ~own.index.duplicated()])


def read_pngs(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the masks in `folder`, ``<finding>/<image>.png``, and the size of each image's masks.

    Raises:
        DataError: there are none, one is damaged, or those of an image differ in size.
    """
    paths = files_below(folder, (".png",), deep=True)
    if not paths:
        raise DataError("holds no PNG; masks are <finding>/<image>.png", place=folder)
    sizes: dict[str, tuple[int, int]] = {}
    with ThreadPoolExecutor() as pool:
        marks = list(pool.map(lambda path: _read_png(path, folder), paths))
    for path, (mark, size) in zip(paths, marks, strict=True):
        if sizes.setdefault(mark.image, size) != size:
            (width, height), (w, h) = size, sizes[mark.image]
            raise DataError(f"has {width} × {height} px, and another mask of its image {w} × {h}", place=path)
    frames = pd.DataFrame(
        [(height, width) for width, height in sizes.values()], index=list(sizes), columns=["rows", "columns"]
    )
    return as_rows(mark for mark, _ in marks), frames.astype(float)


def _read_png(path: Path, folder: Path) -> tuple[Mark, tuple[int, int]]:
    where = path.relative_to(folder)
    if where.parent == Path():
        raise DataError("lies in no folder that is called as its finding", place=path)
    pixels = read_gray(path)
    size = (pixels.shape[1], pixels.shape[0])
    try:
        return outlined(str(where), path.stem, where.parent.as_posix(), from_gray(pixels), size), size
    except ValueError as error:
        raise damaged(error, path) from None


def _frames(names: Sequence[str], sizes: Sizes, spec: FolderSpec, own: pd.DataFrame) -> pd.DataFrame:
    """Returns `DataSource.frames`: of images with masks these masks', of others what the suite says."""
    others = [name for name in names if name not in own.index]
    rest = sizes(others) if spec.box_frame == "image" else one_frame(others, spec.box_frame)
    return pd.concat([own.loc[[name for name in names if name in own.index]], rest]).loc[list(names)]


def _read_readings(spec: FolderSpec, labels: pd.DataFrame, files: Mapping[str, Path]) -> pd.DataFrame:
    """Returns what `DataSource.readings` does; the table of boxes has to have a column reader."""
    assert spec.boxes is not None, "only of a table of boxes"
    path, columns = files[spec.boxes], BOX_COLUMNS[spec.box_format]
    table = read_csv(path, ("image", "finding", "reader", *columns))
    return read_readings(table, columns, Names(labels.index), finding_names(labels.columns), path)
