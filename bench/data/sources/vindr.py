"""VinDr-CXR (Nguyen et al. 2022), as published at Kaggle and at PhysioNet (1.0.0).

Kaggle, "VinBigData Chest X-ray Abnormalities Detection": expected below the data root, or below ``vindr/``
in it: train.csv or train.csv.gz, and an image for each of its ids in train/ or images/: DICOMs (.dicom,
.dcm), or PNGs or JPEGs made of them. If an image is there as several, its DICOM is read before its PNG
before its JPEG. Copies are taken as they are, so they have to be equalised already
(`bench.data.images.dicom` says how), and need a table of sizes.

Boxes are in px of the original images, each of its own size: the input is a square whatever that was, so x is
scaled by side / columns and y by side / rows. Each radiologist drew boxes of their own; all boxes of a class
on an image are one region, and a hit in any of them counts (thesis §5.5).

A DICOM says its own size. A converted PNG or JPEG does not, so one of these tables has to be beside
train.csv, gzipped or not; if both are, the first counts:

- train_meta.csv with image_id, dim0 (rows), dim1 (columns), as in the resized mirrors at Kaggle;
- images_ratio.csv with image_id, resize_ratio, as the thesis' authors published it, for copies whose aspect
  ratio was kept: the original size is the copy's, divided by the ratio.

PhysioNet, 1.0.0: expected below the data root, or below ``vindr_1_0_0/`` in it:
annotations/annotations_train.csv and annotations_test.csv, gzipped or not, with the same columns, and
train/ and test/ with an image for each id. The 22 local findings have boxes; "No finding" is the absence of
all of them. The test part is the consensus of five radiologists; of training images, what any of three
marked counts.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from bench.data.dataset import DataContext
from bench.data.images.dicom_header import is_dicom
from bench.data.sources.image_files import (
    files_below,
    find_root,
    in_order,
    match_files,
    only_file,
    what_is_there,
)
from bench.data.sources.source import DataSource, Sizes
from bench.data.sources.splits import known_parts, list_files, read_lists, split_in_three, split_official
from bench.data.sources.tables import (
    as_numbers,
    each_its_own,
    finding_names,
    names_in,
    read_csv,
    read_readings,
    read_rows,
    refuse_repeated,
    require_finding,
)
from bench.errors import DataError, listing
from bench.suite.dataset_specs import SplitLists, Vindr100Spec, VindrSpec
from bench.suite.findings import VINDR_1_0_0_FINDINGS, VINDR_FINDINGS, VINDR_NO_FINDING
from bench.suite.keys import IMAGE_ENDINGS, Names

LABEL_FILES = ("train.csv", "train.csv.gz")
IMAGE_FOLDERS = ("train", "images")
PHYSIONET_FILES = {
    part: tuple(f"annotations/annotations_{part}.csv{ending}" for ending in ("", ".gz"))
    for part in ("train", "test")
}
CORNERS = ("x_min", "y_min", "x_max", "y_max")
READER = "rad_id"
META_FILE, RATIO_FILE = "train_meta.csv", "images_ratio.csv"

_SIZE_TABLES = {META_FILE: {"dim0": "rows", "dim1": "columns"}, RATIO_FILE: {"resize_ratio": "resize_ratio"}}
"""The tables' columns, and what they are called here."""

_OUTSIDE_TOLERANCE = 0.01
"""Share of a side that a box may reach beyond it: sizes that come from a ratio are some px too small."""


_FRAME_HINT = "so the given rows and columns may not be those of the originals"


def read_vindr(spec: VindrSpec, context: DataContext) -> DataSource:
    """Returns what the download says; no patients are published: each image counts as one of its own.

    Raises:
        DataError: the data root is not given, or text files are missing, unreadable or contradict each other.
    """
    root = find_root("vindr", "VinDr-CXR", LABEL_FILES, context.data_root)
    labels, boxes = read_tables(root)
    names = list(labels.index)
    paths = [path for folder in IMAGE_FOLDERS for path in files_below(root / folder, IMAGE_ENDINGS)]
    files = match_files(names, in_order(paths), root)
    if isinstance(spec.split, SplitLists):
        parts = known_parts(read_lists(spec.split, context.files), names, root)
    else:
        parts = split_in_three(names, spec.split_seed)
    return DataSource(
        name="vindr",
        root=root,
        findings=VINDR_FINDINGS,
        parts=parts,
        files=files,
        labels=labels,
        patients=each_its_own(names).of_image,
        boxes=boxes,
        frames=partial(_original_sizes, files=files, root=root),
        readings=partial(read_readings_of, root),
        tables=(only_file(LABEL_FILES, root), *list_files(spec.split, context.files)),
        is_official=spec.split == "random",
        frame_tolerance=_OUTSIDE_TOLERANCE,
        frame_hint=_FRAME_HINT,
    )


def read_vindr_1_0_0(spec: Vindr100Spec, context: DataContext) -> DataSource:
    """Returns what the download from PhysioNet says; each image counts as a patient of its own.

    Raises:
        DataError: the data root is not given, or text files are missing, unreadable or contradict each other.
    """
    train_files, test_files = PHYSIONET_FILES["train"], PHYSIONET_FILES["test"]
    root = find_root("vindr_1_0_0", "VinDr-CXR 1.0.0", train_files, context.data_root)
    tables = (only_file(train_files, root), only_file(test_files, root))
    (pool, drawn), (test, consensus) = (read_annotations(path, VINDR_1_0_0_FINDINGS) for path in tables)
    labels = pd.concat([pool, test])
    if not labels.index.is_unique:
        name = labels.index[labels.index.duplicated()][0]
        raise DataError(f"image {name} is in both tables", place=root, value=name)
    names = labels.index.tolist()
    paths = [path for part in PHYSIONET_FILES for path in files_below(root / part, IMAGE_ENDINGS)]
    files = match_files(names, in_order(paths), root)
    return DataSource(
        name="vindr_1_0_0",
        root=root,
        findings=VINDR_1_0_0_FINDINGS,
        parts=split_official(
            spec.split, spec.split_seed, pool.index.tolist(), test.index.tolist(), context.files, root
        ),
        files=files,
        labels=labels,
        patients=each_its_own(names).of_image,
        boxes=pd.concat([drawn, consensus], ignore_index=True),
        frames=partial(_original_sizes, files=files, root=root),
        tables=(*tables, *list_files(spec.split, context.files)),
        frame_tolerance=_OUTSIDE_TOLERANCE,
        frame_hint=_FRAME_HINT,
    )


