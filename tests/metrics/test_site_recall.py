"""Site recall: by hand, against a plain walk, on boxes and masks."""

import numpy as np
import pandas as pd
import pytest

from bench.metrics.measure import UnitMaps
from bench.metrics.protocol import THESIS
from bench.metrics.regions import COLUMNS, FRAME, MASK, encode, regions_of
from bench.metrics.site_recall import MEASURE

SIDE = 20


def unit_maps(boxes: pd.DataFrame, cells: np.ndarray, finite=None) -> UnitMaps:
    regions = regions_of(boxes, SIDE)
    is_finite = np.ones(len(cells), bool) if finite is None else np.asarray(finite)
    values = np.zeros((len(cells), SIDE, SIDE), np.float32)  # of the enlarged map only the size matters
    return UnitMaps(values, {"finite": is_finite}, regions, THESIS, cells.astype(np.float32))


def recall(boxes: list[tuple[float, float, float, float]], peaks: dict[tuple[int, int], float]) -> float:
    """Returns that of a unit with boxes (x, y, w, h) and a map of cells of one px that is 0 but for peaks."""
    cells = np.zeros((1, SIDE, SIDE))
    for place, height in peaks.items():
        cells[0, *place] = height
    table = pd.DataFrame([(0, 0, *box) for box in boxes], columns=list(COLUMNS))
    return MEASURE.of_maps(unit_maps(table, cells))["site_recall"].item()


TWO = [(1, 1, 4, 4), (10, 10, 5, 5)]


def test_a_site_is_found_by_a_local_maximum_in_it():
    assert recall(TWO, {(2, 2): 5, (12, 12): 4}) == 1
    assert recall(TWO, {(2, 2): 5}) == 0.5
    assert recall(TWO, {(8, 8): 5}) == 0
    assert recall(TWO, {}) == 0


def test_as_many_of_the_highest_maxima_count_as_there_are_sites():
    assert recall(TWO, {(2, 2): 5, (17, 2): 4, (12, 12): 3}) == 0.5
    assert recall(TWO, {(17, 2): 5, (17, 6): 4, (2, 2): 3, (12, 12): 2}) == 0
    assert recall(TWO[:1], {(17, 2): 5, (2, 2): 4}) == 0


def test_further_maxima_in_a_site_that_is_found_do_not_count():
    assert recall(TWO, {(2, 2): 9, (4, 4): 8, (2, 4): 7, (12, 12): 1}) == 1
    assert recall(TWO, {(2, 2): 9, (4, 4): 8, (17, 2): 2, (12, 12): 1}) == 0.5


def test_a_slope_within_a_box_is_no_maximum():
    """The second box holds the flank of a hill that peaks outside."""
    assert recall(TWO, {(2, 2): 5, (8, 12): 4, (9, 12): 3, (10, 12): 2}) == 0.5


def test_overlapping_boxes_count_separately_and_one_maximum_may_find_both():
    overlapping = [(2, 2, 6, 6), (5, 5, 6, 6)]
    assert recall(overlapping, {(6, 6): 1}) == 1
    assert recall(overlapping, {(3, 3): 1}) == 0.5
    assert recall(overlapping, {(3, 3): 2, (6, 6): 1}) == 1


def test_edges_are_in_a_box_and_middles_of_cells_are_where_maxima_lie():
    table = pd.DataFrame([(0, 0, 7.0, 7.0, 0.5, 0.5)], columns=list(COLUMNS))
    cells = np.zeros((1, 4, 4))  # of 5 px: that of row 1, column 1 has its middle at 7
    cells[0, 1, 1] = 1
    assert MEASURE.of_maps(unit_maps(table, cells))["site_recall"].item() == 1
    assert MEASURE.of_maps(unit_maps(table.assign(x=7.1), cells))["site_recall"].item() == 0


