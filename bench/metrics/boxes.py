"""The one box convention.

A box is (x, y, w, h): left, top, width, height in float pixels of a named frame, untruncated. A pixel is
its integer index (row, column). A pixel is inside a box if x ≤ column ≤ x + w and y ≤ row ≤ y + h, edges
included (thesis §5.4, code).

A table of boxes has the columns image_index, class_index, x, y, w, h: several rows of one image and class are
one region, their union.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

COLUMNS = ("image_index", "class_index", "x", "y", "w", "h")
UNIT = ["image_index", "class_index"]

Floats = npt.NDArray[np.float64]


def inside(rows: Floats, columns: Floats, boxes: Floats) -> npt.NDArray[np.bool_]:
    """Returns which points lie in their boxes, edges included.

    Args:
        rows: [n] row of each point, px.
        columns: [n] column of each point, px.
        boxes: [n, 4] x, y, w, h of each point's box, px of the same frame.
    """
    x, y, w, h = boxes.T
    found: npt.NDArray[np.bool_] = (x <= columns) & (columns <= x + w) & (y <= rows) & (rows <= y + h)
    return found


def covered(boxes: Floats, size_px: int) -> npt.NDArray[np.int64]:
    """Returns [m, 4] top, left, bottom, right (exclusive) of the pixels inside each of `boxes` [m, 4]."""
    x, y, w, h = boxes.T
    first = np.ceil(np.stack([y, x], axis=1))
    last = np.floor(np.stack([y + h, x + w], axis=1)) + 1
    return np.concatenate([first, last], axis=1).clip(0, size_px).astype(np.int64)


def scaled(boxes: pd.DataFrame, factor: float) -> pd.DataFrame:
    """Returns the table with x, y, w, h multiplied by `factor`: the same boxes in another frame."""
    return boxes.assign(**{column: boxes[column] * factor for column in ("x", "y", "w", "h")})
