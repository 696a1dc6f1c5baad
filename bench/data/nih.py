"""NIH ChestX-ray14 from its official download or a mirror of it (Wang et al. 2017).

Expected below the data root, or below ``nih/`` in it: Data_Entry_2017.csv or Data_Entry_2017_v2020.csv,
BBox_List_2017.csv, train_val_list.txt, test_list.txt (or these as the mirrors of 224 px call them), and
images in one of the layouts of `IMAGE_FOLDERS`. Boxes are in the frame of the official 1024 px images,
whatever size the files have. Mirrors as JPEG work: an image is known by its name without the ending.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.data.dataset import DataContext, Dataset
from bench.data.download import Parts, as_numbers, files_below, find_root, read_csv
from bench.data.findings import ALIASES, NIH_FINDINGS, NO_FINDING, finding_index
from bench.data.source import Source, load_source
from bench.data.splits import list_files, read_list, read_lists, split_by_image, split_by_patient
from bench.errors import DataError, listing
from bench.suite.schema import NihSpec, SplitLists

BOX_FRAME_PX = 1024
LABEL_FILES = ("Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv")
BOX_FILES = ("BBox_List_2017.csv", "BBox_List_2017_Official_NIH.csv")
TRAIN_VAL_LISTS = ("train_val_list.txt", "train_val_list_NIH.txt")
TEST_LISTS = ("test_list.txt", "test_list_NIH.txt")
"""The official name and that of the mirrors of 224 px."""

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


@dataclass(frozen=True)
class NihTables:
    """The text files of the download.

    Attributes:
        root: the folder they are in.
        labels: indexed by image; a column of 0 and 1 for each of the 14 findings.
        patients: patient of each image, indexed by image.
        boxes: columns image, finding, x, y, w, h in px of the 1024 frame.
    """

    root: Path
    labels: pd.DataFrame
    patients: pd.Series
    boxes: pd.DataFrame


def load_nih(spec: NihSpec, resolution: int, context: DataContext) -> Dataset:
    """Returns ChestX-ray14 for square inputs of `resolution` px, decoding images into the cache if need be.

    Raises:
        DataError: the data root is not given, or files are missing, unreadable or contradict each other.
    """
    return load_source(read_nih(spec, context), resolution, spec.oversize, context)


def read_nih(spec: NihSpec, context: DataContext) -> Source:
    """Returns what the download says.

    Raises:
        DataError: the data root is not given, or text files are missing, unreadable or contradict each other.
    """
    tables = read_tables(find_root("nih", "ChestX-ray14", LABEL_FILES, context.data_root))
    return Source(
        name="nih",
        root=tables.root,
        findings=NIH_FINDINGS,
        parts=split_names(spec, tables, context),
        files=find_images(tables.root),
        labels=tables.labels,
        patients=tables.patients,
        boxes=tables.boxes,
        frames=_official_frames,
        tables=_tables(spec, tables.root, context),
        is_official=not isinstance(spec.split, SplitLists),
        has_one_size=True,
    )


def read_tables(root: Path) -> NihTables:
    """Returns labels, patients and boxes from the official files in `root`.

    Raises:
        DataError: a file or column is missing, an image stands twice, or a finding is unknown.
    """
    path = _first_of(LABEL_FILES, root)
    entries = read_csv(path, ("Image Index", "Finding Labels", "Patient ID"))
    twice = entries["Image Index"][entries["Image Index"].duplicated()]
    if len(twice):
        raise DataError(f"{path}: {len(twice)} images stand twice: {listing(twice[:5])}")
    labels = entries["Finding Labels"].str.get_dummies("|").set_index(entries["Image Index"])
    labels = labels.drop(columns=NO_FINDING, errors="ignore").rename(columns=ALIASES)
    for name in labels.columns:
        _finding(name, path)
    labels = labels.reindex(columns=list(NIH_FINDINGS), fill_value=0)
    patients = entries.set_index("Image Index")["Patient ID"]
    return NihTables(root, labels, patients, read_boxes(_first_of(BOX_FILES, root)))


def read_boxes(path: Path) -> pd.DataFrame:
    """Returns the official boxes: columns image, finding, x, y, w, h in px of the 1024 frame.

    Raises:
        DataError: the file cannot be read, lacks a column, or has an unknown finding or a coordinate that is
            no number.
    """
    boxes = read_csv(path)
    if boxes.shape[1] < 6:
        raise DataError(f"{path}: expected six columns (image, finding, x, y, w, h), found {boxes.shape[1]}")
    boxes = boxes.iloc[:, :6].set_axis(["image", "finding", "x", "y", "w", "h"], axis=1)
    boxes["finding"] = [_finding(name, path) for name in boxes["finding"]]
    return as_numbers(boxes, ("x", "y", "w", "h"), path, "a coordinate")


def split_names(spec: NihSpec, tables: NihTables, context: DataContext) -> Parts:
    """Returns the image names of train, val and test.

    Raises:
        DataError: a list is missing or damaged.
    """
    if isinstance(spec.split, SplitLists):
        return read_lists(spec.split, context.files)
    pool = read_list(_first_of(TRAIN_VAL_LISTS, tables.root))
    test = read_list(_first_of(TEST_LISTS, tables.root))
    if spec.split == "official":
        train, val = split_by_image(pool, spec.split_seed)
    else:
        patients = [tables.patients.get(name, name) for name in pool]
        train, val = split_by_patient(pool, patients, spec.split_seed)
    return {"train": train, "val": val, "test": test}


def find_images(root: Path) -> dict[str, Path]:
    """Returns the path of every image by its official name, in any of the layouts that downloads have.

    Raises:
        DataError: a folder cannot be read.
    """
    files: dict[str, Path] = {}
    for pattern in IMAGE_FOLDERS:
        for folder in [root] if pattern == "." else sorted(root.glob(pattern)):
            for suffix in SUFFIXES:
                for path in files_below(folder, (suffix,)):
                    files.setdefault(f"{path.stem}.png", path)
    return files


def _tables(spec: NihSpec, root: Path, context: DataContext) -> tuple[Path, ...]:
    """The text files that the data set is read from."""
    own = list_files(spec.split, context.files)
    lists = own or (_first_of(TRAIN_VAL_LISTS, root), _first_of(TEST_LISTS, root))
    return (_first_of(LABEL_FILES, root), _first_of(BOX_FILES, root), *lists)


def _first_of(names: Sequence[str], root: Path) -> Path:
    """The first of the files that is in `root`, or where the first ought to be."""
    return next((root / name for name in names if (root / name).is_file()), root / names[0])


def _official_frames(names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({"rows": float(BOX_FRAME_PX), "columns": float(BOX_FRAME_PX)}, index=list(names))


def _finding(name: str, path: Path) -> str:
    """The finding that is called `name` in the file `path`."""
    try:
        return NIH_FINDINGS[finding_index(name, NIH_FINDINGS)]
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
