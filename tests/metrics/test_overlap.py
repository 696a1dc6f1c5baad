"""Overlap of predictions and boxes: by hand, and against masks of every pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.metrics.overlap import areas, disjoint, is_hit, levels, ratios, rectangles, regions

_SIDE_PX = 24
_BOXES = st.lists(
    st.tuples(
        *[st.integers(-40, 120).map(lambda n: n / 4)] * 2, *[st.integers(0, 80).map(lambda n: n / 4)] * 2
    ),
    min_size=1,
    max_size=4,
)


def _reference_mask(boxes, size_px: int) -> np.ndarray:
    """Pixel by pixel: truncation is Python's own, towards zero."""
    mask = np.zeros((size_px, size_px), dtype=int)
    for row in range(size_px):
        for column in range(size_px):
            for x, y, w, h in boxes:
                if int(x) <= column < int(x) + int(w) and int(y) <= row < int(y) + int(h):
                    mask[row, column] = 1
    return mask


def _painted(parts: np.ndarray, size_px: int) -> np.ndarray:
    """How many of the rectangles each pixel is in."""
    depth = np.zeros((size_px, size_px), dtype=int)
    for top, left, bottom, right in parts:
        depth[top:bottom, left:right] += 1
    return depth


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((2, 1, 3, 4), (1, 2, 5, 5)),
        ((2.9, 1.9, 3.9, 4.9), (1, 2, 5, 5)),  # each side by itself: not up to 2.9 + 3.9
        ((5, 5, 0.9, 3), (5, 5, 8, 5)),  # no column
        ((-3, -2, 5, 5), (0, 0, 3, 2)),
        ((-0.5, 0, 2, 2), (0, 0, 2, 2)),  # truncated towards zero
        ((14, 14, 9, 9), (14, 14, 16, 16)),
        ((20, 3, 4, 4), (3, 16, 7, 16)),  # beside the image: no column
        ((-9, 3, 4, 4), (3, 0, 7, 0)),
        ((-4, -4, 99, 99), (0, 0, 16, 16)),
    ],
)
def test_box_covers_whole_pixels_of_the_image_far_edges_exclusive(box, expected) -> None:
    assert rectangles(np.array([box], float), (16, 16)).tolist() == [list(expected)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(_BOXES)
def test_disjoint_parts_cover_the_union_once(boxes) -> None:
    every = rectangles(np.array(boxes, float), (_SIDE_PX, _SIDE_PX))
    parts = disjoint(every)
    mask = _reference_mask(boxes, _SIDE_PX)
    assert _painted(parts, _SIDE_PX).tolist() == mask.tolist()
    assert areas(parts).sum() == mask.sum()


def test_boxes_that_touch_or_hold_each_other_are_one_part() -> None:
    assert disjoint(np.array([[0, 0, 4, 2], [0, 2, 4, 5]])).tolist() == [[0, 0, 4, 5]]
    parts = disjoint(np.array([[0, 0, 6, 6], [2, 2, 4, 4]]))
    assert parts.tolist() == [[0, 0, 2, 6], [2, 0, 4, 6], [4, 0, 6, 6]]
    assert disjoint(np.array([[3, 3, 3, 9], [5, 1, 9, 1]])).tolist() == []
    assert disjoint(np.zeros((0, 4), np.int64)).tolist() == []


def test_each_unit_has_its_own_parts_filled_up_with_empty_ones() -> None:
    boxes = np.array([[0, 0, 4, 4], [9, 9, 2, 2], [2, 2, 4, 4], [50, 50, 2, 2]], float)
    found = regions(boxes, np.array([2, 0, 2, 3]), 4, (16, 16))
    assert areas(found).sum(axis=1).tolist() == [4, 0, 16 + 16 - 4, 0]
    assert found.shape == (4, 3, 4)
    assert regions(np.zeros((0, 4)), np.zeros(0, np.int64), 0, (16, 16)).shape == (0, 1, 4)


def test_ratios_by_hand() -> None:
    iobb, iou = ratios(np.array([3, 0, 0, 0, 6]), np.array([4, 5, 0, 0, 6]), np.array([8, 5, 7, 0, 6]))
    assert iobb.tolist() == [0.75, 0, 0, 0, 1]
    assert iou.tolist() == [3 / 9, 0, 0, 0, 1]
    assert (iobb.dtype, iou.dtype) == (np.float64, np.float64)


def test_exactly_half_is_a_miss() -> None:
    just_above = np.nextafter(0.5, 1)
    iobb, iou = np.array([0.5, just_above, 0.0, 0.5]), np.array([0.5, 0.1, 0.0, just_above])
    assert is_hit(iobb, iou).tolist() == [False, True, False, True]


@pytest.mark.parametrize("least", [0.1, 0.25, 0.5])
def test_the_least_iobb_is_exceeded_strictly(least: float) -> None:
    iobb = np.array([least, np.nextafter(least, 1), np.nextafter(least, 0)])
    assert is_hit(iobb, np.zeros(3), least).tolist() == [False, True, False]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_iou_is_never_above_iobb(both: int, predicted_only: int, boxed_only: int) -> None:
    """So "or IoU > 0.5" decides nothing."""
    iobb, iou = ratios(*(np.array([n]) for n in (both, both + predicted_only, both + boxed_only)))
    assert 0 <= iou[0] <= iobb[0] <= 1
    assert is_hit(iobb, iou).tolist() == (iobb > 0.5).tolist()


@pytest.mark.parametrize("threshold", [0.1, 0.25, 0.5])
def test_value_above_its_level_is_above_the_share_of_the_maximum_exactly(threshold: float) -> None:
    maxima = np.random.default_rng(0).random(2000).astype(np.float32)
    maxima = np.concatenate([maxima, maxima[:100] * np.float32(1e-42), np.float32([0, 1])])
    level = levels(maxima, threshold)
    assert level.dtype == np.float32
    above = np.nextafter(level, np.float32(np.inf))
    exact = maxima.astype(np.float64) * threshold
    assert (level.astype(np.float64) <= exact).all()
    assert (above.astype(np.float64) > exact).all()


def test_half_of_the_maximum_gives_the_pixels_of_a_division() -> None:
    values = np.random.default_rng(1).random((500, 64)).astype(np.float32)
    maxima = values.max(axis=1)
    values[:, 0] = maxima / 2
    values[:, 1] = np.nextafter(maxima / 2, np.float32(1))
    assert ((values > levels(maxima)[:, None]) == (values / maxima[:, None] > 0.5)).all()


def test_nothing_is_above_the_level_of_a_map_with_nan() -> None:
    (level,) = levels(np.float32([np.nan]))
    assert not (np.float32([0, 0.5, 1, np.nan]) > level).any()
