"""Maps as small as leaves their score as it is."""

import numpy as np
import pandas as pd
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.evaluation.localize import localize, localize_units
from bench.evaluation.map_storage import compact_maps
from bench.metrics.measure import MeanMeasure
from bench.metrics.regions import COLUMNS, UNIT
from bench.metrics.units import map_measures

SIZE_PX = 20
KEPT = ["peak_row", "peak_column", "num_ties", "finite", "hit"]


def compacted(logits: torch.Tensor, rows) -> tuple[pd.DataFrame, list[np.ndarray], pd.DataFrame]:
    """Returns the units' rows, their maps, and the rows that the maps give."""
    boxes = pd.DataFrame(rows, columns=list(COLUMNS))
    found = localize(logits, boxes, SIZE_PX)
    image, finding = torch.from_numpy(found[UNIT].to_numpy(np.int64, copy=True)).T
    maps = compact_maps(logits[image, finding], found, boxes, SIZE_PX)
    stored = torch.from_numpy(np.stack(maps).astype(np.float32))
    return found, maps, localize_units(stored, found, boxes, SIZE_PX)


def test_a_clear_peak_needs_no_more_than_half_precision():
    logits = torch.zeros(1, 1, 4, 4)
    logits[0, 0, 1, 2] = 3.1
    _, maps, _ = compacted(logits, [(0, 0, 0, 0, 9, 9)])
    assert maps[0].dtype == np.float16


def test_what_rounding_would_tie_is_kept_in_full():
    logits = torch.zeros(1, 1, 4, 4)
    logits[0, 0, 0, 0], logits[0, 0, 3, 3] = 3.0001, 3.0002  # equal in float16
    found, maps, again = compacted(logits, [(0, 0, 15, 15, 5, 5)])
    assert maps[0].dtype == np.float32
    assert (again["hit"].item(), found["hit"].item()) == (True, True)


def test_what_float16_cannot_hold_is_kept_in_full():
    logits = torch.full((1, 1, 4, 4), -1e5)
    logits[0, 0, 1, 1] = 1e5
    found, maps, again = compacted(logits, [(0, 0, 0, 0, 9, 9)])
    assert maps[0].dtype == np.float32
    assert found["finite"].all()
    pd.testing.assert_frame_equal(found, again)


def test_each_unit_is_judged_by_itself():
    logits = torch.zeros(1, 3, 4, 4)
    logits[0, 0, 0, 0], logits[0, 0, 3, 3] = 3.0001, 3.0002
    logits[0, 1, 1, 2] = 3.1
    logits[0, 2, 0, 0] = torch.nan
    _, maps, _ = compacted(logits, [(0, c, 15, 15, 5, 5) for c in range(3)])
    assert [unit_map.dtype for unit_map in maps] == [np.float32, np.float16, np.float16]
    assert np.isnan(maps[2][0, 0])


def test_no_units_give_no_maps():
    boxes = pd.DataFrame(columns=list(COLUMNS))
    found = localize(torch.zeros(1, 1, 4, 4), boxes, SIZE_PX)
    assert compact_maps(torch.zeros(0, 4, 4), found, boxes, SIZE_PX) == []


SPREADS = st.sampled_from([0.001, 1.0, 3.0, 12.0, 30.0, 1e5])
"""From nearly flat maps over saturated ones to what float16 cannot hold."""


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), SPREADS, st.sampled_from([-8.0, 0.0, 18.0]), st.booleans())
def test_stored_maps_give_the_very_hits(seed, spread, middle, has_nan):
    random = np.random.default_rng(seed)
    logits = torch.from_numpy(random.normal(middle, spread, (4, 2, 5, 5)).astype(np.float32))
    if has_nan:
        logits[0, 0, 2, 2], logits[1, 1, 0, 0] = torch.nan, torch.inf
    rows = [(i, c, *random.uniform(0, 15, 2), *random.uniform(1, 9, 2)) for i in range(4) for c in (0, 0, 1)]
    found, _, again = compacted(logits, rows)
    pd.testing.assert_frame_equal(found[KEPT], again[KEPT])
    for measure in map_measures().values():
        if isinstance(measure, MeanMeasure) and measure.is_hit:
            assert measure.statistic(found).tolist() == measure.statistic(again).tolist()
