"""Whether a DICOM's small numbers are bright: what a viewer does with them, as far as it turns them.

They are in MONOCHROME1, or if the shape of the presentation is INVERSE: the standard has both say the same of
a radiograph (PS3.3 C.8.11.3), so that they turn it once. A step before that which falls turns it once more: a
negative rescale slope, a look-up table that makes large numbers small.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np


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
    """What says how values become gray: the data set, and groups in which newer kinds of files have it."""
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
