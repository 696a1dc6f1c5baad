"""Image files as gray squares of one side, decoded on all cores.

PNGs are decoded by threads: OpenCV releases the interpreter lock, so threads are no slower than processes and
need no start. DICOMs are decoded by processes, since pydicom, parts of the equalisation and decoders of
compressed pixels hold the lock. Processes are spawned: torch's threads do not survive a fork, and a forked
process would inherit the locks of its parent.
"""

import hashlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.data.images.dicom import Gray, read_dicom
from bench.data.images.dicom_header import check_dicom, dicom_size, is_dicom
from bench.data.images.raster import check_raster, raster_size, read_raster
from bench.errors import DataError, brief

_CHUNK = 8
"""Images that a worker decodes at a time."""

_WORTH_PROCESSES = 64
"""DICOMs that take longer to decode than processes take to start, which is about a second."""


class ImageFile(NamedTuple):
    """A file whose content is known.

    Attributes:
        path: where it is.
        sha256: of its bytes, hexadecimal.
    """

    path: Path
    sha256: str

    def read(self) -> bytes:
        """Returns its bytes.

        Raises:
            DataError: it cannot be read, or holds something else by now.
        """
        content = read_content(self.path)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise DataError(
                "has been changed since it was checked; the same command goes on", place=self.path
            )
        return content


def read_content(path: Path) -> bytes:
    """Returns the bytes of the file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", place=path) from None


def decode(path: Path, side_px: int) -> Gray:
    """Returns uint8 [side_px, side_px]: the gray image as `square` resizes it.

    Raises:
        DataError: see `read_gray`.
    """
    return square(read_gray(path), side_px)


def read_gray(path: Path, content: bytes | None = None) -> Gray:
    """Returns uint8 [h, w]: the gray image in its own size, a DICOM in that of `dicom.read_dicom`.

    The name's ending says whether it is a DICOM. `content` are its bytes, if they have been read.

    Raises:
        DataError: the file cannot be read, see `check_image`, or its pixels are damaged.
    """
    content = read_content(path) if content is None else content
    with _one_sentence(path):
        return read_dicom(path, content) if is_dicom(path) else read_raster(path, content)


def check_image(path: Path, content: bytes) -> tuple[int, int]:
    """Returns (rows, columns) of the image as it is decoded, and refuses what `read_gray` would refuse.

    Pixels are not decoded: damage within compressed ones is met only when they are.

    Raises:
        DataError: see `dicom_header.check_dicom` and `raster.check_raster`.
    """
    with _one_sentence(path):
        return check_dicom(path, content) if is_dicom(path) else check_raster(path, content)


def header_size(path: Path) -> tuple[int, int]:
    """Returns (rows, columns) of the image as it is decoded, from the header alone.

    Raises:
        DataError: the file is missing, or is no DICOM, PNG or JPEG.
    """
    return dicom_size(path) if is_dicom(path) else raster_size(path)


@contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    """One image, in whatever way it is damaged, does not stop the others."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"cannot be decoded ({brief(error)})", place=path) from None


def square(image: Gray, side_px: int, *, antialias: bool = False) -> Gray:
    """Returns uint8 [side_px, side_px]: `image`, of any aspect, resized by OpenCV's cubic interpolation.

    With `antialias` an image that is larger is averaged over areas: what training does not do (code).
    """
    import cv2  # only where something is decoded: a finished cache is read without it

    if image.shape == (side_px, side_px):
        return image
    averages = antialias and min(image.shape) >= side_px
    how = cv2.INTER_AREA if averages else cv2.INTER_CUBIC
    resized = cv2.resize(image, (side_px, side_px), interpolation=how)
    return resized.astype(np.uint8, copy=False)


def decode_each(
    files: Sequence[ImageFile], side_px: int, *, antialias: bool = False
) -> Generator[Gray | DataError]:
    """Yields for each file, in their order, its image (see `decode` and `square`) or why there is none.

    One that holds something else than it should has none.

    Raises:
        DataError: processes that decode were killed.
    """
    num_workers = os.cpu_count() or 1
    chunks = (files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK))
    pool = _pool(files, num_workers)
    decode_chunk = partial(_decode_chunk, side_px=side_px, antialias=antialias)
    try:
        ahead = deque(pool.submit(decode_chunk, chunk) for chunk in islice(chunks, 2 * num_workers))
        while ahead:
            images = ahead.popleft().result()
            ahead.extend(pool.submit(decode_chunk, chunk) for chunk in islice(chunks, 1))
            yield from images
    except BrokenProcessPool:
        raise DataError(
            "a process that decodes DICOMs has died: killed for want of memory, or started by a script "
            'without if __name__ == "__main__"; the same command goes on'
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _decode_chunk(files: Sequence[ImageFile], side_px: int, *, antialias: bool) -> list[Gray | DataError]:
    images: list[Gray | DataError] = []
    for file in files:
        try:
            images.append(square(read_gray(file.path, file.read()), side_px, antialias=antialias))
        except DataError as error:
            images.append(error)
    return images


def _pool(files: Sequence[ImageFile], num_workers: int) -> Executor:
    is_daemon = multiprocessing.current_process().daemon  # which may have no processes of its own
    if is_daemon or sum(is_dicom(file.path) for file in files) < _WORTH_PROCESSES:
        return ThreadPoolExecutor(num_workers)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(num_workers, mp_context=context, initializer=_start_worker)


def _start_worker() -> None:
    """Leaves Ctrl-C to the parent and one core to each process, and ends it if the parent is killed."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
