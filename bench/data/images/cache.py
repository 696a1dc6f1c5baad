"""Decoded, resized images as one memory-mapped uint8 array per list of images and size.

An array is built once, on all cores, and has its name only when it is whole. It is named by what the files
hold (their digests, in their order), the side and the decoders: another content is another array, the same
content elsewhere is the same. A manifest beside it says what it was made from.

A build that was killed goes on where it was. So does one whose unreadable images were replaced: an array
under construction is named by the files' names alone, and images whose files hold what they held are kept:

<name>.partial/pixels.npy   the array, all of its space taken from the beginning
               made_from    8 bytes per image: what its pixels were made from; 0 until they are on the disk

Pixels are written, not mapped: on a full disk that is an error, and not the end of the process.
"""

import hashlib
import json
import logging
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from bench.amounts import size
from bench.data.images import dicom, raster
from bench.data.images.decoding import ImageFile, decode_each
from bench.data.images.dicom_header import is_dicom
from bench.errors import DataError, explained
from bench.results.files import NOT_OFFERED, flush_to_disk, locked, write_text
from bench.results.record import now
from bench.suite.identity import short_hash

RESIZING = "opencv-cubic-1"
"""OpenCV's cubic interpolation without antialiasing, as in the thesis (code)."""

FLUSH_S = 2.0
"""Seconds of work that a kill can cost."""

OnProgress = Callable[[int, int], None]
"""Told (done, total)."""