def test_connected_parts_of_masks_are_sites_beside_boxes():
    mask = np.zeros((SIDE, SIDE), bool)
    mask[1:3, 1:3] = mask[3:5, 3:5] = True  # corners connect
    mask[10:12, 10:12] = True
    rows = [
        (0, 0, 0, 0, 0, 0, SIDE, SIDE, encode(mask)),
        (0, 0, 15.0, 1.0, 3.0, 3.0, SIDE, SIDE, None),
    ]
    table = pd.DataFrame(rows, columns=[*COLUMNS, *FRAME, MASK])
    sites, owner = regions_of(table, SIDE).sites()
    assert owner.tolist() == [0, 0, 0]
    assert sites.areas().tolist() == [9, 8, 4]
    cells = np.zeros((1, SIDE, SIDE))
    cells[0, 4, 4], cells[0, 2, 16] = 2, 1
    found = MEASURE.of_maps(unit_maps(table, cells))
    assert found["num_sites"].item() == 3
    assert found["site_recall"].item() == pytest.approx(2 / 3)


def test_a_mask_without_a_pixel_is_missed():
    table = pd.DataFrame(
        [(0, 0, 0, 0, 0, 0, SIDE, SIDE, encode(np.zeros((SIDE, SIDE), bool)))],
        columns=[*COLUMNS, *FRAME, MASK],
    )
    cells = np.random.default_rng(0).random((1, SIDE, SIDE))
    found = MEASURE.of_maps(unit_maps(table, cells))
    assert (found["site_recall"].item(), found["num_sites"].item()) == (0, 0)


def test_a_map_that_is_not_finite_finds_nothing_and_the_others_are_as_they_were():
    table = pd.DataFrame([(unit, 0, *TWO[0]) for unit in range(3)], columns=list(COLUMNS))
    cells = np.zeros((3, SIDE, SIDE))
    cells[:, 2, 2] = 1
    cells[1, 0, 0] = np.nan
    assert MEASURE.of_maps(unit_maps(table, cells, [True, False, True]))["site_recall"].tolist() == [1, 0, 1]


def test_units_that_share_a_map_score_as_with_a_map_each():
    random = np.random.default_rng(0)
    boxes = [(unit, 0, *random.uniform(0, 9, 4)) for unit in range(30) for _ in range(unit % 3 + 1)]
    table = pd.DataFrame(boxes, columns=list(COLUMNS))
    shared = random.random((1, SIDE, SIDE)).astype(np.float32)
    peaks = {"finite": np.ones(30, bool)}
    found = [
        MEASURE.of_maps(UnitMaps(values, peaks, regions_of(table, SIDE), THESIS))["site_recall"].tolist()
        for values in (shared.repeat(30, axis=0), np.broadcast_to(shared, (30, SIDE, SIDE)))
    ]
    assert found[0] == found[1]
    assert len(set(found[0])) > 2


def walked(boxes: np.ndarray, cells: np.ndarray) -> float:
    """Returns the share of boxes [k, 4] that are found, by going through sorted cells, of one px each."""
    padded = np.pad(cells, 1, constant_values=-np.inf)
    maxima = [
        (-cells[row, column], row, column)
        for row, column in np.ndindex(*cells.shape)
        if cells[row, column] == padded[row : row + 3, column : column + 3].max()
    ]
    found: set[int] = set()
    left = len(boxes)
    for _, row, column in sorted(maxima):
        own = {
            number for number, (x, y, w, h) in enumerate(boxes) if x <= column <= x + w and y <= row <= y + h
        }
        if left == 0:
            break
        if not own or own - found:
            left -= 1
        found |= own
    return len(found) / len(boxes)


def test_it_is_what_a_plain_walk_gives():
    random = np.random.default_rng(0)
    counts = random.integers(1, 6, 60)
    boxes = [random.uniform(0, 10, (count, 4)) for count in counts]
    rows = [(unit, 0, *box) for unit, own in enumerate(boxes) for box in own]
    cells = random.random((60, SIDE, SIDE))
    found = MEASURE.of_maps(unit_maps(pd.DataFrame(rows, columns=list(COLUMNS)), cells))
    expected = [walked(own, one) for own, one in zip(boxes, cells.astype(np.float32), strict=True)]
    assert found["site_recall"].tolist() == pytest.approx(expected)
    assert found["num_sites"].tolist() == counts.tolist()
    assert len(set(expected)) > 4
