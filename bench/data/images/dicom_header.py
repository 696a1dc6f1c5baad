"""Headers of DICOM files: which hold one gray radiograph, its size, and whether small numbers are bright.

Small numbers are bright in MONOCHROME1, or if the shape of the presentation is INVERSE: the standard has
both say the same of a radiograph (PS3.3 C.8.11.3), so that they turn it once. A negative rescale slope, or
a look-up table that makes large numbers small, turns it once more.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import DataError, brief


def is_inverted(header: Any) -> bool:
    """Returns whether small numbers are bright, by all that a viewer puts them through."""
    inverted = str(header.get("PhotometricInterpretation")) == "MONOCHROME1"
    inverted |= str(header.get("PresentationLUTShape")) == "INVERSE"
    is_little = header.file_meta.TransferSyntaxUID.is_little_endian
    for step in _steps(header):
        inverted ^= float(step.get("RescaleSlope") or 1) < 0
        for name in ("ModalityLUTSequence", "VOILUTSequence", "PresentationLUTSequence"):
            for table in list(step.get(name) or ())[:1]:  # others are alternatives to the first
                inverted ^= _falls(table, is_little=is_little)
    return inverted


def _steps(header: Any) -> Iterator[Any]:
    """Yields what says how values become gray: the data set, and groups that newer kinds of files have."""
    yield header
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in header.get(groups) or ():
            for name in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
                yield from group.get(name) or ()


def _falls(table: Any, *, is_little: bool) -> bool:
    """Returns whether a look-up table makes large numbers small: whether its entries fall, on the whole."""
    entries: Any = table.LUTData
    if isinstance(entries, bytes):
        is_narrow = len(entries) == int(table.LUTDescriptor[0])
        entries = np.frombuffer(entries, "u1" if is_narrow else "<u2" if is_little else ">u2")
    heights = np.asarray(entries, np.int64) & 0xFFFF
    places = np.arange(heights.size) - (heights.size - 1) / 2
    return float(np.sum(places * heights)) < 0


SUFFIXES = (".dicom", ".dcm")

_GRAY = ("MONOCHROME1", "MONOCHROME2")
_BITS_ALLOCATED = (1, 8, 16)
_ITEM = b"\xfe\xff\x00\xe0"
"""The start of compressed pixels."""


def is_dicom(path: Path) -> bool:
    """Returns whether the file's name is that of a DICOM."""
    return path.suffix.lower() in SUFFIXES


def open_dicom(path: Path, content: bytes) -> Any:
    """Returns the data set of a file that can be decoded, as far as is known without decoding its pixels.

    Raises:
        DataError: it is no DICOM, damaged or cut off, not one gray image of at most 16 bit, or compressed
            in a way that nothing installed decodes.
    """
    header = _read(path, io.BytesIO(content))
    _size(header, path)
    try:
        kind = str(header.get("PhotometricInterpretation") or "absent")
        num_samples = int(header.get("SamplesPerPixel") or 1)
        num_frames = int(header.get("NumberOfFrames") or 1)
        num_bits = int(header.BitsAllocated)
        syntax = header.file_meta.TransferSyntaxUID
        is_compressed = bool(syntax.is_compressed)
        stored_bits(header), padding_range(header), is_inverted(header)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"its header does not describe its pixels ({brief(error)})", place=path) from None
    if kind not in _GRAY:
        raise DataError(f"its photometric interpretation is {kind}", place=path, value=kind, allowed=_GRAY)
    if num_samples != 1:
        raise DataError(f"has {num_samples} samples in a pixel; allowed: one, gray", place=path)
    if num_frames != 1:
        raise DataError(f"has {num_frames} frames; allowed: one", place=path)
    if num_bits not in _BITS_ALLOCATED:
        raise DataError(
            f"has {num_bits} bits in a pixel", place=path, value=num_bits, allowed=_BITS_ALLOCATED
        )
    if "FloatPixelData" in header or "DoubleFloatPixelData" in header:
        raise DataError("its pixels are floating point; allowed: whole numbers of at most 16 bit", place=path)
    if not header.get("PixelData"):
        raise DataError("has no pixels, or they are cut off", place=path)
    if is_compressed:
        _check_compressed(header, path)
    else:
        _check_length(header, path)
    return header


def check_dicom(path: Path, content: bytes) -> tuple[int, int]:
    """Returns (rows, columns) of the stored image.

    Raises:
        DataError: see `open_dicom`.
    """
    return _size(open_dicom(path, content), path)


def dicom_size(path: Path) -> tuple[int, int]:
    """Returns (rows, columns) of the stored image, from the header alone.

    Raises:
        DataError: the file is missing, no DICOM, or says no size.
    """
    return _size(_read(path, path, stop_before_pixels=True, specific_tags=["Rows", "Columns"]), path)


def stored_bits(header: Any) -> tuple[int, int]:
    """Returns how many bits of a pixel are its number, and the lowest of them.

    Raises:
        ValueError: they are not among those that it has.
    """
    allocated = int(header.BitsAllocated)
    num_bits = int(header.get("BitsStored") or allocated)
    lowest = int(header.get("HighBit", num_bits - 1)) + 1 - num_bits
    if not (num_bits >= 1 and 0 <= lowest <= allocated - num_bits):
        raise ValueError(f"{num_bits} bits stored up to bit {lowest + num_bits - 1} of {allocated}")
    return num_bits, lowest


