"""Tables of boxes: the one form in which the ground truth of units is kept and handed on.

A box is (x, y, w, h): left, top, width, height in float pixels of a named frame, untruncated. A pixel is its
integer index (row, column). `bench.metrics.regions` says what is in a box.

A table of boxes has the columns image_index, class_index, x, y, w, h: several rows of one image and class are
one region, their union. Those of a data set have width_px and height_px too: the size of the image's own
frame, in which its boxes were published. Where a data set outlines findings, a column mask holds the text of
`bench.metrics.regions`, or None; x, y, w, h are then the mask's bounds.
"""

import pandas as pd

COLUMNS = ("image_index", "class_index", "x", "y", "w", "h")
FRAME = ("width_px", "height_px")
MASK = "mask"
UNIT = ["image_index", "class_index"]


def scaled(boxes: pd.DataFrame, factor: float) -> pd.DataFrame:
    """Returns the table with x, y, w, h multiplied by `factor`: the same boxes in another frame."""
    return boxes.assign(**{column: boxes[column] * factor for column in ("x", "y", "w", "h")})
