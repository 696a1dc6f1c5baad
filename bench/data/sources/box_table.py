"""Boxes as tables give them: read, checked and joined to the labels in one way for every data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.data.sources.download import as_numbers, names_in
from bench.errors import DataError, listing
from bench.suite.keys import Names

SIDES = ("x", "y", "w", "h")
_HINTED = 3
"""Rows that match nothing for which a similar name is looked for."""


@dataclass(frozen=True)
class BoxTable:
    """The boxes of a data set.

    Attributes:
        boxes: columns image, finding, x, y, w, h of the rows that match the labels, by their names.
        unmatched: of each other row, where it stands and what it names that the labels do not have.
    """

    boxes: pd.DataFrame
    unmatched: tuple[str, ...]


NO_BOXES = BoxTable(pd.DataFrame(columns=["image", "finding", *SIDES]), ())


def read_rows(table: pd.DataFrame, coordinates: Sequence[str], path: Path) -> pd.DataFrame:
    """Returns columns image, finding, x, y, w, h, indexed by line; names are cleaned, not looked up.

    Args:
        table: as `read_csv` gives it, with columns image and finding.
        coordinates: its columns of numbers: left, top, width, height; or, if their names say so by ``max``,
            left, top, right, bottom.
        path: its file.

    Raises:
        DataError: a name is empty, a coordinate is no finite number, or a box has no extent.
    """
    numbers = as_numbers(table[list(coordinates)], coordinates, path, "a coordinate").to_numpy(float)
    if "max" in coordinates[-1]:
        numbers[:, 2:] -= numbers[:, :2]
    names = {column: names_in(table, column, path) for column in ("image", "finding")}
    has_extent = np.minimum(numbers[:, 2], numbers[:, 3]) > 0
    wrong = names["image"][~has_extent]
    if len(wrong):
        raise DataError(
            f"{path}:{wrong.index[0]}: {len(wrong)} boxes have no extent or end before they begin, read as "
            f"{listing(coordinates)}: {listing(wrong.unique()[:5])}"
        )
    return pd.DataFrame(names).join(pd.DataFrame(numbers, index=table.index, columns=list(SIDES)))


def match_rows(rows: pd.DataFrame, images: Names, findings: Names, path: Path) -> BoxTable:
    """Returns the boxes whose image and finding are known, by the names that these have.

    Args:
        rows: as `read_rows` gives them.
        images: names of the images that have labels.
        findings: names of the findings.
        path: the file that the rows are from.
    """
    known = rows.assign(image=rows["image"].map(images.find), finding=rows["finding"].map(findings.find))
    unmatched: list[str] = []
    for what, names in (("image", images), ("finding", findings)):
        for line, name in rows[what][known[what].isna()].items():
            hint = names.hint(name, with_similar=len(unmatched) < _HINTED)
            unmatched.append(f"{path.name}:{line}: no {what} {name!r}{hint}")
    boxes = known.dropna(subset=["image", "finding"]).reset_index(drop=True)
    return BoxTable(boxes[["image", "finding", *SIDES]], tuple(unmatched))
