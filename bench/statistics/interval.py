"""An interval with what it was taken over."""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Interval:
    """A 95% interval of an accuracy, or of a difference of accuracies.

    Attributes:
        mean: the estimate from all of the data; seldom exactly the middle of the interval.
        low: lower end; None where the data cannot tell.
        high: upper end; None where the data cannot tell.
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

        Distances add as squares, as variances do. An end that the data cannot tell counts as the mean.

        Source: G. Y. Zou, A. Donner, Stat. Med. 27 (2008) 1693–1702 (MOVER).
        """
        low, high = (self.mean if end is None else end for end in (self.low, self.high))
        low, high = (
            self.mean - math.hypot(self.mean - low, below),
            self.mean + math.hypot(high - self.mean, above),
        )
        return replace(self, low=low, high=high)
