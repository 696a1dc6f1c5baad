"""Radiographs in PNG and JPEG files as 8-bit gray images, taken as they are.

Of images above 8 bit the upper eight bits are kept. Files of 16 bit often hold fewer, at the lower end: an
image is taken for one of the fewest of `DEPTHS` bits that hold its brightest value. So what a 12-bit detector
saw is divided by 16, and what uses all 16 bits by 256. Colour becomes gray; an alpha channel is left out.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import DataError, brief

CONVERSION = "opencv-gray-2"
"""Names what `read_raster` does, for caches of its results."""

FORMATS = ("PNG", "JPEG")

DEPTHS = (8, 10, 12, 14, 16)
"""Bits that detectors and exports have."""

_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_TAIL = 1024
"""Bytes at a JPEG's end in which its last marker is looked for; some writers put zeros behind it."""

_ORIENTATION, _ON_THE_SIDE = 0x0112, (5, 6, 7, 8)
"""EXIF's tag, and its values that exchange rows and columns: OpenCV turns such an image as it decodes it."""


def read_raster(path: Path, content: bytes) -> npt.NDArray[np.uint8]:
    """Returns uint8 [h, w]: the image in its own size, turned as EXIF says.

    Raises:
        DataError: see `check_raster`, or its pixels are damaged.
    """
    import cv2

    size = check_raster(path, content)
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    if image is None or image.shape != size:
        raise DataError("is damaged: its pixels cannot be decoded", place=path)
    return as_8_bit(image)


def check_raster(path: Path, content: bytes) -> tuple[int, int]:
    """Returns (rows, columns) of the image as it is decoded; pixels are not decoded.

    Raises:
        DataError: it is no PNG or JPEG, cut off, damaged, or has several frames.
    """
    from PIL import Image, UnidentifiedImageError

    if not content:
        raise DataError("is empty", place=path)
    if content.startswith(_JPEG_START) and _JPEG_END not in content[-_TAIL:]:
        raise DataError("is cut off", place=path)  # OpenCV would fill the rest with gray
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            num_frames = getattr(image, "n_frames", 1) if image.format == "PNG" else 1
            image.verify()  # of a PNG: the checksum of each chunk, up to the last
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if b"eXIf" in content and "exif" not in image.info:
                image.load()  # of a PNG it may stand behind the pixels
            size = _size(image)
    except UnidentifiedImageError:
        raise DataError(f"{_what(content)}", place=path) from None
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError and struct.error
        raise DataError(f"is cut off, damaged or no image ({brief(error)})", place=path) from None
    if num_frames > 1:
        raise DataError(f"has {num_frames} frames; allowed: one", place=path)
    return size


def raster_size(path: Path) -> tuple[int, int]:
    """Returns (rows, columns) of the image as it is decoded, from the header alone.

    Raises:
        DataError: it is missing, or is no PNG or JPEG.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=FORMATS) as image:
            return _size(image)
    except UnidentifiedImageError:
        raise DataError("is no PNG or JPEG file", place=path) from None
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", place=path) from None


def as_8_bit(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Returns uint8 of the shape of `image`, uint8 or uint16: its upper eight bits (see the module)."""
    if image.dtype == np.uint8:
        return image
    brightest = int(image.max())
    depth = next(depth for depth in DEPTHS if brightest < 2**depth)
    return (image >> (depth - 8)).astype(np.uint8)


def _size(image: Any) -> tuple[int, int]:
    """Returns (rows, columns) of Pillow's image as OpenCV turns it."""
    from PIL import Image

    exif = Image.Exif()  # not `image.getexif()`, which heeds XMP too and decodes a PNG to look for it
    exif.load(image.info.get("exif", b""))
    columns, rows = image.size
    return (columns, rows) if exif.get(_ORIENTATION) in _ON_THE_SIDE else (rows, columns)


def _what(content: bytes) -> str:
    """Says what a file is that Pillow does not take for a PNG or JPEG."""
    from PIL import Image

    allowed = f"allowed: {', '.join(FORMATS)} of 8 or 16 bit, DICOM"
    if content.startswith(_JPEG_START):
        return f"is a JPEG of a kind that cannot be decoded, or damaged; {allowed}"
    if content[128:132] == b"DICM":
        return "is a DICOM by its content; the name of one has to end in .dcm or .dicom"
    try:
        with Image.open(io.BytesIO(content)) as image:
            return f"is a file of the format {image.format}; {allowed}"
    except Exception:  # whatever it is
        return f"is cut off, damaged or no image; {allowed}"
