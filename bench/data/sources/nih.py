"""NIH ChestX-ray14 from its official download or a mirror of it (Wang et al. 2017).

Expected below the data root, or below ``nih/`` in it: Data_Entry_2017.csv or Data_Entry_2017_v2020.csv,
BBox_List_2017.csv, train_val_list.txt, test_list.txt (or these as the mirrors of 224 px call them), and
images in one of the layouts of `IMAGE_FOLDERS`. Boxes are in the frame of the official 1024 px images,
whatever size the files have. Mirrors as JPEG work: an image is known by its name without the ending.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from bench.data.dataset import DataContext
from bench.data.sources.image_files import files_below, find_root, in_order, match_files, only_file
from bench.data.sources.source import DataSource, one_frame
from bench.data.sources.splits import (
    Parts,
    known_parts,
    list_files,
    read_list,
    read_lists,
    split_by_image,
    split_by_patient,
)
from bench.data.sources.tables import (
    SIDES,
    BoxTable,
    Patients,
    finding_names,
    match_rows,
    names_in,
    read_csv,
    read_patients,
    read_rows,
    refuse_repeated,
    require_finding,
)
from bench.errors import DataError
from bench.suite.dataset_specs import NihSpec, SplitLists
from bench.suite.findings import NIH_FINDINGS
from bench.suite.keys import Names, without_ending

NO_FINDING = "No Finding"
"""`Finding Labels` of an image with none of the 14."""

BOX_FRAME_PX = 1024
LABEL_FILES = ("Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv")
BOX_FILES = ("BBox_List_2017.csv", "BBox_List_2017_Official_NIH.csv")
TRAIN_VAL_LISTS = ("train_val_list.txt", "train_val_list_NIH.txt")
TEST_LISTS = ("test_list.txt", "test_list_NIH.txt")
"""The official name and that of the mirrors of 224 px. If several are there, all have to say the same, as the
labels of 2017 and of 2020 do not."""

IMAGE_FOLDERS = (
    "images_*/images",  # the archives unpacked side by side; Kaggle's nih-chest-xrays/data
    "images_*",
    "images",  # all in one folder
    ".",
    "images*/images*",  # resized mirrors: images-224/images-224
    "images*",
)
"""Where images may be, below the root; the first folder that has an image counts."""

SUFFIXES = (".png", ".jpg", ".jpeg")
"""Endings in any case; of one folder's images of the same name the first counts."""


class NihTables(NamedTuple):
    """The text files of the download.

    Attributes:
        labels: indexed by image; a column of 0 and 1 for each of the 14 findings.
        patients: of the images.
        boxes: in px of the 1024 frame.
    """

    labels: pd.DataFrame
    patients: Patients
    boxes: BoxTable


def read_nih(spec: NihSpec, context: DataContext) -> DataSource:
    """Returns what the download says.

    Raises:
        DataError: the data root is not given, or text files are missing, unreadable or contradict each other.
    """
    root = find_root("nih", "ChestX-ray14", LABEL_FILES, context.data_root)
    tables = read_tables(root)
    own_lists = list_files(spec.split, context.files)
    lists = own_lists or (only_file(TRAIN_VAL_LISTS, root), only_file(TEST_LISTS, root))
    return DataSource(
        name="nih",
        root=root,
        findings=NIH_FINDINGS,
        parts=_split(spec, tables, root, context),
        files=find_images(root, list(tables.labels.index)),
        labels=tables.labels,
        patients=tables.patients.of_image,
        without_patient=tables.patients.absent,
        boxes=tables.boxes.boxes,
        unmatched_boxes=tables.boxes.unmatched,
        frames=lambda names, _sizes: one_frame(names, BOX_FRAME_PX),
        tables=(only_file(LABEL_FILES, root), only_file(BOX_FILES, root), *lists),
        is_official=not isinstance(spec.split, SplitLists),
        has_one_size=True,
    )


