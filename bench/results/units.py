"""Tables of a trial, as parquet: units, their boxes, logits of all test images, losses of training.

A unit is a finding of an image that has a box or a mask of it.

Units: image, patient, finding, peak_row, peak_column (px of the input), score (peak probability), num_ties
(pixels that share the maximum; 1 is no tie), finite (whether the whole map was), and the columns of each
metric of maps, see `bench.metrics.units`.
Boxes: image, finding, x, y, w, h in float px of the square input, corner top left; width_px and height_px of
the image's own frame, in which its boxes were published; of a data set with masks mask, see
`bench.metrics.regions`.
Logits: image, patient and finding of all images of the test part and all findings; label, uint8, 0 or 1;
logit of the model, float32.
Losses: epoch and step of the epoch, both from 1; images of the step; loss, their mean as the optimiser saw
it, float32, so that two runs of a trial can be compared to the bit.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bench.errors import ResultsError, brief
from bench.results.files import replacing

UNIT_NAMES = ("image", "patient", "finding")
BOX_COLUMNS = ("image", "finding", "x", "y", "w", "h")
FRAME_COLUMNS = ("width_px", "height_px")
LOSS_COLUMNS = ("epoch", "step", "images", "loss")
LOGIT_COLUMNS = (*UNIT_NAMES, "label", "logit")

_MAGIC = b"PAR1"
"""What parquet begins and ends with."""


def write_table(path: Path, table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    """Writes `table`, which has to have exactly `columns`, in one step."""
    assert tuple(table.columns) == columns, f"{path.name} has columns {tuple(table.columns)}, not {columns}"
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)


def require_whole(path: Path, cure: str) -> None:
    """Checks that a table, if it is there, begins and ends as parquet does: none is empty or cut off.

    Args:
        path: the file.
        cure: what brings a damaged one back, for the sentence.

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
        raise ResultsError(f"{path}: cannot be read ({error.strerror or error})") from None
    if ends != (_MAGIC, _MAGIC):
        raise ResultsError(f"{path}: is damaged, no whole table of units; {cure}")


def read_table(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Returns the table in `path`, with all of its columns or these.

    Raises:
        ResultsError: it is missing or not readable.
    """
    try:
        return pd.read_parquet(path, columns=None if columns is None else list(columns))
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise ResultsError(f"{path}: not a readable table ({brief(error)})") from None
