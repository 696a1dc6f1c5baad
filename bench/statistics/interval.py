"""An interval with what it was taken over."""

from dataclasses import dataclass


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
