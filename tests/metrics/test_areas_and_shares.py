"""Energy, rank, PxAP, IoU, Dice and the conformal areas: by hand, and against independent computations."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from sklearn.metrics import average_precision_score
from unit_maps import one_map, unit_maps

from bench.metrics.conformal import COVERAGE, ConformalArea
from bench.metrics.dice import MEASURE as DICE
from bench.metrics.energy import MEASURE as ENERGY
from bench.metrics.folds import folds_of
from bench.metrics.measure import measured
from bench.metrics.miou import MEASURE as MIOU
from bench.metrics.pxap import MEASURE as PXAP
from bench.metrics.relevance_rank import MEASURE as RANK

TOUCH, COVER = ConformalArea("touch"), ConformalArea("cover")
SIDE = 8


def values_with(region: float, elsewhere: float) -> np.ndarray:
    """Returns a map that is one value in rows 2 to 3 of columns 2 to 5, and another elsewhere."""
    values = np.full((SIDE, SIDE), elsewhere)
    values[2:4, 2:6] = region
    return values


BOX = (2.0, 2.0, 4.0, 2.0)


def table_of(maps, measure) -> pd.DataFrame:
    columns = measure.of_maps(maps)
    units = pd.DataFrame({"patient": [f"p{i}" for i in range(len(maps.values))], "finding": "A"})
    return units.assign(**{name: one if one.ndim == 1 else list(one) for name, one in columns.items()})


def test_energy_by_hand() -> None:
    """8 pixels of the region have 3 of 4, the least value of the map adds nothing."""
    values = values_with(4.0, 1.0)
    values[7] = 2.0  # 8 pixels of 1 more
    assert ENERGY.of_maps(one_map(values, BOX))["energy"] == pytest.approx([24 / 32])
    assert ENERGY.of_maps(one_map(np.full((8, 8), 0.5), BOX))["energy"].tolist() == [0]


def test_relevance_rank_by_hand() -> None:
    values = values_with(4.0, 1.0)
    values[2, 2:4] = 0  # two of eight are the lowest: six are among the highest eight, two places are drawn
    found = RANK.of_maps(one_map(values, BOX))["relevance_rank"]
    assert found == pytest.approx([6 / 8])
    flat = RANK.of_maps(one_map(np.ones((8, 8)), BOX))["relevance_rank"]
    assert flat == pytest.approx([8 / 64])


def test_ranks_by_hand() -> None:
    """Four pixels elsewhere are higher than the region, whose own eight are equal."""
    values = values_with(3.0, 1.0)
    values[7, :4] = 4.0
    maps = one_map(values, BOX)
    assert TOUCH.of_maps(maps)["touch_rank"] == pytest.approx([12 / 64])
    assert COVER.of_maps(maps)["cover_rank"] == pytest.approx([12 / 64])


def test_pixels_of_one_value_are_seen_together() -> None:
    values = np.zeros((SIDE, SIDE))
    values[0, :6] = 1
    maps = one_map(values, (0, 0, 2, 1))
    assert TOUCH.of_maps(maps)["touch_rank"] == COVER.of_maps(maps)["cover_rank"] == pytest.approx([6 / 64])


@pytest.mark.parametrize("power", [0.3, 3.0])
def test_areas_do_not_change_under_a_monotone_change(power: float) -> None:
    values = np.random.default_rng(1).random((6, SIDE, SIDE)).astype(np.float32)
    boxes = [(unit, BOX) for unit in range(6)]
    for measure in (TOUCH, COVER):
        (column,) = measure.columns
        first, second = (measure.of_maps(unit_maps(v, boxes))[column] for v in (values, values**power))
        assert first == pytest.approx(second)


@pytest.mark.parametrize("num", [9, 10, 40, 99, 100])
def test_the_area_is_the_conformal_quantile(num: int) -> None:
    ranks = np.random.default_rng(num).permutation(num + 1)[1:, None] / (num + 1)
    place = math.ceil(round(COVERAGE * (num + 1), 9))
    assert TOUCH.reduce(ranks, np.ones((1, num))) == pytest.approx(np.sort(ranks[:, 0])[place - 1])


def test_few_units_promise_nothing_less_than_the_image() -> None:
    assert TOUCH.reduce(np.full((8, 1), 0.1), np.ones((1, 8))).tolist() == [1.0]


def test_areas_cover_new_patients_as_they_promise() -> None:
    """Simulated: 3,000 draws of 60 units and a new one."""
    random = np.random.default_rng(5)
    covered = []
    for _ in range(3000):
        ranks = random.random((61, 1)) ** 2
        covered.append(ranks[60, 0] <= TOUCH.reduce(ranks[:60], np.ones((1, 60)))[0])
    assert np.mean(covered) == pytest.approx(math.ceil(0.9 * 61) / 61, abs=0.02)


def test_coverage_is_that_of_other_patients() -> None:
    random = np.random.default_rng(7)
    units = pd.DataFrame({"patient": [f"p{i % 150}" for i in range(200)], "touch_rank": random.random(200)})
    hits = []
    for folds in folds_of(units["patient"]):
        for unit, fold in enumerate(folds):
            others = np.sort(units["touch_rank"].to_numpy()[folds != fold])
            area = others[math.ceil(round(0.9 * (len(others) + 1), 9)) - 1]
            hits.append(units["touch_rank"].iloc[unit] <= area)
    assert TOUCH.coverage(units) == pytest.approx(np.mean(hits))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_pxap_agrees_with_scikit_learn_on_the_levels(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.random((4, SIDE, SIDE))
    corners = random.integers(0, 5, (4, 2))
    boxes = [(i, (*corner, 3.0, 2.0)) for i, corner in enumerate(corners.tolist())]
    maps = unit_maps(values, boxes)
    found = measured(PXAP, table_of(maps, PXAP), ("A",))["weighted"]
    low, high = (reduce(maps.values, axis=(1, 2), keepdims=True) for reduce in (np.min, np.max))
    levels = np.floor((maps.values.astype(float) - low) / (high.astype(float) - low) * 100).clip(0, 99)
    assert found == pytest.approx(
        average_precision_score(maps.regions.rasterise().ravel(), levels.ravel()), abs=1e-6
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_shares_and_ranks_agree_with_loops(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.round(ndimage.gaussian_filter(random.random((SIDE, SIDE)), 1), 2)  # with ties
    maps = one_map(values, (*random.integers(0, 5, 2).tolist(), *random.integers(1, 4, 2).tolist()))
    region, single = maps.regions.rasterise()[0], maps.values[0].astype(float)
    energy = (single - single.min()) * region
    assert ENERGY.of_maps(maps)["energy"] == pytest.approx(
        [energy.sum() / (single - single.min()).sum()], abs=1e-5
    )
    shares = []
    for _ in range(3000):
        order = np.lexsort((random.random(single.size), -single.ravel()))
        places = np.flatnonzero(region.ravel()[order])
        shares.append(np.mean(places < region.sum()) * len(places) / region.sum())
    assert RANK.of_maps(maps)["relevance_rank"] == pytest.approx([np.mean(shares)], abs=0.03)
    seen = [value for value in np.unique(single)[::-1] if (region & (single >= value)).any()]
    assert TOUCH.of_maps(maps)["touch_rank"] == pytest.approx([np.mean(single >= max(seen))])
    covering = [value for value in np.unique(single) if not (region & (single < value)).any()]
    assert COVER.of_maps(maps)["cover_rank"] == pytest.approx([np.mean(single >= max(covering))])


def test_miou_and_dice_by_hand() -> None:
    """Above ½ the map is the region and as many pixels again."""
    values = values_with(1.0, 0.0)
    values[4:6, 2:6] = 0.8
    table = table_of(one_map(values, BOX), MIOU)
    assert MIOU.at(table, "a_priori").item() == pytest.approx(8 / 16)
    assert DICE.at(table, "a_priori").item() == pytest.approx(16 / 24)
    assert MIOU.at(table, "oracle").item() == DICE.at(table, "oracle").item() == 1
