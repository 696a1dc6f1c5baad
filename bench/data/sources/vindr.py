"""VinDr-CXR as published at Kaggle, "VinBigData Chest X-ray Abnormalities Detection" (Nguyen et al. 2022).

Expected below the data root, or below ``vindr/`` in it: train.csv or train.csv.gz, and an image for each of
its ids in train/ or images/: DICOMs (.dicom, .dcm), or PNGs or JPEGs made of them. If an image is there as
several, its DICOM is read before its PNG before its JPEG. Copies are taken as they are, so they have to be
equalised already (`bench.data.images.dicom` says how), and need a table of sizes.

Boxes are in px of the original images, each of its own size: the input is a square whatever that was, so x is
scaled by side / columns and y by side / rows. Each radiologist drew boxes of their own; all boxes of a class
on an image are one region, and a hit in any of them counts (thesis §5.5).

A DICOM says its own size. A converted PNG or JPEG does not, so one of these tables has to be beside
train.csv, gzipped or not; if both are, the first counts:

- train_meta.csv with image_id, dim0 (rows), dim1 (columns), as in the resized mirrors at Kaggle;
- images_ratio.csv with image_id, resize_ratio, as the thesis' authors published it, for copies whose aspect
  ratio was kept: the original size is the copy's, divided by the ratio.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from bench.data.dataset import DataContext
from bench.data.images.dicom_header import is_dicom
from bench.data.images.image_sizes import Sizes
from bench.data.sources.box_table import read_rows
from bench.data.sources.download import (
    as_numbers,
    files_below,
    find_root,
    known_parts,
    names_in,
    only_file,
    read_csv,
    refuse_repeated,
)
from bench.data.sources.findings import VINDR_FINDINGS, VINDR_NO_FINDING, finding_names, require_finding
from bench.data.sources.image_files import ENDINGS, in_order, match_files, what_is_there
from bench.data.sources.patients import each_its_own
from bench.data.sources.source import Source
from bench.data.splits import list_files, read_lists, split_in_three
from bench.errors import DataError, listing
from bench.suite.keys import Names
from bench.suite.schema import SplitLists, VindrSpec

META_FILE, RATIO_FILE = "train_meta.csv", "images_ratio.csv"

_TABLES = {META_FILE: {"dim0": "rows", "dim1": "columns"}, RATIO_FILE: {"resize_ratio": "resize_ratio"}}
"""The tables' columns, and what they are called here."""


def original_sizes(names: Sequence[str], sizes: Sizes, files: Mapping[str, Path], root: Path) -> pd.DataFrame:
    """Returns columns rows and columns, in px, above 0, of the original of each of `names`, their index.

    Args:
        names: ids of images, each once.
        sizes: what says the sizes of files.
        files: the file of each, a DICOM, PNG or JPEG; an image may be without one if a table says its size.
        root: where the tables of sizes are.

    Raises:
        DataError: a header cannot be read or is needed of an image without a file, or no table says the size
            of a copy's original.
    """
    stored = [name for name in names if name in files and is_dicom(files[name])]
    converted = [name for name in names if name not in files or not is_dicom(files[name])]
    found = [sizes(stored)]
    if converted:
        table = _find_table(root)
        known = Names(table.index)
        own = {name: known.find(name) for name in converted}
        missing = [name for name in converted if own[name] is None]
        if missing:
            raise DataError(
                f"{root}: {len(missing)} converted images have no original size: {listing(missing[:5])}"
                f"{known.hint(missing[0])}"
            )
        given = table.loc[[own[name] for name in converted]].set_axis(converted)
        if "resize_ratio" in given.columns:
            given = sizes(converted).div(given["resize_ratio"], axis=0)
        found.append(given)
    return pd.concat(found).loc[list(names)]


def _find_table(root: Path) -> pd.DataFrame:
    """The first table of sizes in `root`, by image: rows and columns, or resize_ratio."""
    for file, columns in _TABLES.items():
        path = only_file((file, f"{file}.gz"), root)
        if path.is_file():
            return _read_table(path, columns)
    raise DataError(
        f"{root}: boxes are in px of the original images, and a PNG or JPEG does not say how large its "
        f"original was; expected {META_FILE} (image_id, dim0, dim1) or {RATIO_FILE} (image_id, resize_ratio)"
        f"{what_is_there(tuple(_TABLES), root)}"
    )


def _read_table(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    table = as_numbers(read_csv(path, ("image_id", *columns)), columns, path, "a size")
    names = names_in(table, "image_id", path)
    refuse_repeated(names, path)
    wrong = names[(table[list(columns)] <= 0).any(axis=1)]
    if len(wrong):
        raise DataError(
            f"{path}:{wrong.index[0]}: {len(wrong)} sizes are not positive numbers: {listing(wrong[:5])}"
        )
    return table[list(columns)].rename(columns=columns).set_index(pd.Index(names, name="image_id"))


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


def read_vindr(spec: VindrSpec, context: DataContext) -> Source:
    """Returns what the download says; no patients are published: each image counts as one of its own.

    Raises:
        DataError: the data root is not given, or text files are missing, unreadable or contradict each other.
    """
    tables = read_tables(find_root("vindr", "VinDr-CXR", LABEL_FILES, context.data_root))
    names = list(tables.labels.index)
    files = find_images(tables.root, names)
    if isinstance(spec.split, SplitLists):
        parts = known_parts(read_lists(spec.split, context.files), names, tables.root)
    else:
        parts = split_in_three(names, spec.split_seed)
    return Source(
        name="vindr",
        root=tables.root,
        findings=VINDR_FINDINGS,
        parts=parts,
        files=files,
        labels=tables.labels,
        patients=each_its_own(names).of_image,
        boxes=tables.boxes,
        frames=partial(original_sizes, files=files, root=tables.root),
        tables=(only_file(LABEL_FILES, tables.root), *list_files(spec.split, context.files)),
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
    path = only_file(LABEL_FILES, root)
    entries = read_csv(path, ("image_id", "class_name", *CORNERS))
    if entries.empty:
        raise DataError(f"{path}: lists no image")
    entries["image"] = names_in(entries, "image_id", path)
    known = finding_names(VINDR_FINDINGS)
    first = entries["class_name"].drop_duplicates()
    meant = {name: require_finding(name, known, f"{path}:{line}") for line, name in first.items()}
    entries["finding"] = entries["class_name"].map(meant)
    counts = pd.crosstab(entries["image"], entries["finding"]).clip(upper=1)
    labels = counts.reindex(columns=list(VINDR_FINDINGS), fill_value=0)
    labels[VINDR_NO_FINDING] = 1 - labels.drop(columns=VINDR_NO_FINDING).max(axis=1)
    marked = entries[entries["finding"] != VINDR_NO_FINDING]
    return VindrTables(root, labels, read_rows(marked, CORNERS, path))


def find_images(root: Path, names: Sequence[str]) -> dict[str, Path]:
    """Returns the path of each image that has one by its id, of a DICOM rather than a PNG or a JPEG.

    Raises:
        DataError: a folder cannot be read, or two ids mean one file.
    """
    paths = [path for folder in IMAGE_FOLDERS for path in files_below(root / folder, ENDINGS)]
    return match_files(names, in_order(paths), root)
