"""RSNA Pneumonia Detection Challenge 2018, as published at Kaggle (Shih et al. 2019).

Expected below the data root, or below ``rsna/`` in it: stage_2_train_labels.csv, gzipped or not, with a row
per box, or one without numbers of an image that has none, and stage_2_train_images/ with a DICOM of each
patientId, or PNGs or JPEGs made of them. Boxes are in px of 1024 × 1024. A patientId is one image; the
patients are those of ChestX-ray14, which `bench.data.sources.nih_origin` reads. Kaggle's test images have
no labels.
"""

from pathlib import Path

import pandas as pd

from bench.data.dataset import DataContext
from bench.data.sources.image_files import files_below, find_root, in_order, match_files, only_file
from bench.data.sources.nih_origin import read_origin, split_by_origin
from bench.data.sources.source import DataSource, one_frame
from bench.data.sources.splits import list_files
from bench.data.sources.tables import as_labels, names_in, read_csv, read_rows
from bench.errors import DataError
from bench.suite.dataset_specs import RsnaSpec, SplitLists
from bench.suite.findings import RSNA_FINDINGS
from bench.suite.keys import IMAGE_ENDINGS

LABEL_FILES = ("stage_2_train_labels.csv", "stage_2_train_labels.csv.gz")
SIDES = ("x", "y", "width", "height")
FRAME_PX = 1024


def read_rsna(spec: RsnaSpec, context: DataContext) -> DataSource:
    """Returns what the download says.

    Raises:
        DataError: the data root is not given, or files are missing, unreadable or contradict each other.
    """
    root = find_root("rsna", "RSNA pneumonia challenge", LABEL_FILES, context.data_root)
    path = only_file(LABEL_FILES, root)
    labels, boxes = read_tables(path)
    names = labels.index.tolist()
    origin = read_origin(names, root, context.data_root)
    parts = split_by_origin(spec, names, origin, context.files, root)
    images = files_below(root / "stage_2_train_images", IMAGE_ENDINGS)
    return DataSource(
        name="rsna",
        root=root,
        findings=RSNA_FINDINGS,
        parts=parts,
        files=match_files(names, in_order(images), root),
        labels=labels,
        patients=origin.patients,
        boxes=boxes,
        trained_by_nih=origin.trained_by_nih(parts["test"]),
        frames=lambda names, _sizes: one_frame(names, FRAME_PX),
        tables=(path, *origin.tables, *list_files(spec.split, context.files)),
        is_official=not isinstance(spec.split, SplitLists),
        has_one_size=True,
    )


def read_tables(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns labels, indexed by image, and boxes in px of 1024: columns image, finding, x, y, w, h.

    Raises:
        DataError: the table is damaged, or rows of an image differ in their Target.
    """
    entries = read_csv(path, ("patientId", *SIDES, "Target"))
    if entries.empty:
        raise DataError("lists no image", place=path)
    (finding,) = RSNA_FINDINGS
    entries["image"] = names_in(entries, "patientId", path)
    entries["Target"] = as_labels(entries, ("Target",), path)["Target"]
    targets = entries.groupby("image", sort=False)["Target"]
    differing = entries[entries["Target"] != entries["image"].map(targets.first())]
    if len(differing):
        image = differing["image"].iloc[0]
        raise DataError(
            f"Target of image {image} is both 0 and 1", place=f"{path}:{differing.index[0]}", value=image
        )
    has_numbers = (entries[list(SIDES)].apply(lambda column: column.str.strip()) != "").any(axis=1)
    boxes = read_rows(entries[has_numbers].assign(finding=finding), SIDES, path)
    return targets.first().to_frame(finding).rename_axis(None), boxes.reset_index(drop=True)
