"""Ours against published: a difference and what it says, by a margin that was declared before any trial."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.reporting.published import PublishedCell
from bench.reporting.table import Verdict
from bench.statistics.equivalence import equivalence_to_published, is_wide

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Compared:
    """A difference from a published mean.

    Attributes:
        difference: ours − published; None if one is missing.
        verdict: see `compare`.
        has_wide_margin: whether the margin is wide for the published mean (`bench.statistics.equivalence`).
    """

    difference: float | None
    verdict: Verdict
    has_wide_margin: bool = False


def compare(values: Sequence[float], published: PublishedCell | None, margin: float) -> Compared:
    """Returns how ours differ from the published mean.

    reproduced: the 95% interval of the difference lies within the margin. higher, lower: it lies beyond the
    margin. inconclusive: neither, or fewer than two seeds, or no spread to judge by.
    missing: no value of ours or none published.

    Args:
        values: of our seeds.
        published: what the thesis prints.
        margin: largest difference that still counts as none.
    """
    if not values or published is None:
        return Compared(None, "missing")
    test = equivalence_to_published(values, published.value, margin)
    verdict: Verdict = "inconclusive"
    if test.verdict == "equivalent":
        verdict = "reproduced"
    elif test.verdict == "different":
        verdict = "higher" if test.difference > 0 else "lower"
    return Compared(test.difference, verdict, is_wide(margin, published.value.mean))


def compare_fact(value: float | None, published: PublishedCell | None) -> Compared:
    """Returns how a number without chance differs from the printed one: reproduced if it rounds to it."""
    if value is None or published is None:
        return Compared(None, "missing")
    difference = value - published.value.mean
    if abs(difference) <= 0.5 * 10.0**-published.decimals + _ROUNDING:
        return Compared(difference, "reproduced")
    return Compared(difference, "higher" if difference > 0 else "lower")
