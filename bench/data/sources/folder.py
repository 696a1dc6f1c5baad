"""Images of your own in a folder, with a table of labels and one of boxes: docs/your-own-data.md.

An image is called by its file name, with or without the ending, wherever it is below the folder; so file
names are unique. Of files that differ in the ending alone, the name without it means the DICOM before the PNG
before the JPEG. Every image of the split has to be there; others are ignored.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from bench.data.dataset import DataContext
from bench.data.sources.image_files import files_below, in_order, match_files, nearest_folder
from bench.data.sources.source import DataSource, one_frame
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
    read_rows,
    refuse_repeated,
)
from bench.errors import DataError, listing, nearest
from bench.suite.findings import NO_FINDING_COLUMNS
from bench.suite.keys import IMAGE_ENDINGS, Names, spelled
from bench.suite.metrics import MACRO, WEIGHTED
from bench.suite.schema import FolderSpec, SplitLists

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
    boxes = _read_boxes(spec, labels, context.files)
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
        frames=lambda names, sizes: (
            sizes(names) if spec.box_frame == "image" else one_frame(names, spec.box_frame)
        ),
        tables=tuple(
            [context.files[digest] for digest in (spec.labels, spec.boxes) if digest is not None]
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
    path, columns = files[spec.boxes], BOX_COLUMNS[spec.box_format]
    rows = read_rows(read_csv(path, ("image", "finding", *columns)), columns, path)
    return match_rows(rows, Names(labels.index), finding_names(labels.columns), path)
