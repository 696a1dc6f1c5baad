"""p-values of many comparisons in one table."""

import math
from collections.abc import Sequence


def holm(p_values: Sequence[float], family: int = 0) -> list[float]:
    """Returns Holm's adjusted p-values, in the order given; the family is what is passed, say one table.

    Where the data chose which tests of a larger family to make, as those against the best of several rows,
    the family is to be counted: what was not made counts as if its p were larger, which errs on the safe
    side.

    The i-th smallest of m is multiplied by m − i + 1, never falls below the adjusted one before it, and is
    cut at 1. Rejecting where the result is at most .05 keeps the probability of any false rejection at .05,
    however the tests depend on each other. NaN, a test that could not be made, stays NaN and is not counted.

    Args:
        p_values: each in [0, 1], or NaN.
        family: number of tests that the ones given were chosen from; theirs where it is smaller.

    Raises:
        ValueError: a value outside [0, 1].

    Source: S. Holm, Scand. J. Stat. 6 (1979) 65–70.
    """
    if not all(math.isnan(p) or 0 <= p <= 1 for p in p_values):
        raise ValueError(f"p-values lie in [0, 1]; got {list(p_values)}")
    tested = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    adjusted = [math.nan] * len(p_values)
    largest = 0.0
    size = max(family, len(tested))
    for rank, (p, index) in enumerate(tested):
        largest = max(largest, min(1.0, (size - rank) * p))
        adjusted[index] = largest
    return adjusted
