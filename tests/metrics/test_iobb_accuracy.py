"""Localization by overlap: by hand, and against loops over pixels."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.metrics.iobb_accuracy import MEASURE, levels
from bench.metrics.measure import UnitMaps
from bench.metrics.protocol import THESIS
from bench.metrics.regions import COLUMNS, regions_of


def overlaps(values: np.ndarray, *boxes: tuple[float, ...], threshold: float = 0.5) -> tuple[float, float]:
    """Returns IoBB and IoU of one map [h, w] with boxes."""
    protocol = replace(THESIS, threshold=threshold)
    table = pd.DataFrame([(0, 0, *box) for box in boxes], columns=list(COLUMNS))
    peaks = {"score": np.float32([values.max()])}
    regions = regions_of(table, len(values), protocol=protocol)
    found = MEASURE.of_maps(UnitMaps(np.float32(values)[None], peaks, regions, protocol))
    return found["iobb"].item(), found["iou"].item()


def is_hit(iobb, iou, least: float = 0.5) -> np.ndarray:
    statistic = MEASURE.statistic(pd.DataFrame({"iobb": iobb, "iou": iou}), replace(THESIS, iobb=least))
    return statistic[:, 0] == 1


def test_overlap_by_hand() -> None:
    """2 × 4 pixels above half, of which 2 × 2 are in the box."""
    values = np.full((8, 8), 0.25)
    values[2:4, 1:5] = 0.75
    values[7, 7] = 0.375  # half of the maximum: not above it
    assert overlaps(values, (3.9, 1.9, 3.9, 4.9)) == (4 / 8, 4 / (8 + 3 * 4 - 4))


def test_nothing_is_predicted_by_a_map_that_is_zero_or_not_finite() -> None:
    assert overlaps(np.zeros((4, 4)), (0, 0, 4, 4)) == (0, 0)
    assert overlaps(np.full((4, 4), np.nan), (0, 0, 4, 4)) == (0, 0)


def test_boxes_that_overlap_count_once_and_one_without_a_pixel_not_at_all() -> None:
    everything = np.ones((4, 4))
    assert overlaps(everything, (0, 0, 2, 2), (1, 1, 2, 2), (3, 3, 0.9, 1)) == (7 / 16, 7 / 16)


def test_exactly_half_is_a_miss() -> None:
    just_above = np.nextafter(0.5, 1)
    iobb, iou = np.array([0.5, just_above, 0.0, 0.5]), np.array([0.5, 0.1, 0.0, just_above])
    assert is_hit(iobb, iou).tolist() == [False, True, False, True]


@pytest.mark.parametrize("least", [0.1, 0.25, 0.5])
def test_the_least_iobb_is_exceeded_strictly(least: float) -> None:
    iobb = np.array([least, np.nextafter(least, 1), np.nextafter(least, 0)])
    assert is_hit(iobb, np.zeros(3), least).tolist() == [False, True, False]


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.5]))
def test_overlap_agrees_with_loops_over_pixels(seed: int, threshold: float) -> None:
    random = np.random.default_rng(seed)
    values = random.random((9, 9)).astype(np.float32)
    boxes = [(*random.uniform(-3, 9, 2), *random.uniform(0, 7, 2)) for _ in range(2)]
    predicted = {(r, c) for r in range(9) for c in range(9) if values[r, c] / values.max() > threshold}
    boxed = {
        (row, column)
        for x, y, w, h in boxes
        for row in range(max(int(y), 0), min(int(y) + int(h), 9))
        for column in range(max(int(x), 0), min(int(x) + int(w), 9))
    }
    both = len(predicted & boxed)
    iobb, iou = overlaps(values, *boxes, threshold=threshold)
    assert (iobb, iou) == (both / len(predicted), both / len(predicted | boxed))
    assert 0 <= iou <= iobb <= 1  # so "or IoU > 0.5" decides nothing


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
    assert ((values > levels(maxima, 0.5)[:, None]) == (values / maxima[:, None] > 0.5)).all()


def test_nothing_is_above_the_level_of_a_map_with_nan() -> None:
    (level,) = levels(np.float32([np.nan]), 0.5)
    assert not (np.float32([0, 0.5, 1, np.nan]) > level).any()
