"""NIH ChestX-ray14 from its official download (Wang et al. 2017).

Expected below the data root, or below ``nih/`` in it: Data_Entry_2017.csv or Data_Entry_2017_v2020.csv,
BBox_List_2017.csv, train_val_list.txt, test_list.txt, and PNGs in images_001/images … images_012/images,
images/ or the root itself. Boxes are in the frame of the official 1024 px images, whatever size the files
have; resized mirrors work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.data.cache import cached_images
from bench.data.dataset import DataContext, Dataset, ImageSet
from bench.data.download import as_numbers, check_parts, find_root, paths_of, read_csv
from bench.data.findings import ALIASES, NIH_FINDINGS, NO_FINDING, finding_index
from bench.data.splits import read_list, read_lists, split_by_image, split_by_patient
from bench.errors import DataError, listing
from bench.metrics.boxes import COLUMNS, scaled
from bench.suite.schema import NihSpec, SplitLists

BOX_FRAME_PX = 1024
LABEL_FILES = ("Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv")
BOX_FILE = "BBox_List_2017.csv"
TRAIN_VAL_LIST, TEST_LIST = "train_val_list.txt", "test_list.txt"


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
    tables = read_tables(find_root("nih", "ChestX-ray14", LABEL_FILES, context.data_root))
    parts = split_names(spec, tables, context)
    check_parts(parts, tables.labels.index, tables.root)
    files = find_images(tables.root)
    sides = {"train": round(resolution * spec.oversize), "val": resolution, "test": resolution}
    sets = {
        part: _image_set(part, names, sides[part], tables, files, context) for part, names in parts.items()
    }
    return Dataset(NIH_FINDINGS, sets["train"], sets["val"], sets["test"])


def read_tables(root: Path) -> NihTables:
    """Returns labels, patients and boxes from the official files in `root`.

    Raises:
        DataError: a file or column is missing, an image stands twice, or a finding is unknown.
    """
    path = next(root / name for name in LABEL_FILES if (root / name).is_file())
    entries = read_csv(path, ("Image Index", "Finding Labels", "Patient ID"))
    twice = entries["Image Index"][entries["Image Index"].duplicated()]
    if len(twice):
        raise DataError(f"{path}: {len(twice)} images stand twice: {listing(twice[:5])}")
    labels = entries["Finding Labels"].str.get_dummies("|").set_index(entries["Image Index"])
    labels = labels.drop(columns=NO_FINDING, errors="ignore").rename(columns=ALIASES)
    for name in labels.columns:
        finding_index(name, NIH_FINDINGS)
    labels = labels.reindex(columns=list(NIH_FINDINGS), fill_value=0)
    patients = entries.set_index("Image Index")["Patient ID"]
    return NihTables(root, labels, patients, _read_boxes(root / BOX_FILE))


def split_names(spec: NihSpec, tables: NihTables, context: DataContext) -> dict[str, tuple[str, ...]]:
    """Returns the image names of train, val and test.

    Raises:
        DataError: a list is missing or damaged.
    """
    if isinstance(spec.split, SplitLists):
        return read_lists(spec.split, context.files)
    pool = read_list(tables.root / TRAIN_VAL_LIST)
    test = read_list(tables.root / TEST_LIST)
    if spec.split == "official":
        train, val = split_by_image(pool, spec.split_seed)
    else:
        patients = [tables.patients.get(name, name) for name in pool]
        train, val = split_by_patient(pool, patients, spec.split_seed)
    return {"train": train, "val": val, "test": test}


def find_images(root: Path) -> dict[str, Path]:
    """Returns the path of every PNG by its name, in any of the layouts that downloads have."""
    folders = [*sorted(root.glob("images_*/images")), *sorted(root.glob("images_*")), root / "images", root]
    files: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for path in folder.glob("*.png"):
                files.setdefault(path.name, path)
    return files


def _image_set(
    part: str,
    names: Sequence[str],
    side_px: int,
    tables: NihTables,
    files: dict[str, Path],
    context: DataContext,
) -> ImageSet:
    paths = paths_of(part, names, files, tables.root)
    progress = partial(context.on_progress, f"decode {part}") if context.on_progress else None
    pixels = cached_images(paths, side_px, context.cache_dir / "nih", progress)
    labels: npt.NDArray[np.uint8] = tables.labels.loc[list(names)].to_numpy(np.uint8)
    position = {name: i for i, name in enumerate(names)}
    boxes = tables.boxes[tables.boxes["image"].isin(position)]
    table = pd.DataFrame(
        {
            "image_index": boxes["image"].map(position).astype(int),
            "class_index": [finding_index(name, NIH_FINDINGS) for name in boxes["finding"]],
            **{column: boxes[column] for column in ("x", "y", "w", "h")},
        },
        columns=list(COLUMNS),
    )
    patients = tuple(tables.patients.loc[list(names)])
    return ImageSet(
        pixels, labels, tuple(names), patients, scaled(table, side_px / BOX_FRAME_PX).reset_index(drop=True)
    )


def _read_boxes(path: Path) -> pd.DataFrame:
    boxes = read_csv(path)
    if boxes.shape[1] < 6:
        raise DataError(f"{path}: expected six columns (image, finding, x, y, w, h), found {boxes.shape[1]}")
    boxes = boxes.iloc[:, :6].set_axis(["image", "finding", "x", "y", "w", "h"], axis=1)
    return as_numbers(boxes, ("x", "y", "w", "h"), path, "a coordinate")
