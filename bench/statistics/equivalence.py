"""Equivalence: is a difference within a margin that was declared in advance?

"Reproduced" is such a statement. That two intervals overlap is none: the wider they are, the more they do.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy import stats

from bench.statistics.paired import differences_by_seed
from bench.statistics.student import CONFIDENCE, mean_interval

ALPHA = 0.05

Verdict = Literal["equivalent", "different", "inconclusive", "untestable"]


@dataclass(frozen=True)
class PublishedMean:
    """A mean from a table of the thesis.

    Attributes:
        mean: as printed.
        half_width: of its 95% Student-t interval; None where none was published.
        num_seeds: seeds that the half-width was taken over.
    """

    mean: float
    half_width: float | None
    num_seeds: int = 5


@dataclass(frozen=True)
class EquivalenceTest:
    """Two one-sided tests of a difference against −margin and +margin.

    Attributes:
        difference: ours − theirs, or first − second.
        margin: largest difference that still counts as none.
        p_above_lower: p of the one-sided test that the difference is above −margin.
        p_below_upper: p of the one-sided test that it is below +margin.
        p: the larger of the two, p of equivalence.
        low: lower end of the 90% interval of the difference, which lies within ±margin just where p < .05.
        high: upper end of it.
        verdict: equivalent: p < .05. different: the whole 90% interval lies beyond the margin on one side.
            inconclusive: neither, too little data for either. untestable: no spread to judge by, since there
            are fewer than two seeds; p and interval are NaN.
    """

    difference: float
    margin: float
    p_above_lower: float
    p_below_upper: float
    p: float
    low: float
    high: float
    verdict: Verdict


def equivalence_by_seed(
    first: Mapping[int, float], second: Mapping[int, float], margin: float
) -> EquivalenceTest:
    """Returns whether two models are equivalent, by the paired differences of the seeds that both have.

    Args:
        first: value by seed.
        second: value by seed.
        margin: largest difference that still counts as none, in the units of the values.

    Raises:
        ValueError: a margin that is not positive, or a value that is not finite.
    """
    differences = differences_by_seed(first, second)
    if not differences:
        return _test(math.nan, math.nan, math.nan, margin)
    mean, error = _mean_and_error(differences)
    return _test(mean, error, len(differences) - 1, margin)


def equivalence_to_published(
    values: Sequence[float], published: PublishedMean, margin: float
) -> EquivalenceTest:
    """Returns whether the mean of `values` is equivalent to a published mean.

    With a published interval both means are uncertain: Welch's test, with the published standard error
    half_width / t(0.975, n−1). Without one the published mean is taken as exact (a one-sample test), which
    claims more certainty than there is; a report has to say so.

    Args:
        values: of our seeds, at least one.
        published: the other mean.
        margin: largest difference that still counts as none, in the units of the values.

    Raises:
        ValueError: a margin that is not positive, no value, one that is not finite, or a published half-width
            that is negative or from fewer than two seeds.

    Source: B. L. Welch, Biometrika 34 (1947) 28–35.
    """
    mean, error = _mean_and_error(values)
    difference = mean - published.mean
    if published.half_width is None:
        return _test(difference, error, len(values) - 1, margin)
    if published.half_width < 0 or published.num_seeds < 2:
        raise ValueError(f"a published half-width is not negative and needs two seeds; got {published}")
    published_df = published.num_seeds - 1
    published_error = published.half_width / float(stats.t.ppf((1 + CONFIDENCE) / 2, published_df))
    if len(values) < 2:
        return _test(difference, math.nan, math.nan, margin)
    variance = error**2 + published_error**2
    weight = error**4 / (len(values) - 1) + published_error**4 / published_df
    return _test(difference, math.sqrt(variance), variance**2 / weight if weight > 0 else 1.0, margin)


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Returns the mean and its standard error, which is NaN for a single value."""
    interval = mean_interval(values)
    if interval.half_width is None:
        return interval.mean, math.nan
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, interval.n - 1))
    return interval.mean, interval.half_width / quantile


def _test(difference: float, standard_error: float, df: float, margin: float) -> EquivalenceTest:
    """Returns the two one-sided t tests; without any spread the difference itself decides, p is 0 or 1.

    Source: D. J. Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657–680.
    """
    if not (margin > 0 and math.isfinite(margin)):
        raise ValueError(f"a margin of equivalence is positive and finite; got {margin}")
    if math.isnan(standard_error):
        nan = math.nan
        return EquivalenceTest(difference, margin, nan, nan, nan, nan, nan, "untestable")
    if standard_error == 0:
        lower, upper = float(difference <= -margin), float(difference >= margin)
        half_width = 0.0
    else:
        lower = float(stats.t.sf((difference + margin) / standard_error, df))
        upper = float(stats.t.cdf((difference - margin) / standard_error, df))
        half_width = float(stats.t.ppf(1 - ALPHA, df)) * standard_error
    low, high = difference - half_width, difference + half_width
    p = max(lower, upper)
    verdict: Verdict = "inconclusive"
    if p < ALPHA:
        verdict = "equivalent"
    elif low > margin or high < -margin:
        verdict = "different"
    return EquivalenceTest(difference, margin, lower, upper, p, low, high, verdict)
