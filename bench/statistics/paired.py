"""Differences of two models by seed."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from bench.statistics.spread import spread_over_seeds
from bench.statistics.student import MeanInterval, mean_interval


def differences_by_seed(first: Mapping[int, float], second: Mapping[int, float]) -> list[float]:
    """Returns first − second for the seeds that both have, in the order of the seeds.

    Args:
        first: value by seed.
        second: value by seed.
    """
    return [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]


def paired_difference(first: Mapping[int, float], second: Mapping[int, float]) -> MeanInterval | None:
    """Returns the mean of first − second with its 95% Student-t interval over the seeds that both have.

    None if they share no seed; a single one gives a difference without interval.

    Args:
        first: value by seed.
        second: value by seed.

    Raises:
        ValueError: a difference is not finite.
    """
    differences = differences_by_seed(first, second)
    return mean_interval(differences) if differences else None


def paired_p(differences: Sequence[float]) -> float:
    """Returns the two-sided p of Student's t test that the mean difference is 0.

    It is below .05 just where the 95% interval of `paired_difference` leaves 0 out.

    Args:
        differences: first − second of each seed.

    Returns:
        NaN for fewer than two differences, and where all are equal up to rounding: nothing varies.
    """
    spread = spread_over_seeds(differences)
    return math.nan if spread is None else spread.p_of(fmean(differences))
