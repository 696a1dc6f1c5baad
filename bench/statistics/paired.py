"""Comparisons of two models by seed."""

from collections.abc import Mapping

from bench.statistics.student import mean_interval


def is_tied(first: Mapping[int, float], second: Mapping[int, float]) -> bool:
    """Returns whether the 95% Student-t interval of the paired differences by seed contains 0.

    With fewer than two seeds in common nothing can be said, and nothing counts as tied.

    Args:
        first: value by seed.
        second: value by seed.
    """
    common = sorted(first.keys() & second.keys())
    if len(common) < 2:
        return False
    difference = mean_interval([first[seed] - second[seed] for seed in common])
    assert difference.half_width is not None
    return abs(difference.mean) <= difference.half_width
