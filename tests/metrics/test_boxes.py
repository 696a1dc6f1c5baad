"""The one box convention."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.metrics.boxes import covered, inside, scaled

# Half and quarter pixels are exact in binary, so that edges are met exactly.
_QUARTERS = st.integers(-60, 120).map(lambda n: n / 4)
_SIDES = st.integers(0, 80).map(lambda n: n / 4)
_BOXES = st.lists(st.tuples(_QUARTERS, _QUARTERS, _SIDES, _SIDES), min_size=1, max_size=3)


def _region(boxes: np.ndarray, size_px: int) -> np.ndarray:
    mask = np.zeros((size_px, size_px), dtype=bool)
    for top, left, bottom, right in covered(boxes, size_px):
        mask[top:bottom, left:right] = True
    return mask


def _reference_inside(row: float, column: float, box: tuple[float, ...]) -> bool:
    x, y, w, h = box
    return not (column < x or column > x + w or row < y or row > y + h)


def _is_inside(row: float, column: float, box: tuple[float, ...]) -> bool:
    return bool(inside(np.array([row], float), np.array([column], float), np.array([box], float))[0])


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [
        *[(20, 10, True), (60, 40, True), (20, 40, True), (60, 10, True), (40, 25, True)],
        *[(19, 10, False), (20, 9, False), (61, 40, False), (60, 41, False), (25, 60, False)],
    ],
)
def test_peak_on_box_edge_counts_as_hit(row: int, column: int, expected: bool) -> None:
    assert _is_inside(row, column, (10, 20, 30, 40)) is expected


def test_fractional_boxes_are_not_truncated() -> None:
    box = (10.5, 20.25, 2.0, 2.0)  # columns 10.5 … 12.5, rows 20.25 … 22.25
    assert not _is_inside(21, 10, box)
    assert _is_inside(21, 11, box)
    assert _is_inside(21, 12, box)
    assert not _is_inside(21, 13, box)
    assert not _is_inside(20, 11, box)
    assert _is_inside(22, 11, box)


def test_x_goes_with_columns_and_y_with_rows() -> None:
    assert _is_inside(0, 9, (8, 0, 2, 1))
    assert not _is_inside(9, 0, (8, 0, 2, 1))


def test_a_box_without_extent_holds_its_corner_only() -> None:
    assert _is_inside(3, 5, (5, 3, 0, 0))
    assert not _is_inside(3, 6, (5, 3, 0, 0))
    assert _region(np.array([[5.0, 3.0, 0.0, 0.0]]), 8).sum() == 1
    assert _region(np.array([[5.5, 3.0, 0.0, 0.0]]), 8).sum() == 0


def test_each_point_is_compared_with_its_own_box() -> None:
    boxes = np.array([[0.0, 0, 1, 1], [5.0, 5, 1, 1]])
    assert inside(np.array([0.0, 0.0]), np.array([0.0, 0.0]), boxes).tolist() == [True, False]


def test_no_points_give_no_answers() -> None:
    assert inside(np.zeros(0), np.zeros(0), np.zeros((0, 4))).shape == (0,)


def test_covered_pixels_by_hand() -> None:
    mask = _region(np.array([[1.0, 0.0, 2.0, 1.0], [3.5, 2.0, 9.0, 0.5]]), 5)
    assert mask.astype(int).tolist() == [
        [0, 1, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_no_boxes_cover_nothing() -> None:
    assert not _region(np.zeros((0, 4)), 4).any()


@pytest.mark.parametrize(
    "box", [(-10, 1, 5, 2), (1, -10, 2, 5), (20, 1, 5, 2), (1, 20, 2, 5), (-9, -9, 3, 3), (-4.5, 0, 4, 9)]
)
def test_a_box_beside_the_image_marks_nothing(box: tuple[float, ...]) -> None:
    assert not _region(np.array([box], float), 8).any()


@settings(max_examples=80, deadline=None, derandomize=True)
@given(_BOXES, st.integers(1, 24))
def test_covered_are_exactly_the_pixels_inside_any_box(boxes: list[tuple[float, ...]], size_px: int) -> None:
    mask = _region(np.array(boxes, float), size_px)
    reference = [
        [any(_reference_inside(row, column, box) for box in boxes) for column in range(size_px)]
        for row in range(size_px)
    ]
    assert mask.tolist() == reference


@settings(max_examples=80, deadline=None, derandomize=True)
@given(_BOXES, _QUARTERS, _QUARTERS)
def test_inside_agrees_with_comparisons_one_by_one(boxes, row: float, column: float) -> None:
    many = np.array(boxes, float)
    found = inside(np.full(len(many), row), np.full(len(many), column), many)
    assert found.tolist() == [_reference_inside(row, column, box) for box in boxes]


def test_scaling_multiplies_every_side_and_keeps_the_rest() -> None:
    table = pd.DataFrame(
        [(7, 2, 100.0, 200.0, 50.0, 25.0)], columns=["image_index", "class_index", "x", "y", "w", "h"]
    )
    assert scaled(table, 0.25).to_dict("records") == [
        {"image_index": 7, "class_index": 2, "x": 25.0, "y": 50.0, "w": 12.5, "h": 6.25}
    ]
    assert table.loc[0, "x"] == 100.0
