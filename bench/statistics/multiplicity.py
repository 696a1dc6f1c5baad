"""p-values of many comparisons in one table."""

import math
from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns Holm's adjusted p-values, in the order given; the family is what is passed, say one table.

    The i-th smallest of m is multiplied by m − i + 1, never falls below the adjusted one before it, and is
    cut at 1. Rejecting where the result is at most .05 keeps the probability of any false rejection at .05,
    however the tests depend on each other. NaN, a test that could not be made, stays NaN and is not counted.

    Args:
        p_values: each in [0, 1], or NaN.

    Raises:
        ValueError: a value outside [0, 1].

    Source: S. Holm, Scand. J. Stat. 6 (1979) 65–70.
    """
    if not all(math.isnan(p) or 0 <= p <= 1 for p in p_values):
        raise ValueError(f"p-values lie in [0, 1]; got {list(p_values)}")
    tested = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    adjusted = [math.nan] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        adjusted[index] = largest
    return adjusted
