"""Heatmaps of a finished trial's units, kept so that they can be scored by another protocol without a GPU.

cams/<method>.npz is an archive of numpy arrays, one for each unit, named by its row in cams/<method>.parquet
from 0: of the native map logits [h, w] as the model returned them, before anything is enlarged; of other
methods, such as Grad-CAM, values in [0, 1]. They are float16 where that changes nothing of how the unit was
scored (see `bench.evaluation.map_storage`), else float32.

984 units in float16, as many as NIH ChestX-ray14 has, take 0.3 MB where maps are 8 × 8 (Baseline at 256 px),
6.4 MB at 64 × 64 (PYLON) and 90 MB at 256 × 256 (Unet); without compression 0.35, 8.3 and 129 MB.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.errors import ResultsError, brief
from bench.results.files import replacing

Map = npt.NDArray[np.float16] | npt.NDArray[np.float32]

_VALUES_AT_A_TIME = 2**22
"""Of maps that are read at a time: 16 MiB in float32."""

_LEVEL = 1
"""Of compression: 6 takes up to three times as long and saves 1% more, since few bits of a logit repeat."""


@contextmanager
def writing_maps(path: Path) -> Iterator[Callable[[Map], None]]:
    """Yields what takes the maps of units, one after the other; they become `path` when the block ends.

    Each is written as it comes, so that no more than one is held. The same maps give the same bytes.
    """
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:

        def write(unit_map: Map) -> None:
            stream = io.BytesIO()
            np.lib.format.write_array(stream, unit_map, allow_pickle=False)
            member = zipfile.ZipInfo(f"{len(archive.infolist())}.npy")  # of 1980, whenever it is written
            archive.writestr(member, stream.getvalue(), zipfile.ZIP_DEFLATED, _LEVEL)

        yield write


def read_maps(path: Path) -> Iterator[npt.NDArray[np.float32]]:
    """Yields the maps [n, h, w] of some units at a time, in their order.

    Raises:
        ResultsError: the file is missing or damaged.
    """
    with _opened(path) as archive:
        count = len(archive.namelist())
        first = 0
        while first < count:
            shape = _read(archive, first).shape
            last = min(first + max(_VALUES_AT_A_TIME // (shape[0] * shape[1]), 1), count)
            maps = np.stack([_read(archive, unit) for unit in range(first, last)])
            yield maps.astype(np.float32)
            first = last


def read_maps_of(path: Path, units: Sequence[int]) -> tuple[npt.NDArray[np.float32], ...]:
    """Returns the maps [h, w] of the units at these rows of their table; no others are read.

    Raises:
        ResultsError: the file is missing or damaged, or has no such unit.
    """
    with _opened(path) as archive:
        return tuple(_read(archive, unit).astype(np.float32) for unit in units)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Yields the archive; what is wrong with it becomes a `ResultsError`."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ResultsError(f"{path}: not readable maps ({brief(error)})") from None


def _read(archive: zipfile.ZipFile, unit: int) -> Map:
    array: Map = np.lib.format.read_array(io.BytesIO(archive.read(f"{unit}.npy")), allow_pickle=False)
    return array
