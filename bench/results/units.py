"""Tables and maps of a trial: units, their boxes, logits and maxima of all test images, losses of training.

Tables are parquet. A unit is a finding of an image that has a box or a mask of it.

Units: image, patient, finding, peak_row, peak_column (px of the input), score (peak probability), num_ties
(pixels that share the maximum; 1 is no tie), finite (whether the whole map was), and the columns of each
metric of maps, see `bench.metrics.units`.
Boxes: image, finding, x, y, w, h in float px of the square input, corner top left; width_px and height_px of
the image's own frame, in which its boxes were published; of a data set with masks mask, see
`bench.metrics.regions`.
Logits: image, patient and finding of all images of the test part and all findings; label, uint8, 0 or 1;
logit of the model, float32.
Maxima: image, patient, finding and label, rows as of logits; boxed, whether a box or mask is known there;
finite, whether the whole map was; num_maxima, how many local maxima it has (see `bench.metrics.maxima`), 0 if
it is not finite; inside, the highest logit of those below that lie in the region; logit_1 to logit_16, row_1
and so on, column_1 and so on: the 16 highest, logits float16, the highest first, and the middle of the cell,
float32 px of the input. Where there is none, a logit is NaN and a row or column −1.
Losses: epoch and step of the epoch, both from 1; images of the step; loss, their mean as the optimiser saw
it, float32, so that two runs of a trial can be compared to the bit.

Heatmaps of units are kept so that they can be scored by another protocol without a GPU. cams/<method>.npz is
an archive of numpy arrays, one for each unit, named by its row in cams/<method>.parquet from 0: of the native
map logits [h, w] as the model returned them, before anything is enlarged; of other methods, such as Grad-CAM,
values in [0, 1]. They are float16 where that changes nothing of how the unit was scored (see
`bench.evaluation.map_storage`), else float32. A reference run keeps its maps likewise, in maps.npz.

Of NIH ChestX-ray14's 25,596 test images and 14 findings, maxima take up to 8.7 MB where maps are 8 × 8, and
16.1 MB where all of them have 16, as at 64 × 64; logits take 2.3 MB.
984 units in float16, as many as NIH ChestX-ray14 has, take 0.3 MB where maps are 8 × 8 (Baseline at 256 px),
6.4 MB at 64 × 64 (PYLON) and 90 MB at 256 × 256 (Unet); without compression 0.35, 8.3 and 129 MB.
"""

import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.errors import ResultsError, brief
from bench.results.files import replacing

UNIT_NAMES = ("image", "patient", "finding")
BOX_COLUMNS = ("image", "finding", "x", "y", "w", "h")
FRAME_COLUMNS = ("width_px", "height_px")
LOSS_COLUMNS = ("epoch", "step", "images", "loss")
LOGIT_COLUMNS = (*UNIT_NAMES, "label", "logit")

NUM_MAXIMA = 16
"""Local maxima that are kept of a map: the highest. A map of 8 × 8 cannot have more."""

MAXIMUM_LOGITS, MAXIMUM_ROWS, MAXIMUM_COLUMNS = (
    tuple(f"{name}_{place}" for place in range(1, NUM_MAXIMA + 1)) for name in ("logit", "row", "column")
)
MAXIMA_COLUMNS = (
    *(*UNIT_NAMES, "label", "boxed", "finite", "num_maxima", "inside"),
    *(*MAXIMUM_LOGITS, *MAXIMUM_ROWS, *MAXIMUM_COLUMNS),
)

_MAGIC = b"PAR1"
"""The first and the last bytes of parquet."""


def write_table(path: Path, table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    """Writes `table`, which has to have exactly `columns`, in one step."""
    assert tuple(table.columns) == columns, f"{path.name} has columns {tuple(table.columns)}, not {columns}"
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)


def require_whole(path: Path, cure: str) -> None:
    """Checks that a table, if it is there, begins and ends as parquet does: none is empty or cut off.

    `cure` says what brings a damaged one back.

    Raises:
        ResultsError: it is damaged, or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            first = stream.read(len(_MAGIC))
            stream.seek(-min(len(_MAGIC), path.stat().st_size), os.SEEK_END)
            ends = first, stream.read()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ResultsError(f"cannot be read ({error.strerror or error})", place=path) from None
    if ends != (_MAGIC, _MAGIC):
        raise ResultsError(f"is damaged, no whole table of units; {cure}", place=path)


def read_table(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Returns the table in `path`, with all of its columns or these.

    Raises:
        ResultsError: it is missing or not readable.
    """
    try:
        return pd.read_parquet(path, columns=None if columns is None else list(columns))
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise ResultsError(f"not a readable table ({brief(error)})", place=path) from None


Map = npt.NDArray[np.float16] | npt.NDArray[np.float32]

_VALUES_AT_A_TIME = 2**22
"""Values of maps that are read at a time: 16 MiB in float32."""

_LEVEL = 1
"""Level of compression: 6 takes three times as long and saves 1% more, since few bits of a logit repeat."""


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
            shape = _read_map(archive, first).shape
            last = min(first + max(_VALUES_AT_A_TIME // (shape[0] * shape[1]), 1), count)
            maps = np.stack([_read_map(archive, unit) for unit in range(first, last)])
            yield maps.astype(np.float32)
            first = last


def read_maps_of(path: Path, units: Sequence[int]) -> tuple[npt.NDArray[np.float32], ...]:
    """Returns the maps [h, w] of the units at these rows of their table; no others are read.

    Raises:
        ResultsError: the file is missing or damaged, or has no such unit.
    """
    with _opened(path) as archive:
        return tuple(_read_map(archive, unit).astype(np.float32) for unit in units)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Yields the archive; what is wrong with it becomes a `ResultsError`."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ResultsError(f"not readable maps ({brief(error)})", place=path) from None


def _read_map(archive: zipfile.ZipFile, unit: int) -> Map:
    array: Map = np.lib.format.read_array(io.BytesIO(archive.read(f"{unit}.npy")), allow_pickle=False)
    return array
