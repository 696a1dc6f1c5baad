"""Peaks and hits: by hand, and against a loop that follows the protocol literally."""

import numpy as np
import pandas as pd
import pytest
import torch

from bench.evaluation.enlarge import enlarged
from bench.evaluation.localize import localize
from bench.metrics.protocol import LocalizationProtocol
from bench.metrics.regions import COLUMNS


def table(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS))


def heatmap(row: int, column: int, side: int = 4) -> torch.Tensor:
    logits = torch.full((1, 1, side, side), -8.0)
    logits[0, 0, row, column] = 4.0
    return logits


SIZE = 36
"""Nine times the side of `heatmap`, so that a cell has a middle pixel: cell (1, 2) has (13, 22)."""


def test_peak_is_the_middle_pixel_of_the_highest_cell():
    (unit,) = localize(heatmap(1, 2), table((0, 0, 0, 0, SIZE, SIZE)), SIZE).itertuples()
    assert (unit.peak_row, unit.peak_column, unit.num_ties) == (13, 22, 1)
    assert unit.score == pytest.approx(1 / (1 + np.exp(-4)))
    assert unit.hit


@pytest.mark.parametrize("seed", range(5))
def test_peaks_of_patches_of_14_px_are_those_of_whole_numbers(seed):
    """37 × 37 cells of 518 px: pixel p lies at cell (2p − 13)/28, so all weights are 28ths."""
    cells = np.random.default_rng(seed).integers(0, 2**16, (37, 37))
    weights = np.zeros((518, 37), dtype=np.int64)
    for pixel in range(518):
        at = min(max(2 * pixel - 13, 0), 28 * 36)
        cell = min(at // 28, 35)
        weights[pixel, cell : cell + 2] = 28 - (at - 28 * cell), at - 28 * cell
    large = weights @ cells @ weights.T
    maps = torch.from_numpy(cells / 2**16).float()[None, None]
    box = table((0, 0, 0.0, 0.0, 518.0, 518.0))
    (unit,) = localize(maps, box, 518, are_probabilities=True).itertuples()
    assert (unit.peak_row, unit.peak_column) == divmod(int(large.argmax()), 518)
    assert unit.score == pytest.approx(large.max() / 28**2 / 2**16, rel=1e-6)


def test_peak_of_a_border_cell_is_the_first_of_a_plateau():
    """Beyond the centres of border cells bilinear enlargement is constant."""
    (unit,) = localize(heatmap(0, 0), table((0, 0, 0, 0, 1, 1)), SIZE).itertuples()
    assert (unit.peak_row, unit.peak_column, unit.num_ties) == (0, 0, 25)


@pytest.mark.parametrize(
    ("box", "hit"),
    [
        ((22.0, 13.0, 2.0, 2.0), True),  # on the near edges
        ((20.0, 11.0, 2.0, 2.0), True),  # on the far edges
        ((20.0, 11.0, 1.999, 2.0), False),
        ((20.0, 11.0, 2.0, 1.999), False),
        ((22.001, 13.0, 2.0, 2.0), False),
        ((22.0, 13.001, 2.0, 2.0), False),
        ((22.0, 13.0, 0.0, 0.0), True),
    ],
)
def test_edges_of_a_box_are_inside(box, hit):
    assert localize(heatmap(1, 2), table((0, 0, *box)), SIZE)["hit"].item() is hit


def test_any_of_several_boxes_of_a_unit_is_enough():
    boxes = table((0, 0, 0.0, 0.0, 2.0, 2.0), (0, 0, 21.0, 12.0, 2.0, 2.0))
    found = localize(heatmap(1, 2), boxes, SIZE)
    assert len(found) == 1
    assert found["hit"].item()


def test_box_of_another_class_does_not_help():
    logits = torch.cat([heatmap(1, 2), heatmap(3, 0)], dim=1)
    found = localize(logits, table((0, 0, 0, 20, 10, 12), (0, 1, 19, 11, 4, 4)), SIZE)
    assert found["hit"].tolist() == [False, False]


def test_saturated_map_ties_and_the_first_pixel_is_taken():
    logits = torch.full((1, 1, 4, 4), 20.0)  # sigmoid is exactly 1 in float32 from about 16.6
    (unit,) = localize(logits, table((0, 0, 0, 0, 1, 1)), 32).itertuples()
    assert (unit.peak_row, unit.peak_column, unit.num_ties) == (0, 0, 32 * 32)
    assert unit.score == 1


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_map_that_is_not_finite_is_a_counted_miss(bad):
    logits = heatmap(1, 2)
    logits[0, 0, 0, 0] = bad
    (unit,) = localize(logits, table((0, 0, 0, 0, 32, 32)), 32).itertuples()
    assert (unit.hit, unit.finite, unit.peak_row, unit.peak_column, unit.num_ties) == (
        False,
        False,
        -1,
        -1,
        0,
    )
    assert np.isnan(unit.score)


def test_probabilities_are_taken_as_they_are():
    boxes = table((0, 0, 20, 10, 12, 12), (0, 1, 0, 0, 5, 5))
    maps = torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    direct = localize(maps, boxes, SIZE, are_probabilities=True)
    by_logits = localize(torch.logit(maps), boxes, SIZE)
    assert direct["score"].to_numpy() == pytest.approx(by_logits["score"].to_numpy(), abs=1e-6)
    same = ["peak_row", "peak_column", "num_ties", "hit"]
    pd.testing.assert_frame_equal(direct[same], by_logits[same])
    (nothing,) = localize(torch.zeros(1, 1, 4, 4), boxes.head(1), SIZE, are_probabilities=True).itertuples()
    assert (nothing.score, nothing.peak_row, nothing.peak_column, nothing.num_ties) == (0, 0, 0, SIZE * SIZE)


def test_no_boxes_give_no_units():
    assert len(localize(heatmap(0, 0), table(), 32)) == 0


def test_units_come_sorted_and_once():
    boxes = table((1, 0, 0, 0, 1, 1), (0, 1, 0, 0, 1, 1), (1, 0, 2, 2, 1, 1), (0, 0, 0, 0, 1, 1))
    found = localize(torch.zeros(2, 2, 4, 4), boxes, 32)
    assert found[["image_index", "class_index"]].to_numpy().tolist() == [[0, 0], [0, 1], [1, 0]]


def _reference_localize(logits: np.ndarray, boxes: pd.DataFrame, size: int) -> list[tuple]:
    """Unit by unit in plain loops: float32 sigmoid, bilinear by hand, strict first maximum."""
    rows = []
    for (image, finding), group in boxes.groupby(["image_index", "class_index"]):
        low = (1 / (1 + np.exp(-logits[image, finding].astype(np.float64)))).astype(np.float32)
        side = low.shape[0]
        at = np.clip((np.arange(size) + 0.5) * side / size - 0.5, 0, None)
        first = np.minimum(at.astype(int), side - 1)
        second = np.minimum(first + 1, side - 1)
        share = at - first
        horizontal = low[:, first] * (1 - share) + low[:, second] * share
        big = horizontal[first] * (1 - share)[:, None] + horizontal[second] * share[:, None]
        row, column = np.unravel_index(big.argmax(), big.shape)
        hit = any(
            b.x <= column <= b.x + b.w and b.y <= row <= b.y + b.h for b in group.itertuples(index=False)
        )
        rows.append((int(image), int(finding), int(row), int(column), bool(hit)))
    return rows


def test_agrees_with_a_literal_loop_on_random_maps():
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (6, 3, 7, 7)).astype(np.float32)
    rows = [
        (random.integers(6), random.integers(3), *random.uniform(0, 60, 2), *random.uniform(5, 40, 2))
        for _ in range(30)
    ]
    boxes = table(*rows)
    found = localize(torch.from_numpy(logits), boxes, 97)
    columns = ["image_index", "class_index", "peak_row", "peak_column", "hit"]
    assert [tuple(row) for row in found[columns].to_numpy().tolist()] == [
        tuple(row) for row in _reference_localize(logits, boxes, 97)
    ]
    assert found["hit"].any()
    assert not found["hit"].all()


