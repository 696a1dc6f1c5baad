"""VinDr-CXR as published at Kaggle, "VinBigData Chest X-ray Abnormalities Detection" (Nguyen et al. 2022).

Expected below the data root, or below ``vindr/`` in it: train.csv or train.csv.gz, and an image for each of
its ids in train/ or images/: DICOMs (.dicom, .dcm), or PNGs made of them. If an image is there as both, its
DICOM is read. PNGs are taken as they are, so they have to be equalised already (`bench.data.dicom` says how),
and need a table of original sizes (`bench.data.vindr_sizes`).

Boxes are in px of the original images, each of its own size: the input is a square whatever that was, so x is
scaled by side / columns and y by side / rows. Each radiologist drew boxes of their own; all boxes of a class
on an image are one region, and a hit in any of them counts (thesis §5.5).
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
from bench.data.dicom import SUFFIXES
from bench.data.download import as_numbers, check_parts, find_root, paths_of, read_csv
from bench.data.findings import VINDR_FINDINGS, VINDR_NO_FINDING
from bench.data.splits import read_lists, split_in_three
from bench.data.vindr_sizes import original_sizes
from bench.errors import DataError, listing, nearest
from bench.metrics.boxes import COLUMNS
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
        boxes: columns image_id, class_name, x_min, y_min, x_max, y_max in px of the original image; none of
            "No finding".
    """

    root: Path
    labels: pd.DataFrame
    boxes: pd.DataFrame


def load_vindr(spec: VindrSpec, resolution: int, context: DataContext) -> Dataset:
    """Returns VinDr-CXR for square inputs of `resolution` px, decoding images into the cache if need be.

    Raises:
        DataError: the data root is not given, or files are missing, unreadable or contradict each other.
    """
    tables = read_tables(find_root("vindr", "VinDr-CXR", LABEL_FILES, context.data_root))
    if isinstance(spec.split, SplitLists):
        parts = read_lists(spec.split, context.files)
    else:
        parts = split_in_three(list(tables.labels.index), spec.split_seed)
    check_parts(parts, tables.labels.index, tables.root)
    files = find_images(tables.root)
    sides = {"train": round(resolution * spec.oversize), "val": resolution, "test": resolution}
    sets = {
        part: _image_set(part, names, sides[part], tables, files, context) for part, names in parts.items()
    }
    return Dataset(VINDR_FINDINGS, sets["train"], sets["val"], sets["test"])


def read_tables(root: Path) -> VindrTables:
    """Returns labels and boxes from train.csv in `root`.

    An image has a finding if any radiologist marked it, and "No finding" if none marked any.

    Raises:
        DataError: the file or a column is missing, a class is unknown, or a box is none.
    """
    path = next(root / name for name in LABEL_FILES if (root / name).is_file())
    entries = read_csv(path, ("image_id", "class_name", *CORNERS))
    for name in entries["class_name"].unique():
        if name not in VINDR_FINDINGS:
            hint = nearest(name, VINDR_FINDINGS)
            raise DataError(f"{path}: unknown class {name!r}; allowed: {listing(VINDR_FINDINGS)}{hint}")
    marked = pd.crosstab(entries["image_id"], entries["class_name"]).clip(upper=1)
    labels = marked.reindex(columns=list(VINDR_FINDINGS), fill_value=0)
    labels[VINDR_NO_FINDING] = 1 - labels.drop(columns=VINDR_NO_FINDING).max(axis=1)
    boxes = entries.loc[entries["class_name"] != VINDR_NO_FINDING, ["image_id", "class_name", *CORNERS]]
    boxes = as_numbers(boxes, CORNERS, path, "a coordinate")
    has_extent = (boxes["x_max"] >= boxes["x_min"]) & (boxes["y_max"] >= boxes["y_min"])
    wrong = boxes["image_id"][~has_extent].tolist()
    if wrong:
        raise DataError(f"{path}: {len(wrong)} boxes end before they begin: {listing(wrong[:5])}")
    return VindrTables(root, labels, boxes)


def find_images(root: Path) -> dict[str, Path]:
    """Returns the path of every image by its id, of a DICOM rather than a PNG."""
    files: dict[str, Path] = {}
    for suffix in (*SUFFIXES, ".png"):
        for folder in IMAGE_FOLDERS:
            for path in (root / folder).glob(f"*{suffix}"):
                files.setdefault(path.stem, path)
    return files


def _image_set(
    part: str,
    names: Sequence[str],
    side_px: int,
    tables: VindrTables,
    files: dict[str, Path],
    context: DataContext,
) -> ImageSet:
    paths = paths_of(part, names, files, tables.root)
    cache_dir = context.cache_dir / "vindr"
    chosen = tables.boxes[tables.boxes["image_id"].isin(set(names))]
    sizes = original_sizes(sorted(set(chosen["image_id"])), files, tables.root, cache_dir)
    boxes = place_boxes(chosen, names, sizes, side_px)
    progress = partial(context.on_progress, f"decode {part}") if context.on_progress else None
    pixels = cached_images(paths, side_px, cache_dir, progress)
    labels: npt.NDArray[np.uint8] = tables.labels.loc[list(names)].to_numpy(np.uint8)
    patients = tuple(names)  # none are published: each image counts as a patient of its own
    return ImageSet(pixels, labels, tuple(names), patients, boxes)


def place_boxes(boxes: pd.DataFrame, names: Sequence[str], sizes: pd.DataFrame, side_px: int) -> pd.DataFrame:
    """Returns a table of boxes (see `bench.metrics.boxes`) in px of a square input of `side_px`.

    Args:
        boxes: as in `VindrTables`.
        names: the images, in the order that image_index counts them.
        sizes: rows and columns of the originals, indexed by image.
        side_px: side of the input.

    Raises:
        DataError: a box reaches outside of its image, so the sizes cannot be those of the originals.
    """
    own = sizes.loc[list(boxes["image_id"])].set_axis(boxes.index)
    limit = own * (1 + _OUTSIDE_TOLERANCE)
    outside = boxes["image_id"][(boxes["x_max"] > limit["columns"]) | (boxes["y_max"] > limit["rows"])]
    if len(outside):
        raise DataError(
            f"data set vindr: {len(outside)} boxes reach outside of their images, so the given rows and "
            f"columns are not those of the originals: {listing(outside.unique()[:5])}"
        )
    position = {name: i for i, name in enumerate(names)}
    x_scale, y_scale = side_px / own["columns"], side_px / own["rows"]
    table = pd.DataFrame(
        {
            "image_index": boxes["image_id"].map(position).astype(int),
            "class_index": boxes["class_name"].map(VINDR_FINDINGS.index).astype(int),
            "x": boxes["x_min"] * x_scale,
            "y": boxes["y_min"] * y_scale,
            "w": (boxes["x_max"] - boxes["x_min"]) * x_scale,
            "h": (boxes["y_max"] - boxes["y_min"]) * y_scale,
        },
        columns=list(COLUMNS),
    )
    return table.reset_index(drop=True)
