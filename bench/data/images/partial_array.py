"""An array of images on disk that is filled over several starts and takes its name when it is whole.

<name>.partial/pixels.npy   the array, all of its space taken from the beginning
               made_from    8 bytes per image: what its pixels were made from; 0 until they are on the disk

Since it is known what each image was made from, one that was replaced is made again and no other. Pixels are
written, not mapped: on a full disk that is an error, and not the end of the process.
"""

import io
import os
import shutil
import time
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from bench.results.files import NOT_OFFERED, flush_to_disk

FLUSH_S = 2.0
"""Seconds of work that a kill can cost."""

Identities = npt.NDArray[np.uint64]


class PartialArray:
    """Images uint8 [n, side_px, side_px] under construction; a context manager, for one process at a time.

    Raises:
        OSError: in every method, if the disk is full or cannot be written.
    """

    def __init__(self, folder: Path, identities: Identities, side_px: int) -> None:
        """Goes on with what is in `folder`, or begins.

        Args:
            folder: where it is until it is whole, on the file system of its final name.
            identities: [n], what each image is made from, above 0.
            side_px: side of the images.
        """
        self.folder = folder
        self.identities = identities
        self._made_from = np.zeros_like(identities)
        self._not_flushed: list[int] = []
        self._flushed_at = time.monotonic()
        self._image_bytes = side_px * side_px
        shape = (len(identities), side_px, side_px)
        header = np.lib.format.header_data_from_array_1_0(np.empty((0, side_px, side_px), np.uint8))
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, header | {"shape": shape})
        self._start = head.tell()
        pixels, ledger = pixels_file(folder), folder / "made_from"
        size = self._start + len(identities) * self._image_bytes
        if _size(pixels) == size and _size(ledger) == identities.nbytes:
            self._made_from = np.fromfile(ledger, np.uint64)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            ledger.unlink(missing_ok=True)
            _begin(pixels, head.getvalue(), size)
            ledger.write_bytes(self._made_from.tobytes())
        self._pixels, self._ledger = pixels.open("r+b"), ledger.open("r+b")

    def __enter__(self) -> "PartialArray":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not isinstance(error, OSError):
                self.flush()
        finally:
            self._pixels.close()
            self._ledger.close()

    def missing(self) -> list[int]:
        """Returns the positions of images that are not there yet, or were made from something else."""
        positions: list[int] = np.flatnonzero(self._made_from != self.identities).tolist()
        return positions

    def write(self, position: int, image: npt.NDArray[np.uint8]) -> None:
        """Puts uint8 [side_px, side_px] at `position`; it counts from the next flush on."""
        self._pixels.seek(self._start + position * self._image_bytes)
        self._pixels.write(image.tobytes())
        self._not_flushed.append(position)
        if time.monotonic() - self._flushed_at > FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Brings the pixels to the disk, then the note that they are there."""
        self._pixels.flush()
        flush_to_disk(self._pixels.fileno())
        self._made_from[self._not_flushed] = self.identities[self._not_flushed]
        self._ledger.seek(0)
        self._ledger.write(self._made_from.tobytes())
        self._ledger.flush()
        flush_to_disk(self._ledger.fileno())
        self._not_flushed.clear()
        self._flushed_at = time.monotonic()

    def commit(self, target: Path) -> None:
        """Gives the array its name. It has to be whole."""
        self.flush()
        assert not self.missing(), "an array is named before it is whole"
        pixels_file(self.folder).replace(target)
        shutil.rmtree(self.folder)


def pixels_file(folder: Path) -> Path:
    """Returns where the array in `folder` is while it is filled."""
    return folder / "pixels.npy"


def _size(path: Path) -> int:
    """The file's size, -1 if there is none."""
    return path.stat().st_size if path.exists() else -1


def _begin(path: Path, head: bytes, size: int) -> None:
    """Makes a file of `size` bytes, all of them its own where the file system can do that."""
    try:
        with path.open("wb") as stream:
            stream.write(head)
            stream.flush()
            try:
                os.posix_fallocate(stream.fileno(), 0, size)
            except AttributeError:  # there is no such call on macOS
                stream.truncate(size)
            except OSError as error:
                if error.errno not in NOT_OFFERED:
                    raise
                stream.truncate(size)
    except OSError:
        path.unlink(missing_ok=True)  # nothing in it is of use, and the disk is full
        raise
