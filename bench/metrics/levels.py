"""Maps cut at each of many thresholds: how much lies above, in the region and anywhere; how well boxes fit.

Each map is min–max normalised by itself, so that its least value is 0 and its greatest 1; a pixel lies above
a threshold t of `THRESHOLDS` if its value is at least t. A map of a single value is 0 everywhere, and one
that is not finite has no pixel above any threshold.

Source: J. Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020.
"""

import numpy as np
import numpy.typing as npt

from bench.metrics.measure import UnitMaps
from bench.metrics.regions import Bools, Floats

NUM_LEVELS = 100
THRESHOLDS = np.arange(NUM_LEVELS) / NUM_LEVELS
"""0 to 0.99."""

A_PRIORI = NUM_LEVELS // 2
"""Place of the threshold that nobody has to choose: half of a map's range."""

Levels = npt.NDArray[np.int16]


def levels_of(maps: UnitMaps) -> Levels:
    """Returns of each distinct map [m, rows, columns] how many thresholds a pixel lies above, 0 to 100."""
    values = maps.distinct[0]
    low, high = (reduce(values, axis=(1, 2), keepdims=True) for reduce in (np.min, np.max))
    width = high.astype(np.float64) - low
    is_finite = np.isfinite(width)
    scale = NUM_LEVELS / np.where(is_finite & (width > 0), width, np.inf)
    steps = np.floor((np.where(is_finite, values, 0) - np.where(is_finite, low, 0)) * scale)
    found: Levels = np.where(is_finite, np.clip(steps, 0, NUM_LEVELS - 1) + 1, 0).astype(np.int16)
    return found


def counts_above(maps: UnitMaps) -> dict[str, npt.NDArray[np.int32]]:
    """Returns num_region [n] pixels of each region, and num_above and num_both [n, thresholds].

    num_above are the pixels above each threshold, num_both those of them that the region covers.
    """
    levels, map_of = levels_of(maps), maps.distinct[1]
    above = np.array([_at_least(one.ravel()) for one in levels], np.int32).reshape(-1, NUM_LEVELS)
    both = [
        _at_least(levels[which][patch.place][patch.pixels])
        for which, patch in zip(map_of, maps.regions.covered, strict=True)
    ]
    return {
        "num_region": maps.regions.areas().astype(np.int32),
        "num_above": above[map_of],
        "num_both": np.array(both, np.int32).reshape(-1, NUM_LEVELS),
    }


def _at_least(levels: Levels) -> npt.NDArray[np.int64]:
    """Returns how many of the levels are above each threshold, [thresholds]."""
    counts = np.bincount(levels, minlength=NUM_LEVELS + 1)
    return counts[::-1].cumsum()[::-1][1:]


def best_box_iou(maps: UnitMaps) -> npt.NDArray[np.float32]:
    """Returns [n, thresholds] the IoU of the region's and the map's boxes that fit each other best.

    The map's boxes are those around each connected component (eight neighbours) of the pixels above a
    threshold; the region's its own, and those around the connected parts of its mask. 0 where nothing is
    above.
    """
    found = np.zeros((len(maps.values), NUM_LEVELS), np.float32)
    outlines, unit_of = maps.regions.outlines()
    map_of = maps.distinct[1][unit_of]
    for which, levels in enumerate(levels_of(maps)):
        predicted, threshold_of = _boxes_by_threshold(levels)
        own = np.flatnonzero(map_of == which)
        np.maximum.at(found, (unit_of[own], threshold_of[:, None]), _iou(predicted, outlines[own]))
    return found


def _boxes_by_threshold(levels: Levels) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Returns x, y, w, h of each component [k, 4] at each threshold, and its threshold [k].

    The higher a threshold, the smaller the part of the image in which anything is above: only that is
    searched. At a threshold between two values of the map nothing changes.
    """
    of_rows, of_columns = levels.max(axis=1), levels.max(axis=0)
    counts, boxes, places = _at_least(levels.ravel()), [np.zeros((0, 4))], [np.zeros(0, np.int64)]
    for threshold in range(NUM_LEVELS):
        if counts[threshold] == 0:
            break
        if threshold == 0 or counts[threshold] != counts[threshold - 1]:
            (top, bottom), (left, right) = (_span(one > threshold) for one in (of_rows, of_columns))
            inside = _component_boxes(levels[top:bottom, left:right] > threshold)
            inside[:, :2] += (left, top)
        boxes.append(inside)
        places.append(np.full(len(inside), threshold))
    return np.concatenate(boxes), np.concatenate(places)


def _span(is_above: Bools) -> tuple[int, int]:
    """Returns the first place that is above, and the one behind the last."""
    places = np.flatnonzero(is_above)
    return int(places[0]), int(places[-1]) + 1


def _component_boxes(above: Bools) -> Floats:
    """Returns x, y, w, h of the box around each component of the pixels, [k, 4]."""
    import cv2  # two tenths of a second, which verbs without maps need not wait for

    outlines, hierarchy = cv2.findContours(above.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    parents = hierarchy[0, :, 3]  # of the edge of a hole, the outline around it
    boxes = [cv2.boundingRect(one) for one, parent in zip(outlines, parents, strict=True) if parent < 0]
    return np.array(boxes, np.float64)


def _iou(first: Floats, second: Floats) -> Floats:
    """Returns IoU of boxes x, y, w, h: [k, 4] and [m, 4] give [k, m]."""
    (x, y, w, h), (u, v, s, t) = first.T[..., None], second.T[:, None]
    both = np.maximum(np.minimum(x + w, u + s) - np.maximum(x, u), 0) * np.maximum(
        np.minimum(y + h, v + t) - np.maximum(y, v), 0
    )
    either = w * h + s * t - both
    found: Floats = both / np.where(either > 0, either, 1)
    return found
