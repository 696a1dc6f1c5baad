"""Equivalence: is a difference within a margin that was declared in advance?

"Reproduced" is such a statement. "The intervals overlap" is none: wider intervals overlap more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import numpy as np
from scipy import stats

from bench.statistics.spread import ALPHA, ROUNDING, Spread, Term

_WIDE = 1 / 3
"""Share of a value, or of what it lacks of 1, above which a margin is wide."""

EquivalenceVerdict = Literal["equivalent", "different", "inconclusive"]


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
    """Two one-sided tests of a difference against −margin and +margin, with either verdict at half the level.

    Attributes:
        difference: ours − theirs, or first − second.
        margin: largest difference that still counts as none.
        p_above_lower: p of the one-sided test that the difference is above −margin.
        p_below_upper: p of the one-sided test that it is below +margin.
        p: of the verdict that the data lean to, two-sided, since there are two: twice the larger of those of
            equivalence, or twice 1 minus it, whichever is smaller.
        low: lower end of the 95% interval of the difference, which lies within ±margin, or beyond it, just
            where p < .05.
        high: upper end of it.
        verdict: equivalent: p < .05, and the interval lies within the margin. different: it lies beyond the
            margin on one side. inconclusive: neither; or fewer than two seeds, or nothing varies, which
            leaves nothing to judge by: p and interval are NaN then.
    """

    difference: float
    margin: float
    p_above_lower: float
    p_below_upper: float
    p: float
    low: float
    high: float
    verdict: EquivalenceVerdict

    @property
    def leans_to_equivalence(self) -> bool:
        """Whether the data are more likely within the margin than beyond it."""
        return max(self.p_above_lower, self.p_below_upper) <= 1 / 2


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
    if not values or not all(map(math.isfinite, values)):
        raise ValueError(f"a test needs at least one value, all finite; got {list(values)}")
    difference = fmean(values) - published.mean
    theirs = _variance_of(published)
    if len(values) < 2:
        return equivalence(difference, None, margin)
    own, df = float(np.var(values, ddof=1)) / len(values), len(values) - 1
    variance = own + theirs.variance
    weight = own**2 / df + theirs.variance**2 / theirs.df
    spread = Spread((Term(variance, variance**2 / weight if weight > 0 else df),))
    return equivalence(difference, spread, margin)


def _variance_of(published: PublishedMean) -> Term:
    if published.half_width is None:
        return Term(0.0, 1)
    if published.half_width < 0 or published.num_seeds < 2:
        raise ValueError(f"a published half-width is not negative and needs two seeds; got {published}")
    df = published.num_seeds - 1
    return Term((published.half_width / float(stats.t.isf(ALPHA / 2, df))) ** 2, df)


def equivalence(difference: float, spread: Spread | None, margin: float) -> EquivalenceTest:
    """Returns the two one-sided tests of a difference that is known up to its spread.

    Args:
        difference: the estimate.
        spread: of it; None, or one that does not vary, leaves nothing to judge by.
        margin: largest difference that still counts as none.

    Raises:
        ValueError: a margin that is not positive.

    Source: D. J. Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657–680.
    """
    if not (margin > 0 and math.isfinite(margin)):
        raise ValueError(f"a margin of equivalence is positive and finite; got {margin}")
    if spread is None or not spread.varies:
        nan = math.nan
        return EquivalenceTest(difference, margin, nan, nan, nan, nan, nan, "inconclusive")
    lower, upper = spread.p_above(difference + margin), spread.p_above(margin - difference)
    half_width = float(spread.half_width())
    one_sided = max(lower, upper)
    p = min(1.0, 2 * min(one_sided, 1 - one_sided))
    verdict: EquivalenceVerdict = "inconclusive"
    if p < ALPHA:
        verdict = "equivalent" if one_sided < 1 / 2 else "different"
    return EquivalenceTest(
        difference, margin, lower, upper, p, difference - half_width, difference + half_width, verdict
    )


def is_wide(margin: float, value: float) -> bool:
    """Returns whether a margin is more than a third of a value in [0, 1], or of what it lacks of 1.

    Within such a margin of .06 lies nearly nothing, within one of .99 what is perfect. "Equivalent" says
    little there.
    """
    return margin > _WIDE * min(value, 1 - value) + ROUNDING
