"""Maps cut at many thresholds: by hand, and against loops and components that are found pixel by pixel."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from unit_maps import Box, one_map, unit_maps

from bench.metrics.levels import NUM_LEVELS, THRESHOLDS, best_box_iou, counts_above, levels_of
from bench.metrics.measure import UnitMaps
from bench.metrics.protocol import THESIS
from bench.metrics.regions import COLUMNS, encode, regions_of


def test_counts_by_hand() -> None:
    """A map of 2, 6 and 10 is 0, ½ and 1: below the first threshold none, up to ½ two kinds, then one."""
    values = np.full((4, 4), 2.0)
    values[0, :3] = 6
    values[1:3, 1] = 10
    found = counts_above(one_map(values, (1, 0, 2, 3)))
    assert found["num_region"].tolist() == [6]
    above, both = found["num_above"][0], found["num_both"][0]
    assert (above[0], *np.unique(above[1:51]), *np.unique(above[51:])) == (16, 5, 2)
    assert (both[0], *np.unique(both[1:51]), *np.unique(both[51:])) == (6, 4, 2)


def test_the_best_box_by_hand() -> None:
    """Two parts that touch at a corner are one; above ½ the part in the box of the region is alone."""
    values = np.zeros((8, 8))
    values[0:2, 0:2] = 0.4
    values[2:4, 2:6] = 1.0
    values[6, 6] = 0.9
    iou = best_box_iou(one_map(values, (2, 2, 4, 2), (7, 7, 1, 1)))[0]
    assert iou[0] == pytest.approx(8 / 64)
    assert np.unique(iou[1:41]) == pytest.approx([8 / 24])
    assert np.unique(iou[41:]) == pytest.approx([1.0])


def test_a_part_within_a_hole_of_another_has_a_box() -> None:
    values = np.zeros((9, 9))
    values[0:9, [0, 8]] = values[[0, 8], 0:9] = 1
    values[4, 4] = 1
    assert best_box_iou(one_map(values, (4, 4, 1, 1)))[0, 50] == 1


def test_a_masks_box_is_the_one_around_it() -> None:
    mask = np.zeros((8, 8), bool)
    mask[2, 2:6] = mask[2:6, 2] = True
    table = pd.DataFrame([(0, 0, 2, 2, 4, 4)], columns=list(COLUMNS)).assign(
        width_px=8.0, height_px=8.0, mask=encode(mask)
    )
    maps = UnitMaps(np.float32(mask)[None], {"finite": np.array([True])}, regions_of(table, 8), THESIS)
    assert best_box_iou(maps)[0, 50] == 1
    assert counts_above(maps)["num_both"][0, 50] == mask.sum()


@pytest.mark.parametrize("level", [0.0, 0.3, 1e-42])
def test_a_map_of_one_value_lies_above_nothing_but_zero(level: float) -> None:
    above = counts_above(one_map(np.full((4, 4), level), (0, 0, 2, 2)))["num_above"][0]
    assert above.tolist() == [16] + [0] * (NUM_LEVELS - 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_map_that_is_not_finite_lies_above_nothing(bad: float) -> None:
    values = np.eye(4)
    values[0, 0] = bad
    maps = one_map(values, (0, 0, 2, 2))
    assert counts_above(maps)["num_above"].sum() == 0
    assert best_box_iou(maps).sum() == 0


def test_a_map_that_units_share_gives_each_what_it_gives_alone() -> None:
    values = np.random.default_rng(2).random((1, 12, 12))
    boxes: list[tuple[int, Box]] = [(0, (1, 2, 4, 5)), (1, (0, 0, 12, 3)), (2, (6, 6, 2, 2))]
    shared = unit_maps(np.broadcast_to(np.float32(values), (3, 12, 12)), boxes)
    shared = UnitMaps(np.broadcast_to(np.float32(values), (3, 12, 12)), shared.peaks, shared.regions, THESIS)
    assert len(shared.distinct[0]) == 1
    alone = unit_maps(values.repeat(3, axis=0), boxes)
    assert len(alone.distinct[0]) == 3
    for name, column in counts_above(shared).items():
        assert (column == counts_above(alone)[name]).all()
    assert (best_box_iou(shared) == best_box_iou(alone)).all()


def _iou_by_pixels(first: np.ndarray, second: np.ndarray) -> float:
    return np.count_nonzero(first & second) / np.count_nonzero(first | second)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 3]))
def test_levels_agree_with_loops(seed: int, smooth: int) -> None:
    random = np.random.default_rng(seed)
    side = 16
    values = (
        ndimage.uniform_filter(random.random((side, side)), smooth) if smooth else random.random((side, side))
    )
    x, y = random.integers(0, side - 4, 2)
    w, h = random.integers(1, 5, 2)
    maps = one_map(values, (x, y, w, h))
    region = np.zeros((side, side), bool)
    region[y : y + h, x : x + w] = True
    single = maps.values[0].astype(np.float64)
    normalised = (single - single.min()) / (single.max() - single.min())
    counts, iou = counts_above(maps), best_box_iou(maps)
    near = np.abs(normalised[..., None] - THRESHOLDS).min(axis=(0, 1)) < 1e-12
    for place in np.flatnonzero(~near):
        above = normalised >= THRESHOLDS[place]
        assert counts["num_above"][0, place] == above.sum()
        assert counts["num_both"][0, place] == (above & region).sum()
        parts, _ = ndimage.label(above, np.ones((3, 3)))
        best = 0.0
        for rows, columns in ndimage.find_objects(parts):
            box = np.zeros((side, side), bool)
            box[rows, columns] = True
            best = max(best, _iou_by_pixels(box, region))
        assert iou[0, place] == pytest.approx(best, abs=1e-6)
    assert levels_of(maps).max() == NUM_LEVELS
