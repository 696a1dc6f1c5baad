"""Mean with Student-t interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class MeanInterval:
    """A mean over seeds.

    Attributes:
        mean: arithmetic mean.
        half_width: half the width of the 95% interval; None for a single value, which has no spread.
        n: number of values.
    """

    mean: float
    half_width: float | None
    n: int


def mean_interval(values: Sequence[float]) -> MeanInterval:
    """Returns the mean and t(0.975, n−1)·s/√n, with the sample standard deviation s (ddof 1).

    Equal values have a half-width of 0; a single value has none.

    Args:
        values: at least one, all finite.

    Raises:
        ValueError: no value, or one that is not finite.

    Source: thesis §5.3.
    """
    if not values or not all(math.isfinite(value) for value in values):
        raise ValueError(f"an interval needs at least one value, all finite; got {list(values)}")
    n = len(values)
    mean = float(np.mean(values))
    if n == 1:
        return MeanInterval(mean, None, 1)
    if min(values) == max(values):  # exactly, whatever rounding makes of it
        return MeanInterval(values[0], 0.0, n)
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1))
    return MeanInterval(mean, quantile * float(np.std(values, ddof=1)) / math.sqrt(n), n)
