"""The one box convention.

A box is (x, y, w, h): left, top, width, height in float pixels of a named frame, untruncated. A pixel is
its integer index (row, column). A pixel is inside a box if x ≤ column ≤ x + w and y ≤ row ≤ y + h, edges
included (thesis §5.4, code).

A table of boxes has the columns image_index, class_index, x, y, w, h: several rows of one image and class are
one region, their union. Those of a data set have width_px and height_px too: the size of the image's own
frame, in which its boxes were published.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

COLUMNS = ("image_index", "class_index", "x", "y", "w", "h")
FRAME = ("width_px", "height_px")
UNIT = ["image_index", "class_index"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def inside(
    rows: Floats | Integers, columns: Floats | Integers, boxes: Floats, *, far_edges: bool = True
) -> npt.NDArray[np.bool_]:
    """Returns which points lie in their boxes, near edges included.

    Args:
        rows: [n] row of each point, px.
        columns: [n] column of each point, px.
        boxes: [n, 4] x, y, w, h of each point's box, px of the same frame; nothing is inside of NaN.
        far_edges: whether the right and the bottom edge are included too.
    """
    x, y, w, h = boxes.T
    below = np.less_equal if far_edges else np.less
    found: npt.NDArray[np.bool_] = (x <= columns) & below(columns, x + w) & (y <= rows) & below(rows, y + h)
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
