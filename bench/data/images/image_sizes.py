"""Sizes of images: the frames that boxes are in."""

import os
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from bench.data.images.dicom_header import dicom_size, is_dicom
from bench.data.images.raster import raster_size
from bench.errors import DataError, listing

Sizes = Callable[[Sequence[str]], pd.DataFrame]
"""Given names of images, each once, returns columns rows and columns, in px, above 0, of the image in each
file, as it is decoded, indexed by name. Raises `DataError` if one has no file, or none that is readable."""


def header_sizes(names: Sequence[str], files: Mapping[str, Path]) -> pd.DataFrame:
    """Returns `Sizes` as the files' headers say them: where no manifest of the files is needed otherwise.

    Args:
        names: names of images, each once.
        files: the file of each: DICOM, PNG or JPEG.

    Raises:
        DataError: an image has no file, or its header cannot be read.
    """
    require_files(names, files)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        read = list(pool.map(header_size, [files[name] for name in names]))
    return pd.DataFrame(read, index=list(names), columns=["rows", "columns"], dtype=float)


def require_files(names: Sequence[str], files: Container[str]) -> None:
    """Refuses names of images without a file.

    Raises:
        DataError: there are some.
    """
    missing = [name for name in names if name not in files]
    if missing:
        raise DataError(
            f"{len(missing)} images are missing, so their sizes cannot be read: {listing(missing[:5])}"
        )


def header_size(path: Path) -> tuple[int, int]:
    """Returns (rows, columns) of the image as it is decoded, from the header alone.

    Raises:
        DataError: the file is missing, or is no DICOM, PNG or JPEG.
    """
    return dicom_size(path) if is_dicom(path) else raster_size(path)


def reaching_outside(boxes: pd.DataFrame, sizes: pd.DataFrame, tolerance: float) -> list[str]:
    """Returns the image of each box that reaches outside of its frame.

    Args:
        boxes: columns image, x, y, w, h.
        sizes: columns rows and columns, indexed by image; boxes of other images are not looked at.
        tolerance: share of a side that a box may reach beyond it.
    """
    boxes = boxes[boxes["image"].isin(sizes.index)]
    own = sizes.loc[list(boxes["image"])].set_axis(boxes.index)
    slack, limit = own * tolerance, own * (1 + tolerance)
    is_outside = (
        (boxes["x"] < -slack["columns"])
        | (boxes["y"] < -slack["rows"])
        | (boxes["x"] + boxes["w"] > limit["columns"])
        | (boxes["y"] + boxes["h"] > limit["rows"])
    )
    return boxes["image"][is_outside].tolist()