def read_tables(root: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns labels and boxes from train.csv in `root`, as `read_annotations`."""
    return read_annotations(only_file(LABEL_FILES, root), VINDR_FINDINGS)


def read_annotations(path: Path, findings: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns labels and boxes from a table of marks.

    An image has a finding if any radiologist marked it, and "No finding" if none marked any.

    Args:
        path: the table.
        findings: those of the data set, "No finding" among them.

    Returns:
        A column of 0 and 1 for each finding, indexed by image; and columns image, finding, x, y, w, h in px
        of the original image, without "No finding".

    Raises:
        DataError: the file or a column is missing, a class is unknown, or a box is none.
    """
    entries = _read_entries(path, findings)
    counts = pd.crosstab(entries["image"], entries["finding"]).clip(upper=1)
    labels = counts.reindex(columns=list(findings), fill_value=0)
    labels[VINDR_NO_FINDING] = 1 - labels.drop(columns=VINDR_NO_FINDING).max(axis=1)
    marked = entries[entries["finding"] != VINDR_NO_FINDING]
    return labels, read_rows(marked, CORNERS, path)


def read_readings_of(root: Path) -> pd.DataFrame:
    """Returns what `DataSource.readings` does from train.csv in `root`.

    "No finding" of a radiologist who marks something in the same image says nothing.

    Raises:
        DataError: as of `read_tables`, or radiologists are not named.
    """
    path = only_file(LABEL_FILES, root)
    entries = _read_entries(path, VINDR_FINDINGS, READER)
    entries["reader"] = entries[READER]
    entries["finding"] = entries["finding"].replace(VINDR_NO_FINDING, "")
    images, findings = Names(entries["image"]), finding_names(VINDR_FINDINGS)
    return read_readings(entries, CORNERS, images, findings, path)


def _read_entries(path: Path, findings: Sequence[str], *more: str) -> pd.DataFrame:
    """Returns the rows of a table of marks, with columns image and finding; `more` columns are needed."""
    entries = read_csv(path, ("image_id", "class_name", *CORNERS, *more))
    if entries.empty:
        raise DataError("lists no image", place=path)
    entries["image"] = names_in(entries, "image_id", path)
    known = finding_names(findings)
    first = entries["class_name"].drop_duplicates()
    meant = {name: require_finding(name, known, f"{path}:{line}") for line, name in first.items()}
    entries["finding"] = entries["class_name"].map(meant)
    return entries


def _original_sizes(
    names: Sequence[str], sizes: Sizes, files: Mapping[str, Path], root: Path
) -> pd.DataFrame:
    """Returns columns rows and columns, in px, above 0, of the original of each of `names`, their index.

    An image may be without a file if a table says its size.

    Raises:
        DataError: a header cannot be read or is needed of an image without a file, or no table says the size
            of a copy's original.
    """
    stored = [name for name in names if name in files and is_dicom(files[name])]
    converted = [name for name in names if name not in files or not is_dicom(files[name])]
    found = [sizes(stored)]
    if converted:
        table = _read_size_table(root)
        known = Names(table.index)
        own = {name: known.find(name) for name in converted}
        missing = [name for name in converted if own[name] is None]
        if missing:
            raise DataError(
                f"{len(missing)} converted images have no original size: {listing(missing[:5])}"
                f"{known.hint(missing[0])}",
                place=root,
                value=missing[0],
            )
        given = table.loc[[own[name] for name in converted]].set_axis(converted)
        if "resize_ratio" in given.columns:
            given = sizes(converted).div(given["resize_ratio"], axis=0)
        found.append(given)
    return pd.concat(found).loc[list(names)]


def _read_size_table(root: Path) -> pd.DataFrame:
    """Returns the first table of sizes in `root`, by image: rows and columns, or resize_ratio."""
    paths = ((only_file((file, f"{file}.gz"), root), columns) for file, columns in _SIZE_TABLES.items())
    path, columns = next(((path, columns) for path, columns in paths if path.is_file()), (None, {}))
    if path is None:
        raise DataError(
            "boxes are in px of the original images, and a PNG or JPEG does not say how large its original "
            f"was; expected {META_FILE} (image_id, dim0, dim1) or {RATIO_FILE} (image_id, resize_ratio)"
            f"{what_is_there(tuple(_SIZE_TABLES), root)}",
            place=root,
        )
    table = as_numbers(read_csv(path, ("image_id", *columns)), columns, path, "a size")
    names = names_in(table, "image_id", path)
    refuse_repeated(names, path)
    wrong = names[(table[list(columns)] <= 0).any(axis=1)]
    if len(wrong):
        raise DataError(
            f"{len(wrong)} sizes are not positive numbers: {listing(wrong[:5])}",
            place=f"{path}:{wrong.index[0]}",
            value=wrong.iloc[0],
        )
    return table[list(columns)].rename(columns=columns).set_index(pd.Index(names, name="image_id"))
