"""SIIM-ACR Pneumothorax Segmentation 2019, as published for Kaggle's challenge.

Expected below the data root, or below ``siim/`` in it: train-rle.csv or stage_2_train.csv, gzipped or not,
with columns ImageId and EncodedPixels, and a DICOM of each ImageId below dicom-images-train/, in folders of
any depth, or PNGs or JPEGs made of them. EncodedPixels are pairs of a start and a length down the columns
of 1024 × 1024 px; a start is relative to the end of the run before. -1 is no mask. Several rows of an image
are one mask: their union.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from bench.data.dataset import DataContext
from bench.data.sources.image_files import files_below, find_root, in_order, match_files
from bench.data.sources.masks import Mark, as_rows, damaged, from_counts, outlined
from bench.data.sources.nih_origin import read_origin, split_by_origin
from bench.data.sources.source import DataSource, one_frame
from bench.data.sources.splits import list_files
from bench.data.sources.tables import finding_names, match_rows, names_in, read_csv
from bench.errors import DataError
from bench.suite.dataset_specs import SiimSpec, SplitLists
from bench.suite.findings import SIIM_FINDINGS
from bench.suite.keys import IMAGE_ENDINGS, Names

FIRST_FILES = ("train-rle.csv", "train-rle.csv.gz")
LABEL_FILES = (*FIRST_FILES, "stage_2_train.csv", "stage_2_train.csv.gz")
NO_MASK = "-1"
FRAME_PX = 1024


def read_siim(spec: SiimSpec, context: DataContext) -> DataSource:
    """Returns what the download says.

    Raises:
        DataError: the data root is not given, or files are missing, unreadable or contradict each other.
    """
    root = find_root("siim", "SIIM-ACR pneumothorax challenge", LABEL_FILES, context.data_root)
    path = next(root / name for name in LABEL_FILES if (root / name).is_file())
    labels, rows = read_tables(path)
    names = labels.index.tolist()
    masks = match_rows(rows, Names(names), finding_names(SIIM_FINDINGS), path)
    origin = read_origin(names, root, context.data_root)
    parts = split_by_origin(spec, names, origin, context.files, root)
    images = files_below(root / "dicom-images-train", IMAGE_ENDINGS, deep=True)
    return DataSource(
        name="siim",
        root=root,
        findings=SIIM_FINDINGS,
        parts=parts,
        files=match_files(names, in_order(images), root),
        labels=labels,
        patients=origin.patients,
        boxes=masks.boxes,
        empty_masks=masks.empty,
        trained_by_nih=origin.trained_by_nih(parts["test"]),
        frames=lambda names, _sizes: one_frame(names, FRAME_PX),
        tables=(path, *origin.tables, *list_files(spec.split, context.files)),
        is_official=path.name in FIRST_FILES and not isinstance(spec.split, SplitLists),
        has_one_size=True,
    )


def read_tables(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns labels, indexed by image, and rows of masks (`bench.data.sources.masks.as_rows`).

    Raises:
        DataError: the table is damaged, a mask cannot be read, or an image has both a mask and none.
    """
    entries = read_csv(path, ("ImageId", "EncodedPixels"))
    if entries.empty:
        raise DataError("lists no image", place=path)
    entries["image"] = names_in(entries, "ImageId", path)
    has_mask = entries["EncodedPixels"].str.strip() != NO_MASK
    masked = entries[has_mask]
    both = entries[~has_mask & entries["image"].isin(masked["image"])]
    if len(both):
        image = both["image"].iloc[0]
        raise DataError(
            f"image {image} has both a mask and none", place=f"{path}:{both.index[0]}", value=image
        )
    (finding,) = SIIM_FINDINGS
    labels = has_mask.astype("uint8").groupby(entries["image"], sort=False).max().to_frame(finding)
    return labels.rename_axis(None), as_rows(_marks(masked, finding, path))


def _marks(entries: pd.DataFrame, finding: str, path: Path) -> Iterator[Mark]:
    for line, image, text in zip(entries.index, entries["image"], entries["EncodedPixels"], strict=True):
        try:
            counts = [int(word) for word in text.split()]
            if not counts or len(counts) % 2:
                raise ValueError(f"{len(counts)} numbers are no pairs of a start and a length")
            pixels = from_counts(counts, FRAME_PX, FRAME_PX)
        except ValueError as error:
            raise damaged(error, f"{path}:{line}") from None
        yield outlined(int(line), image, finding, pixels, (FRAME_PX, FRAME_PX))
