"""Radiographs in DICOM files as 8-bit gray images, converted as the thesis did.

MONOCHROME1 inverted, min–max to [0, 1], histogram equalisation, 8 bit, longest side 1024 px with the aspect
ratio kept (protocol: code). Window and rescale attributes are ignored: equalisation undoes any stretch.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import DataError, brief

CONVERSION = "dicom-equalised-1"
"""Names what `read_dicom` does, for caches of its results."""

LONGEST_SIDE_PX = 1024
NUM_BINS = 256
SUFFIXES = (".dicom", ".dcm")

Gray = npt.NDArray[np.uint8]


def is_dicom(path: Path) -> bool:
    """Returns whether the file's name is that of a DICOM."""
    return path.suffix.lower() in SUFFIXES


def read_dicom(path: Path) -> Gray:
    """Returns uint8 [h, w] with max(h, w) = 1024, bright where tissue is dense: one gray radiograph.

    Smaller images are enlarged. The interpolation is OpenCV's bilinear without antialiasing, because the
    authors' is (code: cv2.resize's default); so is the rounding of the shorter side, which is down.

    Raises:
        DataError: the file is missing, no DICOM, compressed in a way that nothing installed decodes,
            damaged, or not one gray image of at most 16 bit.
    """
    import cv2

    header = _read(path)
    kind = str(header.get("PhotometricInterpretation", "absent"))
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise DataError(
            f"{path}: its photometric interpretation is {kind}; allowed: MONOCHROME1, MONOCHROME2"
        )
    stored = _pixels(header, path)
    if stored.ndim != 2 or stored.dtype.kind not in "iu" or stored.dtype.itemsize > 2:
        raise DataError(
            f"{path}: expected one gray image of at most 16 bit, found {stored.dtype} {list(stored.shape)}"
        )
    image = equalised(stored, inverted=kind == "MONOCHROME1")
    height, width = image.shape
    ratio = LONGEST_SIDE_PX / max(height, width)
    size = (max(int(width * ratio), 1), max(int(height * ratio), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def read_size(path: Path) -> tuple[int, int]:
    """Returns (rows, columns) of the stored image, from the header alone.

    Raises:
        DataError: the file is missing, no DICOM, or says no size.
    """
    header = _read(path, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
    rows, columns = header.get("Rows"), header.get("Columns")
    if not rows or not columns:
        raise DataError(f"{path}: its header does not say how many rows and columns the image has")
    return int(rows), int(columns)


def check_pixels(path: Path) -> None:
    """Checks that the file has as many bytes of pixels as its header says; they are not decoded.

    Raises:
        DataError: it is missing, no DICOM, damaged, or has no pixels or too few.
    """
    from pydicom.pixels.utils import get_expected_length

    header = _read(path)
    pixels = header.get("PixelData")
    if not pixels:
        raise DataError(f"{path}: has no pixels")
    try:
        num_expected = get_expected_length(header)
        is_compressed = header.file_meta.TransferSyntaxUID.is_compressed
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: its header does not describe its pixels ({brief(error)})") from None
    if not is_compressed and len(pixels) < num_expected:
        raise DataError(f"{path}: is cut off: {len(pixels)} of {num_expected} bytes of pixels")


def equalised(stored: npt.NDArray[np.integer[Any]], *, inverted: bool = False) -> Gray:
    """Returns uint8 of the shape of `stored`, with the histogram of its range, in 256 bins, made flat.

    A value maps to the share of pixels in the bins up to its own, interpolated linearly between the bins'
    lower edges, times 255, rounded down (code). A constant image is black.

    Args:
        stored: whole numbers, of any range.
        inverted: whether small numbers are bright.
    """
    lowest, highest = int(stored.min()), int(stored.max())
    span = highest - lowest
    if span == 0:
        return np.zeros(stored.shape, np.uint8)
    wide = stored.astype(np.int64)
    levels = highest - wide if inverted else wide - lowest
    # Pixels of one level share their result, so the arithmetic is on levels: the same, and much less of it.
    positions = np.arange(span + 1) / span
    histogram, edges = np.histogram(
        positions, NUM_BINS, range=(0, 1), weights=np.bincount(levels.ravel(), minlength=span + 1)
    )
    share = np.cumsum(histogram) / stored.size
    table = (np.interp(positions, edges[:-1], share) * 255).astype(np.uint8)
    return table[levels]


def _read(path: Path, **options: Any) -> Any:
    import pydicom  # only where a DICOM is read: a finished cache is read without it
    from pydicom.errors import InvalidDicomError

    try:
        return pydicom.dcmread(path, **options)
    except InvalidDicomError:
        raise DataError(f"{path}: is no DICOM file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # a damaged header fails in any of many ways
        raise DataError(f"{path}: is damaged ({brief(error)})") from None


def _pixels(header: Any, path: Path) -> npt.NDArray[Any]:
    """Returns the stored numbers, as they are."""
    try:
        pixels: npt.NDArray[Any] = header.pixel_array
    except Exception as error:  # so does a damaged image, and each decoder in its own
        syntax = getattr(header.file_meta, "TransferSyntaxUID", None)
        hint = ""
        if syntax is not None and syntax.is_transfer_syntax and syntax.is_compressed:
            hint = f"; it is compressed as {syntax.name}: pip install 'pylibjpeg[all]' to decode it"
        raise DataError(f"{path}: its pixels cannot be decoded ({brief(error)}){hint}") from None
    return pixels
