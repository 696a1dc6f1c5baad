"""The scale of a figure: from the round number below its values to the one above."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)
_MOST_STEPS = 6


@dataclass(frozen=True)
class Scale:
    """A linear scale of values from left to right.

    Attributes:
        low: value at its left end.
        high: value at its right end.
        step: between two ticks.
    """

    low: float
    high: float
    step: float

    def at(self, value: float) -> str:
        """Returns the place of a value, ``"12.34%"``; values beyond the ends are at the ends."""
        share = (value - self.low) / (self.high - self.low)
        return f"{100 * min(max(share, 0.0), 1.0):.2f}%"

    @property
    def middle(self) -> float:
        """The value halfway between the ends."""
        return (self.low + self.high) / 2

    @property
    def ticks(self) -> dict[float, str]:
        """The values of ticks, both ends among them, as numbers and as they are shown."""
        decimals = 2 if self.step < 0.1 else 1
        count = round((self.high - self.low) / self.step) + 1
        values = (self.low + i * self.step for i in range(count))
        return {value: f"{value:.{decimals}f}" for value in values}


def scale_of(values: Iterable[float]) -> Scale:
    """Returns the scale within [0, 1] that holds all of the values.

    Args:
        values: shares, at least one.
    """
    found = [min(max(value, 0.0), 1.0) for value in values]
    least, most = min(found), max(found)
    for step in _STEPS:
        low = min(math.floor(least / step + 1e-9), round(1 / step) - 1)
        high = max(math.ceil(most / step - 1e-9), low + 1)
        if high - low <= _MOST_STEPS:
            break
    return Scale(low * step, high * step, step)
