"""An interval with what it was taken over, and those of proportions, which end at 0 and 1."""

import math
from dataclasses import dataclass, replace

from scipy import special, stats

from bench.statistics.student import CONFIDENCE


@dataclass(frozen=True)
class Interval:
    """A 95% interval of an accuracy, or of a difference of accuracies.

    Attributes:
        mean: the estimate from all of the data; seldom exactly the middle of the interval.
        low: lower end; None where it cannot be estimated.
        high: upper end; None where it cannot be estimated.
        num_patients: patients that the units come from, which count as independent of each other.
        num_seeds: seeds that the estimate is the mean of.
    """

    mean: float
    low: float | None
    high: float | None
    num_patients: int
    num_seeds: int

    def with_error(self, below: float, above: float) -> "Interval":
        """Returns the interval of the estimate with an independent error that reaches so far to either side.

        Distances add as squares, as variances do. An end that could not be estimated counts as the mean.

        Source: G. Y. Zou, A. Donner, Stat. Med. 27 (2008) 1693–1702 (MOVER).
        """
        low, high = (self.mean if end is None else end for end in (self.low, self.high))
        low, high = (
            self.mean - math.hypot(self.mean - low, below),
            self.mean + math.hypot(high - self.mean, above),
        )
        return replace(self, low=low, high=high)


def wilson_interval(num_hits: int, num_units: int) -> Interval:
    """Returns the share of hits with Wilson's 95% score interval, in [0, 1].

    It stays inside [0, 1] and keeps a width at 0 and at `num_units` hits, where Student's and the bootstrap's
    intervals shrink to a point. It covers 95% on average over all proportions; since the number of hits is
    discrete, a single proportion near 0 or 1 may be covered less (as little as 84%).

    For one trial and one unit of each patient: several units of a patient are not independent, and the
    interval would be too short (`bench.statistics.bootstrap` is for those).

    Raises:
        ValueError: not 0 ≤ num_hits ≤ num_units, or no unit.

    Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209–212.
    """
    if num_units < 1 or not 0 <= num_hits <= num_units:
        raise ValueError(
            f"a proportion needs 0 ≤ hits ≤ units and at least one unit; got {num_hits} of {num_units}"
        )
    bounds = stats.binomtest(num_hits, num_units).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(num_hits / num_units, float(bounds.low), float(bounds.high), num_units, 1)


def logit_interval(mean: float, half_width: float) -> tuple[float, float]:
    """Returns both ends of a symmetric interval of a proportion, carried over to the logit scale.

    The half-width of logit(mean) is half_width / (mean·(1 − mean)) (delta method). At means near 0 or 1 the
    interval becomes longer on the side of ½ and ends before 0 and 1; near ½ it hardly changes.

    Args:
        mean: in [0, 1]; at 0 and 1, where there is no logit, both ends are the mean.
        half_width: at least 0.
    """
    if not 0 < mean < 1:
        return mean, mean
    middle, reach = float(special.logit(mean)), half_width / (mean * (1 - mean))
    return float(special.expit(middle - reach)), float(special.expit(middle + reach))
