"""Decoded, resized images as one memory-mapped uint8 array per list of images and size.

An array is built once, in parallel, and appears under its name only when it is whole. It is named by the
images' names and file sizes, the side and the decoder, so another download or size is another array.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.data.dicom import CONVERSION, is_dicom, read_dicom
from bench.errors import DataError, listing
from bench.results.atomic import replacing
from bench.suite.identity import short_hash

DECODER = "opencv-gray-cubic-1"
"""Gray decoding, OpenCV's cubic interpolation without antialiasing, as in the thesis (code)."""

Progress = Callable[[int, int], None]


def cached_images(
    paths: Sequence[Path], side_px: int, cache_dir: Path, on_progress: Progress | None = None
) -> npt.NDArray[np.uint8]:
    """Returns uint8 [n, side_px, side_px], memory-mapped and read-only: the images resized to a square.

    Args:
        paths: image files, decoded to gray; DICOMs by `bench.data.dicom.read_dicom`.
        side_px: side of the result; the aspect ratio is not kept.
        cache_dir: where the array is, or is put.
        on_progress: told (done, total) while images are decoded.

    Raises:
        DataError: images cannot be read (all of them are named, up to ten; of DICOMs only the first, with
            the reason), or the disk is full.
    """
    decoder = f"{DECODER} {CONVERSION}" if any(map(is_dicom, paths)) else DECODER
    target = cache_dir / f"{side_px}px-{short_hash([decoder, side_px, names_and_sizes(paths)])}.npy"
    if not target.exists():
        _build(paths, side_px, target, on_progress)
    array: npt.NDArray[np.uint8] = np.load(target, mmap_mode="r")
    return array


def names_and_sizes(paths: Sequence[Path]) -> list[tuple[str, int]]:
    """Returns the name and the size in bytes of each file: what a cache takes for their identity.

    Raises:
        DataError: a file cannot be found.
    """
    try:
        return [(path.name, path.stat().st_size) for path in paths]
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from None


def decode(path: Path, side_px: int) -> npt.NDArray[np.uint8] | None:
    """Returns uint8 [side_px, side_px], or None if the file is no readable image.

    Raises:
        DataError: the file is a DICOM that cannot be read (see `bench.data.dicom.read_dicom`).
    """
    import cv2  # only where something is decoded: a finished cache is read without it

    image = read_dicom(path) if is_dicom(path) else cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        return None
    if image.shape == (side_px, side_px):
        return image.astype(np.uint8, copy=False)
    return cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)


def _build(paths: Sequence[Path], side_px: int, target: Path, on_progress: Progress | None) -> None:
    unreadable: list[str] = []
    try:
        with replacing(target) as temporary:
            shape = (len(paths), side_px, side_px)
            array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
            with ThreadPoolExecutor(os.cpu_count()) as pool:  # OpenCV releases the interpreter lock
                for i, image in enumerate(pool.map(lambda path: decode(path, side_px), paths)):
                    if image is None:
                        unreadable.append(str(paths[i]))
                    else:
                        array[i] = image
                    if on_progress and (i % 50 == 49 or i == len(paths) - 1):
                        on_progress(i + 1, len(paths))
            array.flush()
            del array
            if unreadable:
                shown = listing(unreadable[:10]) + (", …" if len(unreadable) > 10 else "")
                raise DataError(f"{len(unreadable)} of {len(paths)} images cannot be decoded: {shown}")
    except OSError as error:
        raise DataError(f"{target}: the cache cannot be written ({error.strerror or error})") from None