def read_tables(root: Path) -> NihTables:
    """Returns labels, patients and boxes from the official files in `root`.

    Raises:
        DataError: a file or column is missing, an image occurs twice, or a finding is unknown.
    """
    path = only_file(LABEL_FILES, root)
    entries = read_csv(path, ("Image Index", "Finding Labels", "Patient ID"))
    if entries.empty:
        raise DataError("lists no image", place=path)
    images = names_in(entries, "Image Index", path).map(official_name)
    refuse_repeated(images, path)
    labels = _labels(entries["Finding Labels"], path).set_index(pd.Index(images, name="Image Index"))
    boxes = read_boxes(only_file(BOX_FILES, root), Names(labels.index))
    return NihTables(labels, read_patients(entries["Patient ID"], images), boxes)


def _labels(cells: pd.Series, path: Path) -> pd.DataFrame:
    """Returns a column of 0 and 1 for each finding, of cells as ``Mass|Nodule``."""
    known, rows = finding_names((*NIH_FINDINGS, NO_FINDING)), {}
    for line, cell in cells.drop_duplicates().items():
        place = f"{path}:{line}"
        found = {require_finding(name, known, place) for name in cell.split("|")}
        if NO_FINDING in found and len(found) > 1:
            raise DataError(f"{cell!r} says both {NO_FINDING} and that there is one", place=place, value=cell)
        rows[cell] = [int(finding in found) for finding in NIH_FINDINGS]
    return pd.DataFrame(cells.map(rows).tolist(), columns=list(NIH_FINDINGS))


def read_boxes(path: Path, images: Names) -> BoxTable:
    """Returns the official boxes in px of the 1024 frame: those of `images`, and what the others are.

    Raises:
        DataError: see `read_official_rows`.
    """
    return match_rows(read_official_rows(path), images, finding_names(NIH_FINDINGS), path)


def read_official_rows(path: Path) -> pd.DataFrame:
    """Returns the official boxes, columns image, finding, x, y, w, h, indexed by line; names as written.

    Raises:
        DataError: the file cannot be read, lacks a column, or has a coordinate that is no number.
    """
    table = read_csv(path)
    if table.shape[1] < 6:
        raise DataError(
            f"expected six columns (image, finding, x, y, w, h), found {table.shape[1]}", place=path
        )
    return read_rows(table.iloc[:, :6].set_axis(["image", "finding", *SIDES], axis=1), SIDES, path)


def _split(spec: NihSpec, tables: NihTables, root: Path, context: DataContext) -> Parts:
    """Returns the image names of train, val and test.

    Raises:
        DataError: a list is missing or damaged, or an image has no patient to split by.
    """
    labelled = tables.labels.index
    if isinstance(spec.split, SplitLists):
        return known_parts(read_lists(spec.split, context.files), labelled, root)
    lists = {"pool": only_file(TRAIN_VAL_LISTS, root), "test": only_file(TEST_LISTS, root)}
    known = known_parts({part: read_list(path) for part, path in lists.items()}, labelled, root)
    pool = known["pool"]
    if spec.split == "official":
        train, val = split_by_image(pool, spec.split_seed)
    else:
        tables.patients.require_all(only_file(LABEL_FILES, root))
        patients = [tables.patients.of_image.get(name, name) for name in pool]
        train, val = split_by_patient(pool, patients, spec.split_seed)
    return {"train": train, "val": val, "test": known["test"]}


def find_images(root: Path, names: Sequence[str]) -> dict[str, Path]:
    """Returns the path of each image that has one by its official name, in any of the usual layouts.

    Raises:
        DataError: a folder cannot be read, or two names mean one file.
    """
    paths: list[Path] = []
    for pattern in IMAGE_FOLDERS:
        for folder in [root] if pattern == "." else sorted(root.glob(pattern)):
            paths += in_order(files_below(folder, SUFFIXES))
    official = {without_ending(name): name for name in names}
    found = match_files(list(official), paths, root)
    return {official[stem]: path for stem, path in found.items()}


def official_name(written: str) -> str:
    """Returns the name that the official files give an image, of whatever ending and copy."""
    return f"{without_ending(written)}.png"


def patients_of(images: pd.Series) -> pd.Series:
    """Returns the patient of each image: what its name begins with, up to the first underscore."""
    return images.str.partition("_")[0]
