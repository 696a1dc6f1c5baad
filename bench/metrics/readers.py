"""Readers scored against each other: does a radiologist mark what another marks, and in the same place?

A reader's task is a unit, an image and finding, that at least one other reader of the image marks:
- marked: whether the reader marks the finding too. If not, the reader misses by every metric;
- hit: the reader points at the centre of the largest of their own boxes, of equal ones the first. It is a hit
  by the rule of a heatmap's peak: in the union of the others' boxes, edges included (`Regions.contains`);
- iobb, iou: the reader's boxes are the prediction, the union of the others' the region. Areas are exact, not
  counts of pixels: boxes overlap alike in any frame, and no size of an image need be known;
- box_iou: the largest IoU of the reader's largest box and one of the others'.

The reader's own boxes are never part of the region. What a reader marks alone is a task of the others, not of
that reader: nobody can say where it should be.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.regions import UNIT, Floats, regions_of

READER_COLUMNS = ("image", "finding", "reader", "marked", "hit", "iobb", "iou", "box_iou")
"""Of the table of tasks."""

_TASK = ["image", "finding", "reader"]
_SIDES = ["x", "y", "w", "h"]


def score_readers(readings: pd.DataFrame) -> pd.DataFrame:
    """Returns a row for each task, with `READER_COLUMNS`, in the order of image, finding and reader.

    marked and hit are bool; iobb, iou and box_iou in [0, 1], box_iou NaN of a reader who does not mark the
    finding. Without a task, as where nobody shares an image, there are no rows.

    Args:
        readings: columns image, reader, finding, x, y, w, h, in px of the image's frame: a row for each box
            that a reader drew, and one without finding for each image in which a reader drew none.
    """
    boxes = readings.dropna(subset="finding")
    tasks = _tasks(readings, boxes)
    drawn = tasks.reset_index(names="task").merge(boxes, on=["image", "finding"], suffixes=("", "_of_box"))
    is_own = drawn["reader"] == drawn["reader_of_box"]
    own, others = drawn[is_own], drawn[~is_own]
    largest = own.loc[(own["w"] * own["h"]).groupby(own["task"]).idxmax()]
    tasks["hit"] = False
    tasks.loc[largest["task"], "hit"] = _hits(largest, others, len(tasks))
    own_boxes, other_boxes = _by_task(own, len(tasks)), _by_task(others, len(tasks))
    overlaps = [_overlap(*both) for both in zip(own_boxes, other_boxes, strict=True)]
    tasks[["iobb", "iou"]] = np.reshape(overlaps, (len(tasks), 2))
    tasks["box_iou"] = _best_iou(largest, others)
    return tasks[list(READER_COLUMNS)]


def _tasks(readings: pd.DataFrame, boxes: pd.DataFrame) -> pd.DataFrame:
    """Returns columns image, finding, reader and marked, numbered from 0."""
    marks = boxes[_TASK].drop_duplicates()
    units = marks.groupby(["image", "finding"]).size().rename("num_marking").reset_index()
    tasks = units.merge(readings[["image", "reader"]].drop_duplicates(), on="image")
    tasks["marked"] = pd.MultiIndex.from_frame(tasks[_TASK]).isin(pd.MultiIndex.from_frame(marks))
    tasks = tasks[tasks["num_marking"] > tasks["marked"]]
    return tasks.sort_values(_TASK, ignore_index=True)[[*_TASK, "marked"]]


def _hits(largest: pd.DataFrame, others: pd.DataFrame, num_tasks: int) -> npt.NDArray[np.bool_]:
    """Returns of each of `largest` whether its centre is in the others' boxes of its task."""
    if largest.empty:
        return np.zeros(0, dtype=bool)
    boxes = others.assign(image_index=others["task"], class_index=0)[[*UNIT, *_SIDES]]
    regions = regions_of(boxes, size_px=1)  # a box without masks contains a point whatever the raster
    assert len(regions) == num_tasks, "others mark the unit of every task"
    middle = (largest[axis] + largest[side] / 2 for axis, side in (("y", "h"), ("x", "w")))
    return regions.contains(largest["task"].to_numpy(), *(at.to_numpy() for at in middle))


def _corners(boxes: pd.DataFrame) -> Floats:
    """Returns [n, 4] left, top, right, bottom."""
    x, y, w, h = boxes[_SIDES].to_numpy(float).T
    return np.stack([x, y, x + w, y + h], axis=1)


def _by_task(boxes: pd.DataFrame, num_tasks: int) -> list[Floats]:
    """Returns the corners [n, 4] of the boxes of each task."""
    ends = np.searchsorted(boxes["task"], np.arange(1, num_tasks))
    return np.split(_corners(boxes), ends) if num_tasks else []


def _overlap(own: Floats, others: Floats) -> tuple[float, float]:
    """Returns IoBB and IoU of the unions of two sets of boxes, [n, 4] and [m, 4] corners; 0 if n is.

    Edges of all boxes cut the plane into cells, each of which is in a box as a whole or not at all.
    """
    if not len(own):
        return 0.0, 0.0
    every = np.concatenate([own, others])
    xs, ys = np.unique(every[:, 0::2]), np.unique(every[:, 1::2])
    in_x = (every[:, :1] <= xs[:-1]) & (xs[1:] <= every[:, 2:3])
    in_y = (every[:, 1:2] <= ys[:-1]) & (ys[1:] <= every[:, 3:])
    in_box = in_y[:, :, None] & in_x[:, None, :]
    is_own, is_theirs = in_box[: len(own)].any(axis=0), in_box[len(own) :].any(axis=0)
    areas = np.outer(np.diff(ys), np.diff(xs))
    both = areas[is_own & is_theirs].sum()
    return float(both / areas[is_own].sum()), float(both / areas[is_own | is_theirs].sum())


def _best_iou(largest: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    """Returns the largest IoU of each task's largest box and one of the others', by task."""
    pairs = largest[["task", *_SIDES]].merge(others[["task", *_SIDES]], on="task", suffixes=("", "_other"))
    one, other = (
        _corners(pairs),
        _corners(pairs[[f"{side}_other" for side in _SIDES]].set_axis(_SIDES, axis=1)),
    )
    low, high = np.maximum(one[:, :2], other[:, :2]), np.minimum(one[:, 2:], other[:, 2:])
    both = np.maximum(high - low, 0).prod(axis=1)
    either = (one[:, 2:] - one[:, :2]).prod(axis=1) + (other[:, 2:] - other[:, :2]).prod(axis=1) - both
    return pd.Series(both / either, index=pairs["task"], dtype=float).groupby(level=0).max()