def _reference_overlap(large: np.ndarray, boxes: pd.DataFrame, threshold: float) -> tuple[float, float]:
    """One enlarged map, pixel by pixel: divided by its maximum, and boxes truncated."""
    size, maximum = len(large), large.max()
    corners = [(int(b.x), int(b.y), int(b.x) + int(b.w), int(b.y) + int(b.h)) for b in boxes.itertuples()]
    both = predicted = boxed = 0
    for row in range(size):
        for column in range(size):
            is_predicted = maximum > 0 and large[row, column] / maximum > threshold
            is_boxed = any(left <= column < right and top <= row < end for left, top, right, end in corners)
            predicted, boxed, both = (
                predicted + is_predicted,
                boxed + is_boxed,
                both + (is_predicted & is_boxed),
            )
    either = predicted + boxed - both
    return (both / predicted if predicted else 0.0), (both / either if either else 0.0)


@pytest.mark.parametrize(("spread", "size_px", "threshold"), [(3.0, 30, 0.5), (0.3, 41, 0.5), (3, 33, 0.1)])
def test_overlap_agrees_with_a_literal_loop(spread, size_px, threshold):
    random = np.random.default_rng(2)
    logits = torch.from_numpy(random.normal(0, spread, (5, 3, 6, 6)).astype(np.float32))
    rows = [
        (random.integers(5), random.integers(3), *random.uniform(-8, size_px, 2), *random.uniform(0, 25, 2))
        for _ in range(25)
    ]
    found = localize(logits, table(*rows), size_px, protocol=LocalizationProtocol(threshold=threshold))
    groups = table(*rows).groupby(["image_index", "class_index"])
    assert max(map(len, (group for _, group in groups))) > 1
    for unit, (key, group) in zip(found.itertuples(), groups, strict=True):
        large = enlarged(torch.sigmoid(logits[key])[None, None], (size_px, size_px))[0, 0].numpy()
        assert (unit.iobb, unit.iou) == _reference_overlap(large, group, threshold)
    assert found["iobb"].max() > 0.2
    assert found[["iobb", "iou"]].dtypes.tolist() == [np.float64, np.float64]