_PROGRESS_S = 0.5
_BLOCK_BYTES = 512
"""The unit in which `stat` counts blocks, on every file system."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CachedArray:
    """Images as an array uint8 [n, side_px, side_px] in the cache, made or still to make.

    Attributes:
        files: image files, decoded by `bench.data.images.decoding.decode`.
        side_px: side of the result; the aspect ratio is not kept.
        cache_dir: where the array is, or is put.
    """

    files: Sequence[ImageFile]
    side_px: int
    cache_dir: Path

    @cached_property
    def decoder(self) -> str:
        """Names what makes pixels from files."""
        are_dicoms = {is_dicom(path) for path, _ in self.files}
        return " ".join(
            [RESIZING, *((raster.CONVERSION, dicom.CONVERSION)[kind] for kind in sorted(are_dicoms))]
        )

    @cached_property
    def target(self) -> Path:
        """The array; its manifest is beside it, ending in .json."""
        key = short_hash([self.decoder, self.side_px, [sha256 for _, sha256 in self.files]])
        return self.cache_dir / f"{self.side_px}px-{key}.npy"

    @cached_property
    def partial(self) -> Path:
        """The folder in which it is made."""
        key = short_hash([self.decoder, self.side_px, [path.name for path, _ in self.files]])
        return self.cache_dir / f"{self.side_px}px-{key}.partial"

    def num_missing_bytes(self) -> int:
        """Returns how much more of the disk it will take."""
        if self.target.exists():
            return 0
        begun = self.partial / "pixels.npy"
        taken = begun.stat().st_blocks * _BLOCK_BYTES if begun.exists() else 0
        return max(len(self.files) * self.side_px**2 - taken, 0)


def cached_images(array: CachedArray, on_progress: OnProgress | None = None) -> npt.NDArray[np.uint8]:
    """Returns uint8 [n, side, side], memory-mapped and read-only, decoding images if need be.

    Only one process makes an array; others wait for it. `on_progress` is told first how many are there
    from an earlier start.

    Raises:
        DataError: images cannot be read (they are counted, up to ten are named with the reason, and the
            others are kept for the next start), or the disk is full.
    """
    try:
        if not array.target.exists():
            with _alone(array):
                if not array.target.exists():
                    _build(array, on_progress or (lambda _done, _total: None))
    except OSError as error:
        raise DataError(f"{explained(error, array.target)} (--cache-dir moves the cache)") from None
    pixels: npt.NDArray[np.uint8] = np.load(array.target, mmap_mode="r")
    return pixels


def require_space(arrays: Iterable[CachedArray], on_notice: Callable[[str], None] | None = None) -> None:
    """Tells in a sentence what arrays of one cache that are not made yet need of the disk, if they do.

    Raises:
        DataError: it is more than is free.
    """
    missing = [array for array in arrays if not array.target.exists()]
    if not missing:
        return
    folder = missing[0].cache_dir
    num_bytes = sum(array.num_missing_bytes() for array in missing)
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    num_free = shutil.disk_usage(existing).free
    need = f"{size(num_bytes)} of disk for {sum(len(array.files) for array in missing)} decoded images"
    if num_bytes > num_free:
        raise DataError(f"needs {need}, and {size(num_free)} are free; --cache-dir moves it", place=folder)
    if on_notice:
        on_notice(f"{folder}: takes {need}; {size(num_free)} are free")


def refuse_unreadable(problems: Sequence[str], total: int) -> None:
    """Refuses images if some of `total` have problems, a sentence for each: counts them and names ten.

    Raises:
        DataError: there is a problem.
    """
    if problems:
        shown = "; ".join(problems[:10]) + ("; …" if len(problems) > 10 else "")
        raise DataError(f"{len(problems)} of {total} images cannot be decoded: {shown}")


def _alone(array: CachedArray) -> AbstractContextManager[None]:
    """Waits until no other process makes the array; a lock ends with its process, however that ends."""

    def say_waiting() -> None:
        if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing asks
            raise DataError(
                "the processes that decode import the script that started them: it needs "
                'if __name__ == "__main__"'
            )
        _log.warning("%s: another process decodes these images; waiting for it", array.partial)

    lock = array.partial.with_suffix(".lock")
    return locked(lock.with_name(f".{lock.name}"), say_waiting)


def _build(array: CachedArray, on_progress: OnProgress) -> None:
    unreadable: list[str] = []
    total = len(array.files)
    with _PartialArray(array) as begun:
        missing = begun.missing()
        num_kept = total - len(missing)
        on_progress(num_kept, total)
        told_at = time.monotonic()
        with closing(decode_each([array.files[i] for i in missing], array.side_px)) as images:
            for done, (i, image) in enumerate(zip(missing, images, strict=True), num_kept + 1):
                if isinstance(image, DataError):
                    unreadable.append(str(image))
                else:
                    begun.write(i, image)
                if done == total or time.monotonic() - told_at > _PROGRESS_S:
                    told_at = time.monotonic()
                    on_progress(done, total)
        refuse_unreadable(unreadable, total)
        _write_manifest(array)
        begun.commit()


def _write_manifest(array: CachedArray) -> None:
    import cv2

    manifest = {
        "count": len(array.files),
        "side_px": array.side_px,
        "decoder": array.decoder,
        "content": hashlib.sha256("".join(sha256 for _, sha256 in array.files).encode()).hexdigest(),
        "opencv": cv2.__version__,
        "created": now(),
    }
    write_text(array.target.with_suffix(".json"), json.dumps(manifest, indent=2) + "\n")


class _PartialArray:
    """A cached array under construction; a context manager, for one process at a time.

    Every method raises `OSError` if the disk is full or cannot be written.
    """

    def __init__(self, array: CachedArray) -> None:
        """Goes on with what there is, or begins."""
        self._array = array
        self._identities = np.array([int(sha256[:16], 16) | 1 for _, sha256 in array.files], np.uint64)
        self._not_flushed: list[int] = []
        self._flushed_at = time.monotonic()
        pixels, ledger = array.partial / "pixels.npy", array.partial / "made_from"
        is_begun = pixels.exists() and ledger.exists() and ledger.stat().st_size == self._identities.nbytes
        if not is_begun:
            array.partial.mkdir(parents=True, exist_ok=True)
            ledger.unlink(missing_ok=True)
            _take_space(pixels, (len(array.files), array.side_px, array.side_px))
            ledger.write_bytes(np.zeros_like(self._identities).tobytes())
        self._made_from = np.fromfile(ledger, np.uint64)
        self._start = np.load(pixels, mmap_mode="r").offset
        self._pixels, self._ledger = pixels.open("r+b"), ledger.open("r+b")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not isinstance(error, OSError):
                self._flush()
        finally:
            self._pixels.close()
            self._ledger.close()

    def missing(self) -> list[int]:
        """Returns the positions of images that are not there yet, or were made from something else."""
        positions: list[int] = np.flatnonzero(self._made_from != self._identities).tolist()
        return positions

    def write(self, position: int, image: npt.NDArray[np.uint8]) -> None:
        """Puts uint8 [side_px, side_px] at `position`; it counts from the next flush on."""
        self._pixels.seek(self._start + position * image.nbytes)
        self._pixels.write(image.tobytes())
        self._not_flushed.append(position)
        if time.monotonic() - self._flushed_at > FLUSH_S:
            self._flush()

    def _flush(self) -> None:
        """Brings the pixels to the disk, then the note that they are there."""
        self._pixels.flush()
        flush_to_disk(self._pixels.fileno())
        self._made_from[self._not_flushed] = self._identities[self._not_flushed]
        self._ledger.seek(0)
        self._ledger.write(self._made_from.tobytes())
        self._ledger.flush()
        flush_to_disk(self._ledger.fileno())
        self._not_flushed.clear()
        self._flushed_at = time.monotonic()

    def commit(self) -> None:
        """Gives the array its name. It has to be whole."""
        self._flush()
        assert not self.missing(), "an array is named before it is whole"
        (self._array.partial / "pixels.npy").replace(self._array.target)
        shutil.rmtree(self._array.partial)


def _take_space(path: Path, shape: tuple[int, ...]) -> None:
    """Makes an array of zeros; all of its bytes are its own where the file system can do that."""
    try:
        np.lib.format.open_memmap(path, "w+", np.uint8, shape)
        with path.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
    except AttributeError:  # there is no such call on macOS
        return
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            path.unlink(missing_ok=True)  # nothing in it is of use, and the disk is full
            raise
