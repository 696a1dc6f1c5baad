"""Image files as gray squares of one side, decoded on all cores.

PNGs are decoded by threads: OpenCV releases the interpreter lock, so threads are no slower than processes and
need no start. DICOMs are decoded by processes, since pydicom, parts of the equalisation and decoders of
compressed pixels hold the lock. Processes are spawned: torch's threads do not survive a fork, and a forked
process would inherit the locks of its parent.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path

import numpy as np

from bench.data.dicom import Gray, is_dicom, read_dicom
from bench.errors import DataError, brief

_CHUNK = 8
"""Images that a worker decodes at a time."""

_WORTH_PROCESSES = 64
"""DICOMs that take longer to decode than processes take to start, which is about a second."""

_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


def decode(path: Path, side_px: int) -> Gray:
    """Returns uint8 [side_px, side_px]: the gray image as `square` resizes it.

    Raises:
        DataError: see `read_gray`.
    """
    return square(read_gray(path), side_px)


def read_gray(path: Path) -> Gray:
    """Returns uint8 [h, w]: the gray image in its own size, a DICOM in that of `bench.data.dicom.read_dicom`.

    Raises:
        DataError: the file is missing, empty, cut off or no image; for DICOMs see
            `bench.data.dicom.read_dicom`.
    """
    return read_dicom(path) if is_dicom(path) else _read_gray(path)


def square(image: Gray, side_px: int) -> Gray:
    """Returns uint8 [side_px, side_px]: `image`, of any aspect, resized by OpenCV's cubic interpolation."""
    import cv2  # only where something is decoded: a finished cache is read without it

    if image.shape == (side_px, side_px):
        return image
    resized = cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    return resized.astype(np.uint8, copy=False)


def is_cut_off_jpeg(start: bytes, end: bytes) -> bool:
    """Returns whether a file from `start` to `end` is a JPEG without its end marker."""
    return start.startswith(_JPEG_START) and _JPEG_END not in end


def decode_each(paths: Sequence[Path], side_px: int) -> Generator[Gray | DataError]:
    """Yields for each file, in their order, its image (see `decode`) or why there is none.

    Raises:
        DataError: processes that decode were killed.
    """
    num_workers = os.cpu_count() or 1
    chunks = (paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK))
    pool = _pool(paths, num_workers)
    try:
        ahead = deque(pool.submit(_decode_chunk, chunk, side_px) for chunk in islice(chunks, 2 * num_workers))
        while ahead:
            images = ahead.popleft().result()
            ahead.extend(pool.submit(_decode_chunk, chunk, side_px) for chunk in islice(chunks, 1))
            yield from images
    except BrokenProcessPool:
        raise DataError(
            "a process that decodes DICOMs has died: killed for want of memory, or started by a script "
            'without if __name__ == "__main__"; the same command goes on'
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _read_gray(path: Path) -> Gray:
    import cv2

    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(len(_JPEG_START))
            stream.seek(max(size - 1024, 0))
            is_cut_off = is_cut_off_jpeg(start, stream.read())  # OpenCV would fill the rest with gray
        image = None if is_cut_off or not size else cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    if image is None:
        reason = "is cut off" if is_cut_off else "is damaged or no image" if size else "is empty"
        raise DataError(f"{path}: {reason}")
    return image.astype(np.uint8, copy=False)


def _decode_chunk(paths: Sequence[Path], side_px: int) -> list[Gray | DataError]:
    return [_try_decode(path, side_px) for path in paths]


def _try_decode(path: Path, side_px: int) -> Gray | DataError:
    image = try_read_gray(path)
    return image if isinstance(image, DataError) else square(image, side_px)


def try_read_gray(path: Path) -> Gray | DataError:
    """Returns the image (see `read_gray`) or why there is none, in whatever way it is damaged."""
    try:
        return read_gray(path)
    except DataError as error:
        return error
    except Exception as error:  # one image, in whatever way it is damaged, does not stop the others
        return DataError(f"{path}: cannot be decoded ({brief(error)})")


def _pool(paths: Sequence[Path], num_workers: int) -> Executor:
    is_daemon = multiprocessing.current_process().daemon  # which may have no processes of its own
    if is_daemon or sum(map(is_dicom, paths)) < _WORTH_PROCESSES:
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
