"""Radiographs in DICOM files as 8-bit gray images, converted as the thesis did.

Inverted if small numbers are bright (`dicom_header`), min–max to [0, 1], histogram equalisation,
8 bit, longest side 1024 px with the aspect ratio kept (protocol: code). Windows are ignored, and of rescaling
and look-up tables all but their direction: equalisation undoes a stretch, but not a turn.

Pixels of the padding value become black, and count neither for the range nor for the histogram. Bits that are
not stored ones, such as those of overlays, are cut off.

The thesis' authors looked at MONOCHROME1 alone, for VinDr-CXR; no file of it is known for which that differs.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.images.dicom_header import is_inverted, open_dicom, padding_range, stored_bits
from bench.errors import DataError, brief

CONVERSION = "dicom-equalised-2"
"""Names what `read_dicom` does, for caches of its results."""

LONGEST_SIDE_PX = 1024
NUM_BINS = 256
Gray = npt.NDArray[np.uint8]


def read_dicom(path: Path, content: bytes) -> Gray:
    """Returns one gray radiograph: uint8 [h, w] with max(h, w) = 1024, bright where tissue is dense.

    Smaller images are enlarged. The interpolation is OpenCV's bilinear without antialiasing, because the
    authors' is (code: cv2.resize's default); so is the rounding of the shorter side, which is down.

    Raises:
        DataError: see `dicom_header.open_dicom`, or its pixels are damaged or have more bits than its header
            says.
    """
    import cv2

    header = open_dicom(path, content)
    samples, is_padding = _samples(header, _pixels(header, path), path)
    image = equalised(samples, is_padding, inverted=is_inverted(header))
    height, width = image.shape
    ratio = LONGEST_SIDE_PX / max(height, width)
    size = (max(int(width * ratio), 1), max(int(height * ratio), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def equalised(
    stored: npt.NDArray[np.integer[Any]],
    is_padding: npt.NDArray[np.bool_] | None = None,
    *,
    inverted: bool = False,
) -> Gray:
    """Returns uint8 of the shape of `stored`, with the histogram of its range, in 256 bins, made flat.

    A value maps to the share of pixels in the bins up to its own, interpolated linearly between the bins'
    lower edges, times 255, rounded down (code). A constant image is black.

    Args:
        stored: whole numbers, of any range.
        is_padding: pixels that are none of the image and become black, in its shape; None: there are none.
        inverted: whether small numbers are bright.
    """
    if is_padding is not None:
        image = np.zeros(stored.shape, np.uint8)
        if not is_padding.all():
            image[~is_padding] = equalised(stored[~is_padding], inverted=inverted)
        return image
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


def _pixels(header: Any, path: Path) -> npt.NDArray[Any]:
    """Returns the stored numbers, as they are."""
    try:
        header.pixel_array_options(correct_unused_bits=False)  # `_samples` does, and heeds the highest bit
        pixels: npt.NDArray[Any] = header.pixel_array
    except Exception as error:  # a damaged image, and each decoder in its own way
        raise DataError(f"its pixels cannot be decoded ({brief(error)})", place=path) from None
    if pixels.ndim != 2 or pixels.dtype.kind not in "iu" or pixels.dtype.itemsize > 2:
        found = f"{pixels.dtype} {list(pixels.shape)}"
        raise DataError(f"expected one gray image of at most 16 bit, found {found}", place=path, value=found)
    return pixels


def _samples(
    header: Any, stored: npt.NDArray[Any], path: Path
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]:
    """Returns the whole numbers in the stored bits, and which pixels are padding; None if none can be.

    Raises:
        DataError: without the other bits the image would be torn: they belong to it.
    """
    num_bits, lowest = stored_bits(header)
    with_others = stored.astype(np.int32) >> lowest
    samples = with_others & (2**num_bits - 1)
    if stored.dtype.kind == "i":
        samples -= (samples >> (num_bits - 1)) << num_bits
    padding = padding_range(header)
    is_padding = None
    if padding is not None:
        low, high = padding
        is_padding = ((low <= stored) & (stored <= high)) | ((low <= samples) & (samples <= high))
    is_cut = samples != with_others if is_padding is None else (samples != with_others) & ~is_padding
    if is_cut.any() and _roughness(with_others) < _roughness(samples):
        raise DataError(
            f"its header says that pixels have {num_bits} bits from bit {lowest} on, and they have more, as "
            f"{int(stored[is_cut].max())} has; BitsStored and HighBit have to say what is true",
            place=path,
        )
    return samples, is_padding


def _roughness(image: npt.NDArray[Any]) -> int:
    return int(np.abs(np.diff(image, axis=1)).sum(dtype=np.int64))
