"""Maps of units with boxes, as metrics of maps get them."""

import numpy as np
import pandas as pd

from bench.metrics.measure import UnitMaps
from bench.metrics.protocol import THESIS
from bench.metrics.regions import COLUMNS, regions_of

Box = tuple[float, float, float, float]


def unit_maps(values: np.ndarray, boxes: list[tuple[int, Box]]) -> UnitMaps:
    """Returns maps [n, side, side] with boxes of their units."""
    table = pd.DataFrame([(unit, 0, *box) for unit, box in boxes], columns=list(COLUMNS))
    finite = np.isfinite(values).all(axis=(1, 2))
    return UnitMaps(np.float32(values), {"finite": finite}, regions_of(table, values.shape[1]), THESIS)


def one_map(values: np.ndarray, *boxes: Box) -> UnitMaps:
    return unit_maps(np.asarray(values, float)[None], [(0, box) for box in boxes])