def test_overlap_by_hand():
    """A map of its input's size is not enlarged: 2 × 4 pixels above half, of which 2 × 2 are in the box."""
    maps = torch.full((1, 1, 8, 8), 0.25)
    maps[0, 0, 2:4, 1:5] = 0.75
    maps[0, 0, 7, 7] = 0.375  # half of the maximum: not above it
    (unit,) = localize(maps, table((0, 0, 3.9, 1.9, 3.9, 4.9)), 8, are_probabilities=True).itertuples()
    assert (unit.iobb, unit.iou) == (4 / 8, 4 / (8 + 3 * 4 - 4))


@pytest.mark.parametrize(
    ("map_", "box", "expected"),
    [
        (torch.zeros(4, 4), (0, 0, 32, 32), (0, 0)),  # nothing is predicted
        (torch.ones(4, 4), (0, 0, 16, 32), (0.5, 0.5)),  # everything is
        (torch.ones(4, 4), (40, 0, 9, 9), (0, 0)),  # beside the image
        (torch.ones(4, 4), (16, -16, 99, 32), (0.25, 0.25)),  # partly outside
        (torch.ones(4, 4), (3, 3, 0.9, 9), (0, 0)),  # without a pixel
        (torch.full((4, 4), 1e-42), (0, 0, 32, 32), (1, 1)),  # as small as numbers get
        (torch.full((4, 4), torch.nan), (0, 0, 32, 32), (0, 0)),
    ],
)
def test_degenerate_overlaps_are_defined(map_, box, expected):
    (unit,) = localize(map_[None, None], table((0, 0, *box)), 32, are_probabilities=True).itertuples()
    assert (unit.iobb, unit.iou) == expected
    assert unit.finite == bool(torch.isfinite(map_).all())


def test_one_value_that_is_not_finite_takes_the_overlap_of_its_own_map_alone():
    logits = torch.cat([heatmap(1, 2), heatmap(1, 2)], dim=1)
    logits[0, 0, 3, 3] = torch.inf
    found = localize(logits, table((0, 0, 0, 0, 36, 36), (0, 1, 0, 0, 36, 36)), SIZE)
    assert found["iobb"].tolist() == [0, 1]
    assert found["iou"].iloc[0] == 0 < found["iou"].iloc[1]


def test_results_do_not_depend_on_what_else_is_asked():
    """Over several chunks of maps, and with tied peaks: each unit alone gives its row."""
    random = np.random.default_rng(4)
    logits = torch.from_numpy(random.normal(0, 12, (20, 2, 9, 9)).astype(np.float32))
    rows = [
        (i, c, *random.uniform(0, 150, 2), *random.uniform(20, 90, 2)) for i in range(20) for c in (0, 0, 1)
    ]
    together = localize(logits, table(*rows), 230)
    assert (together["num_ties"] > 1).any()
    for image in range(20):
        own = together[together["image_index"] == image].assign(image_index=0).reset_index(drop=True)
        boxes = table(*rows).query("image_index == @image").assign(image_index=0)
        pd.testing.assert_frame_equal(localize(logits[[image]], boxes, 230), own, check_exact=True)


def test_maps_are_left_as_they_were():
    maps = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    before = maps.clone()
    localize(maps, table((0, 0, 0, 0, 4, 4)), 8, are_probabilities=True)
    assert torch.equal(maps, before)
