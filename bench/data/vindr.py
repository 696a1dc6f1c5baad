"""VinDr-CXR as published at Kaggle, "VinBigData Chest X-ray Abnormalities Detection" (Nguyen et al. 2022).

Expected below the data root, or below ``vindr/`` in it: train.csv or train.csv.gz, and an image for each of
its ids in train/ or images/: DICOMs (.dicom, .dcm), or PNGs made of them. If an image is there as both, its
DICOM is read. PNGs are taken as they are, so they have to be equalised already (`bench.data.dicom` says how),
and need a table of original sizes (`bench.data.vindr_sizes`).

Boxes are in px of the original images, each of its own size: the input is a square whatever that was, so x is
scaled by side / columns and y by side / rows. Each radiologist drew boxes of their own; all boxes of a class
on an image are one region, and a hit in any of them counts (thesis §5.5).
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from bench.data.dataset import DataContext, Dataset
from bench.data.dicom import SUFFIXES
from bench.data.download import as_numbers, files_below, find_root, read_csv
from bench.data.findings import VINDR_FINDINGS, VINDR_NO_FINDING
from bench.data.source import Source, load_source
from bench.data.splits import list_files, read_lists, split_in_three
from bench.data.vindr_sizes import original_sizes
from bench.errors import DataError, listing, nearest
from bench.suite.schema import SplitLists, VindrSpec

LABEL_FILES = ("train.csv", "train.csv.gz")
IMAGE_FOLDERS = ("train", "images")
CORNERS = ("x_min", "y_min", "x_max", "y_max")

_OUTSIDE_TOLERANCE = 0.01
"""Share of a side that a box may reach beyond it: sizes that come from a ratio are some px too small."""


@dataclass(frozen=True)
class VindrTables:
    """The annotations of the download.

    Attributes:
        root: the folder they are in.
        labels: indexed by image; a column of 0 and 1 for each of the 15 findings.
        boxes: columns image, finding, x, y, w, h in px of the original image; none of "No finding".
    """

    root: Path
    labels: pd.DataFrame
    boxes: pd.DataFrame


def load_vindr(spec: VindrSpec, resolution: int, context: DataContext) -> Dataset:
    """Returns VinDr-CXR for square inputs of `resolution` px, decoding images into the cache if need be.

    Raises:
        DataError: the data root is not given, or files are missing, unreadable or contradict each other.
    """
    return load_source(read_vindr(spec, context), resolution, spec.oversize, context)


def read_vindr(spec: VindrSpec, context: DataContext) -> Source:
    """Returns what the download says; no patients are published: each image counts as one of its own.

    Raises:
        DataError: the data root is not given, or text files are missing, unreadable or contradict each other.
    """
    tables = read_tables(find_root("vindr", "VinDr-CXR", LABEL_FILES, context.data_root))
    names, files = list(tables.labels.index), find_images(tables.root)
    if isinstance(spec.split, SplitLists):
        parts = read_lists(spec.split, context.files)
    else:
        parts = split_in_three(names, spec.split_seed)
    return Source(
        name="vindr",
        root=tables.root,
        findings=VINDR_FINDINGS,
        parts=parts,
        files=files,
        labels=tables.labels,
        patients=pd.Series(names, index=names),
        boxes=tables.boxes,
        frames=partial(original_sizes, files=files, root=tables.root, cache_dir=context.cache_dir / "vindr"),
        tables=(_label_file(tables.root), *list_files(spec.split, context.files)),
        is_official=spec.split == "random",
        frame_tolerance=_OUTSIDE_TOLERANCE,
        frame_hint="so the given rows and columns may not be those of the originals",
    )


def read_tables(root: Path) -> VindrTables:
    """Returns labels and boxes from train.csv in `root`.

    An image has a finding if any radiologist marked it, and "No finding" if none marked any.

    Raises:
        DataError: the file or a column is missing, a class is unknown, or a box is none.
    """
    path = _label_file(root)
    entries = read_csv(path, ("image_id", "class_name", *CORNERS))
    for name in entries["class_name"].unique():
        if name not in VINDR_FINDINGS:
            hint = nearest(name, VINDR_FINDINGS)
            raise DataError(f"{path}: unknown class {name!r}; allowed: {listing(VINDR_FINDINGS)}{hint}")
    counts = pd.crosstab(entries["image_id"], entries["class_name"]).clip(upper=1)
    labels = counts.reindex(columns=list(VINDR_FINDINGS), fill_value=0)
    labels[VINDR_NO_FINDING] = 1 - labels.drop(columns=VINDR_NO_FINDING).max(axis=1)
    marked = entries.loc[entries["class_name"] != VINDR_NO_FINDING, ["image_id", "class_name", *CORNERS]]
    return VindrTables(root, labels, _boxes(as_numbers(marked, CORNERS, path, "a coordinate"), path))


def _label_file(root: Path) -> Path:
    return next(root / name for name in LABEL_FILES if (root / name).is_file())


def _boxes(corners: pd.DataFrame, path: Path) -> pd.DataFrame:
    has_extent = (corners["x_max"] >= corners["x_min"]) & (corners["y_max"] >= corners["y_min"])
    wrong = corners["image_id"][~has_extent].tolist()
    if wrong:
        raise DataError(f"{path}: {len(wrong)} boxes end before they begin: {listing(wrong[:5])}")
    return pd.DataFrame(
        {
            "image": corners["image_id"],
            "finding": corners["class_name"],
            "x": corners["x_min"],
            "y": corners["y_min"],
            "w": corners["x_max"] - corners["x_min"],
            "h": corners["y_max"] - corners["y_min"],
        }
    )


def find_images(root: Path) -> dict[str, Path]:
    """Returns the path of every image by its id, of a DICOM rather than a PNG.

    Raises:
        DataError: a folder cannot be read.
    """
    files: dict[str, Path] = {}
    for suffix in (*SUFFIXES, ".png"):
        for folder in IMAGE_FOLDERS:
            for path in files_below(root / folder, (suffix,)):
                files.setdefault(path.stem, path)
    return files
