"""What so few seeds can show: smallest detectable differences, and seeds needed.

For two-sided t tests at .05 of a mean difference between two models. Paired: the standard deviation is that
of the differences by seed. Unpaired: that of the values across seeds, equal in both models of n seeds each.
"""

import math

from scipy import optimize, stats

ALPHA = 0.05
POWER = 0.8
_MOST_SEEDS = 10**6


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
    upper = 1.0
    while _power(upper, num_seeds, paired=paired) < POWER:
        upper *= 2
    ratio = optimize.brentq(lambda effect: _power(effect, num_seeds, paired=paired) - POWER, 0, upper)
    return float(ratio) * standard_deviation


def seeds_needed(difference: float, standard_deviation: float, *, paired: bool) -> int:
    """Returns the smallest number of seeds, of each model, that finds a true difference with 80% probability.

    Args:
        difference: true difference, not 0; its sign does not matter.
        standard_deviation: positive; see above of what.
        paired: whether the seeds are paired.

    Raises:
        ValueError: as in `power`, or a difference so small that a million seeds would not do.
    """
    low, high = 1, 2
    while power(difference, high, standard_deviation, paired=paired) < POWER:
        low, high = high, 2 * high
        if high > _MOST_SEEDS:
            raise ValueError(f"a difference of {difference} would need more than {_MOST_SEEDS:,} seeds")
    while high - low > 1:  # power grows with the number of seeds
        middle = (low + high) // 2
        if power(difference, middle, standard_deviation, paired=paired) < POWER:
            low = middle
        else:
            high = middle
    return high


def _power(effect: float, num_seeds: int, *, paired: bool) -> float:
    """Returns the power for a difference of `effect` ≥ 0 standard deviations."""
    df = num_seeds - 1 if paired else 2 * (num_seeds - 1)
    noncentrality = effect * math.sqrt(num_seeds if paired else num_seeds / 2)
    if noncentrality == 0:
        return ALPHA
    # T² is noncentral F: its one tail holds both of T's, and stays a number where scipy's nct turns to NaN.
    critical = stats.f.ppf(1 - ALPHA, 1, df)
    return float(stats.ncf.sf(critical, 1, df, noncentrality**2))
