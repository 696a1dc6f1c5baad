"""What counts as a hit of a box, choice by choice, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from bench.metrics.protocol import THESIS, VARIANTS, LocalizationProtocol
from bench.metrics.targets import targets

BOX = (10.0, 20.0, 8.0, 4.0)
"""Columns 10 to 18, rows 20 to 24."""


def hit(row: float, column: float, box=BOX, pixel=(1.0, 1.0), **choices) -> bool:
    aims = targets(np.array([box], float), np.array([0]), np.array([pixel]), replace(THESIS, **choices))
    (found,) = aims.hit(np.array([0]), np.array([row]), np.array([column]))
    return bool(found)


@pytest.mark.parametrize(
    ("row", "column", "edges", "expected"),
    [
        (20, 10, "exclusive", True),  # near edges are inside by either
        (24, 18, "inclusive", True),
        (24, 17, "exclusive", False),
        (23, 18, "exclusive", False),
        (23, 17, "exclusive", True),
        (19, 12, "exclusive", False),
    ],
)
def test_edges_are_about_the_far_ones(row, column, edges, expected):
    assert hit(row, column, edges=edges) is expected


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [
        (22, 14, True),
        (22, 23, True),  # 5 to the right
        (22, 24, False),
        (15, 14, True),  # 5 above
        (28, 21, True),  # 4 below and 3 to the right
        (28, 22, False),
        (16, 7, True),  # 4 above and 3 to the left
    ],
)
@pytest.mark.parametrize("edges", ["inclusive", "exclusive"])
def test_tolerance_is_the_distance_to_the_box_whatever_its_edges(row, column, expected, edges):
    assert hit(row, column, tolerance_px=5.0, edges=edges) is expected


def test_tolerance_is_in_px_of_the_images_own_frame():
    """A pixel of the grid is 4 px wide and 2 px high there: 3 columns are 12 px, 3 rows 6 px."""
    assert hit(22, 21, pixel=(4.0, 2.0), tolerance_px=12.0)
    assert not hit(22, 21, pixel=(4.0, 2.0), tolerance_px=11.9)
    assert hit(27, 14, pixel=(4.0, 2.0), tolerance_px=6.0)
    assert not hit(27, 14, pixel=(4.0, 2.0), tolerance_px=5.9)


def test_truncated_boxes_lose_the_fractions_of_each_number():
    box = (10.9, 20.9, 7.9, 3.9)  # becomes 10, 20, 7, 3
    assert not hit(20, 10, box)
    assert hit(20, 10, box, boxes="truncated")
    assert hit(24, 18, box)
    assert not hit(24, 18, box, boxes="truncated")
    assert hit(23, 17, box, boxes="truncated")
    assert not hit(23, 17, box, boxes="truncated", edges="exclusive")


def test_each_unit_has_its_own_boxes_any_of_which_may_be_hit():
    boxes = np.array([[0, 0, 1, 1], [50, 50, 1, 1], [5, 5, 1, 1]], float)
    aims = targets(boxes, np.array([2, 0, 2]), np.ones((3, 2)), THESIS)
    units, at = np.array([0, 0, 1, 2, 2, 2]), np.array([50, 5, 0, 0, 5, 50])
    assert aims.hit(units, at, at).tolist() == [True, False, False, True, True, False]


def test_defaults_are_the_thesis_and_each_variant_changes_one_choice():
    assert LocalizationProtocol() == THESIS
    for variant in VARIANTS.values():
        changed = [name for name in vars(THESIS) if getattr(variant, name) != getattr(THESIS, name)]
        assert len(changed) == 1
