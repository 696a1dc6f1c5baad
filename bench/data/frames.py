"""Sizes of images from their headers: the frames that boxes are in, without decoding anything.

Headers are read once; what they said is kept in the cache, under the names and sizes of the files.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.data.cache import names_and_sizes
from bench.data.dicom import is_dicom, read_size
from bench.errors import DataError, explained, listing
from bench.results.atomic import replacing
from bench.suite.identity import short_hash

SIZE_COLUMNS = ("rows", "columns")

_ORIENTATION, _ON_THE_SIDE = 0x0112, (5, 6, 7, 8)
"""EXIF's tag, and its values that exchange rows and columns: OpenCV turns such an image as it decodes it."""


def header_sizes(names: Sequence[str], files: Mapping[str, Path], cache_dir: Path) -> pd.DataFrame:
    """Returns columns rows and columns, in px, above 0, of the image file of each of `names`, their index.

    Args:
        names: names of images, each once.
        files: the file of each: DICOM, PNG or JPEG.
        cache_dir: where what headers said is kept.

    Raises:
        DataError: an image has no file, its header cannot be read, or the cache cannot be written.
    """
    missing = [name for name in names if name not in files]
    if missing:
        raise DataError(
            f"{len(missing)} images are missing, so their sizes cannot be read: {listing(missing[:5])}"
        )
    paths = [files[name] for name in names]
    target = cache_dir / f"sizes-{short_hash(names_and_sizes(paths))}.npy"
    if paths and not target.exists():
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            read = list(pool.map(header_size, paths))
        try:
            with replacing(target) as temporary, temporary.open("wb") as stream:
                np.save(stream, np.array(read, np.int64))
        except OSError as error:
            raise DataError(f"{explained(error, target)} (--cache-dir moves the cache)") from None
    sizes: npt.NDArray[np.int64] = np.load(target) if paths else np.empty((0, 2), np.int64)
    return pd.DataFrame(sizes, index=list(names), columns=list(SIZE_COLUMNS), dtype=float)


def header_size(path: Path) -> tuple[int, int]:
    """Returns (rows, columns) of the image as it is decoded, from the header alone.

    Raises:
        DataError: the file is missing, or is no DICOM, PNG or JPEG.
    """
    if is_dicom(path):
        return read_size(path)
    from PIL import Image, UnidentifiedImageError  # only where a header is read

    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            columns, rows = image.size
            has_exif = "exif" in image.info  # else Pillow would decode a PNG to look for it
            is_turned = has_exif and image.getexif().get(_ORIENTATION) in _ON_THE_SIDE
    except UnidentifiedImageError:
        raise DataError(f"{path}: is no PNG or JPEG file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    return (columns, rows) if is_turned else (rows, columns)


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
