"""Regions: which points are in them, and which pixels they cover."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt, zoom

from bench.metrics.protocol import THESIS, VARIANTS, LocalizationProtocol
from bench.metrics.regions import COLUMNS, FRAME, MASK, Regions, bounds, decode, encode, regions_of

BOX = (10.0, 20.0, 8.0, 4.0)
"""Columns 10 to 18, rows 20 to 24."""

# Half and quarter pixels are exact in binary, so that edges are met exactly.
QUARTERS = st.integers(-60, 120).map(lambda n: n / 4)
SIDES = st.integers(0, 80).map(lambda n: n / 4)
BOXES = st.lists(st.tuples(QUARTERS, QUARTERS, SIDES, SIDES), min_size=1, max_size=4)


def of_boxes(*boxes: tuple[float, ...], size_px: int = 64, units=None, **choices) -> Regions:
    """Returns the regions of boxes, all of one unit unless told."""
    rows = [(unit, 0, *box) for unit, box in zip(units or [0] * len(boxes), boxes, strict=True)]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).assign(width_px=size_px, height_px=size_px)
    return regions_of(table, size_px, protocol=replace(THESIS, **choices))


def hit(row: float, column: float, box=BOX, pixel=(1.0, 1.0), **choices) -> bool:
    regions = replace(of_boxes(box, **choices), pixels=np.array([pixel]))
    return bool(regions.contains(np.array([0]), np.array([row]), np.array([column]))[0])


def on_grid(regions: Regions, unit: int = 0) -> list[list[bool]]:
    """Whether the region of a unit contains each pixel of the grid."""
    rows, columns = np.indices(regions.shape).reshape(2, -1)
    return regions.contains(np.full(rows.size, unit), rows, columns).reshape(regions.shape).tolist()


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


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [
        *[(20, 10, True), (60, 40, True), (20, 40, True), (60, 10, True), (40, 25, True)],
        *[(19, 10, False), (20, 9, False), (61, 40, False), (60, 41, False), (25, 60, False)],
    ],
)
def test_peak_on_box_edge_counts_as_hit(row: int, column: int, expected: bool) -> None:
    assert hit(row, column, (10, 20, 30, 40)) is expected


def test_a_box_without_extent_holds_its_corner_only() -> None:
    assert hit(3, 5, (5, 3, 0, 0))
    assert not hit(3, 6, (5, 3, 0, 0))


def test_each_unit_has_its_own_boxes_any_of_which_may_be_hit():
    boxes = [(0, 0, 1, 1), (50, 50, 1, 1), (5, 5, 1, 1)]
    regions = of_boxes(*boxes, units=[2, 0, 2])
    units, at = np.array([0, 0, 1, 1, 1]), np.array([50, 5, 0, 5, 50])
    assert regions.contains(units, at, at).tolist() == [True, False, True, True, False]
    assert regions[1:2].contains(units[2:] - 1, at[2:], at[2:]).tolist() == [True, True, False]
    assert regions[1:2].areas().tolist() == [2]


def test_no_boxes_are_no_regions():
    regions = regions_of(pd.DataFrame(columns=list(COLUMNS)), 8)
    assert (len(regions), regions.areas().tolist(), regions.rasterise().shape) == (0, [], (0, 8, 8))


@settings(max_examples=60)
@given(BOXES, st.integers(1, 24))
def test_points_inside_agree_with_comparisons_one_by_one(boxes, size_px: int) -> None:
    regions = of_boxes(*boxes, size_px=size_px)
    expected = [
        [any(x <= c <= x + w and y <= r <= y + h for x, y, w, h in boxes) for c in range(size_px)]
        for r in range(size_px)
    ]
    assert on_grid(regions) == expected


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((2, 1, 3, 4), (1, 2, 5, 5)),
        ((2.9, 1.9, 3.9, 4.9), (1, 2, 5, 5)),  # each side by itself: not up to 2.9 + 3.9
        ((5, 5, 0.9, 3), None),  # no column
        ((-3, -2, 5, 5), (0, 0, 3, 2)),
        ((-0.5, 0, 2, 2), (0, 0, 2, 2)),  # truncated towards zero
        ((14, 14, 9, 9), (14, 14, 16, 16)),
        ((20, 3, 4, 4), None),  # beside the image: no column
        ((-9, 3, 4, 4), None),
        ((-4, -4, 99, 99), (0, 0, 16, 16)),
    ],
)
def test_box_covers_whole_pixels_of_the_image_far_edges_exclusive(box, expected) -> None:
    covered = np.zeros((16, 16), bool)
    if expected is not None:
        top, left, bottom, right = expected
        covered[top:bottom, left:right] = True
    assert of_boxes(box, size_px=16).rasterise()[0].tolist() == covered.tolist()


@settings(max_examples=60)
@given(BOXES, st.integers(0, 2**32 - 1))
def test_pixels_that_are_covered_agree_with_truncation_by_python(boxes, seed: int) -> None:
    size_px = 24
    regions = of_boxes(*boxes, (3, 3, 9, 2), size_px=size_px, units=[*[0] * len(boxes), 1])
    expected = np.array(
        [
            [
                any(int(x) <= c < int(x) + int(w) and int(y) <= r < int(y) + int(h) for x, y, w, h in boxes)
                for c in range(size_px)
            ]
            for r in range(size_px)
        ]
    )
    drawn = np.random.default_rng(seed).random((2, size_px, size_px)) < 0.5
    assert regions.rasterise()[0].tolist() == expected.tolist()
    assert regions.areas().tolist() == [expected.sum(), 18]
    assert regions.count(drawn).tolist() == [(drawn[0] & expected).sum(), drawn[1, 3:5, 3:12].sum()]


@pytest.mark.parametrize(
    "choices", [{}, {"tolerance_px": 2.5}, {"edges": "exclusive"}, {"boxes": "truncated"}]
)
@settings(max_examples=20)
@given(boxes=BOXES)
def test_pixels_that_hit_are_those_contained(choices, boxes) -> None:
    regions = of_boxes(*boxes, size_px=20, **choices)
    (patch,) = regions.hits()
    found = np.zeros((20, 20), bool)
    found[patch.place] = patch.pixels
    assert found.tolist() == on_grid(regions)


def test_boxes_are_scaled_to_the_grid():
    table = pd.DataFrame([(0, 0, 2, 1, 1, 2)], columns=list(COLUMNS))
    regions = regions_of(table, 4, (8, 12))
    assert regions.boxes.tolist() == [[[6, 2, 3, 4]]]
    assert regions.areas().tolist() == [12]


# Masks.


def of_masks(*masks: np.ndarray, shape=None, size_px: int = 8, **choices) -> Regions:
    """Returns the region of one unit that is outlined by masks of one frame."""
    height, width = masks[0].shape
    rows = [(0, 0, *bounds(mask), width, height, encode(mask)) for mask in masks]
    table = pd.DataFrame(rows, columns=[*COLUMNS, *FRAME, MASK])
    return regions_of(table, size_px, shape, replace(THESIS, **choices))


L = np.array([[0, 1, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0]], bool)


def test_masks_are_written_as_runs_by_rows_the_first_of_them_outside():
    assert encode(L) == "1 1 3 1 3 2 1"
    assert encode(~L) == "0 1 1 3 1 3 2 1"
    assert bounds(L) == (1, 0, 2, 3)
    assert encode(np.zeros((2, 3), bool)) == "6"
    assert bounds(np.zeros((2, 3), bool)) == (0, 0, 0, 0)
    with pytest.raises(ValueError, match="add up to 12 px"):
        decode(encode(L), 5, 3)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
def test_masks_come_back_as_they_were(seed, height, width):
    mask = np.random.default_rng(seed).random((height, width)) < 0.4
    assert decode(encode(mask), width, height).tolist() == mask.tolist()


def test_a_mask_of_the_grids_size_is_what_is_covered_and_what_is_hit():
    regions = of_masks(L, shape=(3, 4))
    assert regions.rasterise()[0].tolist() == L.tolist() == on_grid(regions)
    assert regions.areas().tolist() == [4]
    assert regions.count(np.ones((1, 3, 4), bool)).tolist() == [4]
    assert regions.count(~L[None]).tolist() == [0]
    rows, columns = np.array([0.4, 0.6, -1, 2.4]), np.array([1.4, 1.6, -1, 2.4])  # the nearest pixel counts
    assert regions.contains(np.zeros(4, int), rows, columns).tolist() == [True, False, False, True]


@pytest.mark.parametrize("shape", [(6, 8), (12, 12), (3, 4), (9, 4)])
def test_on_a_finer_grid_each_pixel_is_that_of_the_nearest(shape):
    expected = (
        zoom(L.astype(float), (shape[0] / 3, shape[1] / 4), order=0, grid_mode=True, mode="nearest") > 0
    )
    assert of_masks(L, shape=shape).rasterise()[0].tolist() == expected.tolist()


def test_masks_of_a_unit_are_one_region_with_its_boxes():
    other = np.zeros((3, 4), bool)
    other[0, 0:2] = True
    assert of_masks(L, other, shape=(3, 4)).rasterise()[0].tolist() == (L | other).tolist()
    rows = [
        (0, 0, *bounds(L), 4, 3, encode(L)),
        (0, 0, 6, 0, 2, 8 / 3, 4, 3, None),
        (1, 0, 0, 0, 2, 8, 4, 3, None),
    ]
    table = pd.DataFrame(rows, columns=[*COLUMNS, *FRAME, MASK])
    regions = regions_of(table, 8, (3, 4))
    with_box = L.copy()
    with_box[0, 3] = True
    assert regions.rasterise()[0].tolist() == with_box.tolist()
    assert regions.areas().tolist() == [5, 3]
    assert regions[1:].areas().tolist() == [3]
    assert regions[1:].masks == {}
    assert regions[:1].contains(np.zeros(3, int), np.array([0, 1, 2]), np.array([3, 1, 0])).tolist() == [
        True,
        True,
        False,
    ]


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 2.5, 4.0]))
def test_tolerance_is_the_distance_to_a_masks_pixel_in_px_of_its_frame(seed, tolerance_px):
    mask = np.random.default_rng(seed).random((10, 20)) < 0.05
    regions = of_masks(mask, shape=(10, 10), size_px=10, tolerance_px=tolerance_px)
    covered = regions.rasterise()[0]
    expected = distance_transform_edt(~covered, sampling=(1, 2)) <= tolerance_px if covered.any() else covered
    assert on_grid(regions) == expected.tolist()
    (patch,) = regions.hits()
    found = np.zeros((10, 10), bool)
    found[patch.place] = patch.pixels
    assert found.tolist() == expected.tolist()


def test_an_empty_mask_is_never_hit():
    regions = of_masks(np.zeros((3, 4), bool), tolerance_px=99.0)
    assert (regions.areas().tolist(), regions.rasterise().any(), np.any(on_grid(regions))) == (
        [0],
        False,
        False,
    )


def test_defaults_are_the_thesis_and_each_variant_changes_one_choice():
    assert LocalizationProtocol() == THESIS
    for variant in (one for of_metric in VARIANTS.values() for one in of_metric.values()):
        changed = [name for name in vars(THESIS) if getattr(variant, name) != getattr(THESIS, name)]
        assert len(changed) == 1
