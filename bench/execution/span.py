"""A quantity that is not known in advance: between which two values it is, and which is likely."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A quantity, of one unit throughout.

    Attributes:
        fewest: the least that it can be.
        expected: what it is likely to be.
        most: the most that it can be.
    """

    fewest: float
    expected: float
    most: float

    @classmethod
    def known(cls, value: float) -> "Span":
        """Returns a quantity that is known."""
        return cls(value, value, value)

    def times(self, factor: "float | Span") -> "Span":
        """Returns the product; both are not negative."""
        if not isinstance(factor, Span):
            factor = Span.known(factor)
        return Span(self.fewest * factor.fewest, self.expected * factor.expected, self.most * factor.most)

    def __add__(self, other: "Span") -> "Span":
        return Span(self.fewest + other.fewest, self.expected + other.expected, self.most + other.most)


def total(spans: Iterable[Span]) -> Span:
    """Returns the sum."""
    return sum(spans, start=Span.known(0.0))