def padding_range(header: Any) -> tuple[int, int] | None:
    """Returns the lowest and the highest value of pixels that are none of the image; None if none is said."""
    value = header.get("PixelPaddingValue")
    if value is None:
        return None
    limit = header.get("PixelPaddingRangeLimit")
    first, second = int(value), int(value if limit is None else limit)
    return min(first, second), max(first, second)


def _read(path: Path, source: Any, **options: Any) -> Any:
    import pydicom  # only where a DICOM is read: a finished cache is read without it
    from pydicom.errors import InvalidDicomError

    try:
        return pydicom.dcmread(source, **options)
    except InvalidDicomError:
        raise DataError("is no DICOM file", place=path) from None
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", place=path) from None
    except Exception as error:  # a damaged header fails in any of many ways
        raise DataError(f"is damaged ({brief(error)})", place=path) from None


def _size(header: Any, path: Path) -> tuple[int, int]:
    rows, columns = header.get("Rows"), header.get("Columns")
    if not isinstance(rows, int) or not isinstance(columns, int) or min(rows, columns) < 1:
        raise DataError("its header does not say how many rows and columns the image has", place=path)
    return rows, columns


def _check_length(header: Any, path: Path) -> None:
    from pydicom.pixels.utils import get_expected_length

    if header["PixelData"].is_undefined_length:
        name = header.file_meta.TransferSyntaxUID.name
        raise DataError(f"its pixels are compressed, and its transfer syntax is {name}", place=path)
    num_found, num_expected = len(header.PixelData), get_expected_length(header)
    if num_found < num_expected:
        raise DataError(f"is cut off: {num_found} of {num_expected} bytes of pixels", place=path)
    if num_found >= 2 * num_expected and num_found > 2:  # one byte is filled up to two
        raise DataError(
            f"has {num_found} bytes of pixels, where its header describes {num_expected}", place=path
        )


def _check_compressed(header: Any, path: Path) -> None:
    """Refuses pixels that nothing installed decompresses, or that are not compressed as the header says."""
    from pydicom.encaps import get_frame
    from pydicom.uid import JPEG2000TransferSyntaxes, JPEGLSTransferSyntaxes, JPEGTransferSyntaxes

    syntax = header.file_meta.TransferSyntaxUID
    _require_decoder(header, path)
    is_named = f"its transfer syntax is {syntax.name}, and its pixels are"
    if not header.PixelData.startswith(_ITEM):
        raise DataError(f"{is_named} not compressed", place=path)
    try:
        frame = get_frame(header.PixelData, 0, number_of_frames=1)
    except Exception as error:  # damaged offsets fail in several ways
        raise DataError(f"its pixels are cut off or damaged ({brief(error)})", place=path) from None
    starts: tuple[bytes, ...] = (b"",)
    if syntax in JPEG2000TransferSyntaxes:
        starts = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
    elif syntax in (*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes):
        starts = (b"\xff\xd8",)
    if not frame or not frame.startswith(starts):
        raise DataError(f"{is_named} something else", place=path)
    size, told = _codestream_size(frame), (header.Rows, header.Columns)
    if size is not None and size != told:
        raise DataError(
            f"its compressed image has {size[0]} rows and {size[1]} columns, its header says {told[0]} and "
            f"{told[1]}",
            place=path,
            value=size,
        )


def _require_decoder(header: Any, path: Path) -> None:
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import JPEGExtended12Bit

    syntax = header.file_meta.TransferSyntaxUID
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise DataError(f"is compressed as {syntax.name}, which cannot be decoded", place=path) from None
    needs = [text.partition(" - requires ")[2] for text in decoder.missing_dependencies]
    is_available = decoder.is_available
    if syntax == JPEGExtended12Bit and int(header.get("BitsStored") or 0) > 8:
        is_available = "pylibjpeg" in decoder.available_plugins  # the others decode 8 bits alone
    if not is_available:
        raise DataError(
            f"is compressed as {syntax.name}, which nothing installed decodes; it needs "
            f"{' or '.join(needs).replace('gdcm>', 'python-gdcm>')}",
            place=path,
            value=syntax.name,
        )


def _codestream_size(frame: bytes) -> tuple[int, int] | None:
    """Returns (rows, columns) that the start of a compressed image says; None if it is of another kind.

    The image is a JPEG, lossless or not, JPEG-LS or JPEG 2000.
    """
    if frame.startswith(b"\xff\x4f\xff\x51") and len(frame) >= 24:
        right, bottom, left, top = (int.from_bytes(frame[at : at + 4], "big") for at in (8, 12, 16, 20))
        return bottom - top, right - left
    at = 2
    while frame.startswith(b"\xff\xd8") and len(frame) >= at + 9 and frame[at] == 0xFF:
        marker, length = frame[at + 1], int.from_bytes(frame[at + 2 : at + 4], "big")
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return int.from_bytes(frame[at + 5 : at + 7], "big"), int.from_bytes(
                frame[at + 7 : at + 9], "big"
            )
        at += 2 + length
    return None
