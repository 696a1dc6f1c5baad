"""Does one model vary more across seeds than another?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bench.statistics.spread import ROUNDING

FEWEST_SEEDS = 5
"""The fewest of each model. With three, Brown–Forsythe gives no two-sided p below .116, whatever the values;
with four, equal normal spreads give p ≤ .05 in 6.6% of the cases."""


@dataclass(frozen=True)
class VarianceComparison:
    """A test that two models vary alike.

    Attributes:
        first_deviation: sample standard deviation (ddof 1) of the first model's values.
        second_deviation: the same of the second's.
        first_varies_more: whether the first model's values lie further from their median, on average.
        p: two-sided p; NaN where it cannot be tested.
    """

    first_deviation: float
    second_deviation: float
    first_varies_more: bool
    p: float


def compare_variances(first: Sequence[float], second: Sequence[float]) -> VarianceComparison:
    """Returns the two-sided Brown–Forsythe test of two variances, and which of them is larger.

    Brown–Forsythe compares absolute deviations from each group's median. The F test of two variances would be
    sharper for normal values, but is off its level for values with heavier tails however many there are, and
    five seeds cannot show whether the values are normal; Bartlett's test has the same fault.

    With five seeds it shows only gross differences, if any. One of five deviations is always 0, the median's
    own, so that the test is strict: for normal values and equal variances p ≤ .05 comes in 0.6% of the cases,
    and in 3%, 8%, 13% and 33% where one standard deviation is 2, 3, 4 and 10 times the other. A p above .05
    is no sign of equal variances.

    Args:
        first: values of one model, one for each seed.
        second: values of the other.

    Returns:
        p is NaN for fewer than `FEWEST_SEEDS` values in a group, and where all deviations are equal, as for
        groups without spread.

    Raises:
        ValueError: no value, or one that is not finite.

    Source: M. B. Brown, A. B. Forsythe, J. Am. Stat. Assoc. 69 (1974) 364–367.
    """
    for values in (first, second):
        if not values or not all(math.isfinite(value) for value in values):
            raise ValueError(f"variances need at least one value, all finite; got {list(values)}")
    deviations = _standard_deviation(first), _standard_deviation(second)
    apart = [np.abs(np.asarray(values) - np.median(values)) for values in (first, second)]
    varies_more = bool(apart[0].mean() > apart[1].mean())
    if min(len(first), len(second)) < FEWEST_SEEDS or all(np.ptp(x) < ROUNDING for x in apart):
        return VarianceComparison(*deviations, varies_more, math.nan)
    p = float(stats.levene(first, second, center="median").pvalue)
    return VarianceComparison(*deviations, varies_more, p)


def _standard_deviation(values: Sequence[float]) -> float:
    """Returns the sample standard deviation, NaN for a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
