"""p-values of many comparisons in one table."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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
    adjusted: list[float] = holm_columns(np.array(p_values, float)[:, None], family)[:, 0].tolist()
    return adjusted


def holm_columns(p_values: NDArray[np.float64], family: int = 0) -> NDArray[np.float64]:
    """Returns `holm` of each column of p-values [test, column]."""
    order = np.argsort(p_values, axis=0)  # NaN last
    sizes = np.maximum(family, (~np.isnan(p_values)).sum(axis=0))
    factors = sizes - np.arange(len(p_values))[:, None]
    ranked = np.minimum(np.take_along_axis(p_values, order, axis=0) * factors, 1)
    adjusted = np.empty_like(p_values)
    np.put_along_axis(adjusted, order, np.maximum.accumulate(ranked, axis=0), axis=0)
    return adjusted
