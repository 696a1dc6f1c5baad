"""Decoded, resized images as one memory-mapped uint8 array per list of images and size.

An array is built once, on all cores, and has its name only when it is whole. It is named by the images' names
and file sizes, the side and the decoder, so another download or size is another array. A manifest beside it
says what it was made from.

A build that was killed goes on where it was. So does one whose unreadable images were replaced: an array
under construction is named by the images' names without their sizes, and images of the same size are kept.
"""

import hashlib
import json
import logging
import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.data.decoding import decode_each
from bench.data.dicom import CONVERSION, is_dicom
from bench.data.partial_array import Identities, PartialArray, pixels_file
from bench.errors import DataError, explained
from bench.results.atomic import write_text
from bench.results.file_lock import locked
from bench.results.record import now
from bench.suite.identity import canonical_json, short_hash

DECODER = "opencv-gray-cubic-1"
"""Gray decoding, OpenCV's cubic interpolation without antialiasing, as in the thesis (code)."""

Progress = Callable[[int, int], None]
_PROGRESS_S = 0.5
_UNGUARDED = (
    'the processes that decode import the script that started them: it needs if __name__ == "__main__"'
)
_BLOCK_BYTES = 512
"""What `stat` counts blocks in, whatever the file system has."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CachedArray:
    """Images as an array uint8 [n, side_px, side_px] in the cache, made or still to make.

    Attributes:
        paths: image files, decoded by `bench.data.decoding.decode`.
        side_px: side of the result; the aspect ratio is not kept.
        cache_dir: where the array is, or is put.
    """

    paths: Sequence[Path]
    side_px: int
    cache_dir: Path

    @cached_property
    def decoder(self) -> str:
        """Names what makes pixels from files."""
        return f"{DECODER} {CONVERSION}" if any(map(is_dicom, self.paths)) else DECODER

    @cached_property
    def files(self) -> list[tuple[str, int]]:
        """See `names_and_sizes`."""
        return names_and_sizes(self.paths)

    @cached_property
    def target(self) -> Path:
        """The array; its manifest is beside it, ending in .json."""
        key = short_hash([self.decoder, self.side_px, self.files])
        return self.cache_dir / f"{self.side_px}px-{key}.npy"

    @cached_property
    def partial(self) -> Path:
        """The folder in which it is made."""
        key = short_hash([self.decoder, self.side_px, [name for name, _ in self.files]])
        return self.cache_dir / f"{self.side_px}px-{key}.partial"

    def num_missing_bytes(self) -> int:
        """Returns how much more of the disk it will take."""
        if self.target.exists():
            return 0
        begun = pixels_file(self.partial)
        taken = begun.stat().st_blocks * _BLOCK_BYTES if begun.exists() else 0
        return max(len(self.paths) * self.side_px**2 - taken, 0)


def cached_images(array: CachedArray, on_progress: Progress | None = None) -> npt.NDArray[np.uint8]:
    """Returns uint8 [n, side, side], memory-mapped and read-only, decoding images if need be.

    Only one process makes an array; others wait for it.

    Args:
        array: which images, in what size.
        on_progress: told (done, total) while images are decoded; first what is there from an earlier start.

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
    """Says what arrays that are not made yet need of the disk, before anything is decoded.

    Args:
        arrays: in one cache.
        on_notice: told one sentence, if anything is needed.

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
    need = f"{as_size(num_bytes)} of disk for {sum(len(array.paths) for array in missing)} decoded images"
    if num_bytes > num_free:
        raise DataError(f"{folder}: needs {need}, and {as_size(num_free)} are free; --cache-dir moves it")
    if on_notice:
        on_notice(f"{folder}: takes {need}; {as_size(num_free)} are free")


def as_size(num_bytes: int) -> str:
    """Returns ``1.2 GB`` or ``34.5 MB``, of powers of ten."""
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"


def names_and_sizes(paths: Sequence[Path]) -> list[tuple[str, int]]:
    """Returns the name and the size in bytes of each file: what a cache takes for their identity.

    Raises:
        DataError: a file cannot be found.
    """
    try:
        return [(path.name, path.stat().st_size) for path in paths]
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from None


@contextmanager
def _alone(array: CachedArray) -> Iterator[None]:
    """Waits until no other process makes the array; a lock ends with its process, however that ends."""
    lock = array.partial.with_suffix(".lock")
    with locked(lock.with_name(f".{lock.name}"), partial(_say_waiting, array)):
        yield


def _say_waiting(array: CachedArray) -> None:
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing asks
        raise DataError(_UNGUARDED)
    _log.warning("%s: another process decodes these images; waiting for it", array.partial)


def _build(array: CachedArray, on_progress: Progress) -> None:
    unreadable: list[str] = []
    total = len(array.paths)
    with PartialArray(array.partial, _identities(array.files), array.side_px) as begun:
        missing = begun.missing()
        num_kept = total - len(missing)
        on_progress(num_kept, total)
        told_at = time.monotonic()
        with closing(decode_each([array.paths[i] for i in missing], array.side_px)) as images:
            for done, (i, image) in enumerate(zip(missing, images, strict=True), num_kept + 1):
                if isinstance(image, DataError):
                    unreadable.append(str(image))
                else:
                    begun.write(i, image)
                if done == total or time.monotonic() - told_at > _PROGRESS_S:
                    told_at = time.monotonic()
                    on_progress(done, total)
        if unreadable:
            shown = "; ".join(unreadable[:10]) + ("; …" if len(unreadable) > 10 else "")
            raise DataError(f"{len(unreadable)} of {total} images cannot be decoded: {shown}")
        _write_manifest(array)
        begun.commit(array.target)


def _identities(files: Sequence[tuple[str, int]]) -> Identities:
    """Returns a number above 0 for each name and size."""
    digests = (hashlib.sha256(canonical_json(file).encode()).digest() for file in files)
    return np.array([int.from_bytes(digest[:8], "big") | 1 for digest in digests], np.uint64)


def _write_manifest(array: CachedArray) -> None:
    import cv2

    manifest = {
        "count": len(array.paths),
        "side_px": array.side_px,
        "decoder": array.decoder,
        "names_and_sizes": hashlib.sha256(canonical_json(array.files).encode()).hexdigest(),
        "opencv": cv2.__version__,
        "created": now(),
    }
    write_text(array.target.with_suffix(".json"), json.dumps(manifest, indent=2) + "\n")
