"""The power of few seeds in one comparison: smallest detectable differences, and seeds needed.

For a single two-sided t test by seed at .05, not adjusted, of a mean difference between two models. Paired:
the standard deviation is that of the differences by seed. Unpaired: that of the values across seeds, equal in
both models of n seeds each. A claim has less power: all of its comparisons have to be found, after Holm's
adjustment for all of the suite's (see `claim_power`), and over patients too where there are units.
"""

import math
from bisect import bisect_left

from scipy import special  # a third of the time that importing scipy.stats takes: plans are to be quick

ALPHA = 0.05
POWER = 0.8
MOST_SEEDS = 10**6
_PRECISION = 1e-9


def power(difference: float, num_seeds: int, standard_deviation: float, *, paired: bool) -> float:
    """Returns the probability to find a true difference significant, in [.05, 1].

    Args:
        difference: true difference; its sign does not matter.
        num_seeds: of each model, at least 2.
        standard_deviation: positive; see above of what.
        paired: whether the seeds are paired.

    Raises:
        ValueError: fewer than two seeds, a standard deviation that is not positive, or what is not finite.

    Source: J. Cohen, Statistical Power Analysis (1988), chapter 2, by the noncentral t distribution.
    """
    if num_seeds < 2:
        raise ValueError(f"a t test needs at least two seeds; got {num_seeds}")
    if not (standard_deviation > 0 and math.isfinite(standard_deviation) and math.isfinite(difference)):
        raise ValueError(
            "power needs a positive standard deviation and a finite difference;"
            f" got {standard_deviation} and {difference}"
        )
    return _power(abs(difference) / standard_deviation, num_seeds, paired=paired)


def smallest_difference(num_seeds: int, standard_deviation: float, *, paired: bool) -> float:
    """Returns the true difference that is found significant with a probability of 80%.

    In multiples of the standard deviation: 1.68 for five paired seeds, 2.02 for five unpaired ones.

    Args:
        num_seeds: of each model, at least 2.
        standard_deviation: positive; see above of what.
        paired: whether the seeds are paired.

    Raises:
        ValueError: as in `power`.
    """
    power(0, num_seeds, standard_deviation, paired=paired)  # refuses what cannot be
    low, high = 0.0, 1.0
    while _power(high, num_seeds, paired=paired) < POWER:
        low, high = high, 2 * high
    while high - low > _PRECISION * high:  # power grows with the difference
        middle = (low + high) / 2
        if _power(middle, num_seeds, paired=paired) < POWER:
            low = middle
        else:
            high = middle
    return high * standard_deviation


def seeds_needed(difference: float, standard_deviation: float, *, paired: bool) -> int:
    """Returns the smallest number of seeds, of each model, that finds a true difference with 80% probability.

    Args:
        difference: true difference, not 0; its sign does not matter.
        standard_deviation: positive; see above of what.
        paired: whether the seeds are paired.

    Raises:
        ValueError: as in `power`, or a difference so small that a million seeds would not do.
    """
    power(difference, 2, standard_deviation, paired=paired)  # refuses what cannot be
    effect, counts = abs(difference) / standard_deviation, range(2, MOST_SEEDS + 1)
    position = bisect_left(counts, POWER, key=lambda count: _power(effect, count, paired=paired))
    if position == len(counts):
        raise ValueError(f"a difference of {difference} would need more than {MOST_SEEDS:,} seeds")
    return counts[position]


def _power(effect: float, num_seeds: int, *, paired: bool) -> float:
    """Returns the power for a difference of `effect` ≥ 0 standard deviations."""
    df = num_seeds - 1 if paired else 2 * (num_seeds - 1)
    noncentrality = effect * math.sqrt(num_seeds if paired else num_seeds / 2)
    if noncentrality < 1e-6:  # where the series of the distribution ends in 0
        return ALPHA
    # T² is noncentral F: its one tail holds both of T's.
    critical = float(special.fdtri(1, df, 1 - ALPHA))
    missed = float(special.ncfdtr(1, df, noncentrality**2, critical))
    return 1.0 if math.isnan(missed) else 1 - missed  # NaN where it is too small to be a number
