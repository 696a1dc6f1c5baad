"""The uncertainty of an estimate: its variances and degrees of freedom, as interval and as p."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

ALPHA = 0.05
"""Level of every test, and 1 − the confidence of every interval."""

ROUNDING = 1e-12
"""Accuracies that are closer than this are equal."""

Population = Literal["other seeds, other patients", "other seeds, these images", "other patients"]
"""Whom a p or an interval speaks of: whether patients count as drawn at random, beside the seeds."""

SEEDS_AND_PATIENTS: Population = "other seeds, other patients"
SEEDS_ALONE: Population = "other seeds, these images"
PATIENTS_ALONE: Population = "other patients"
"""Of rows without seeds: classifiers that were trained elsewhere."""

_LEAST_LOG_P = math.log(1e-100)


class Term(NamedTuple):
    """A variance of the estimate and the degrees of freedom that it was estimated with; single or […]."""

    variance: NDArray[np.float64] | float
    df: NDArray[np.float64] | float


@dataclass(frozen=True)
class Spread:
    """The uncertainty of an estimate that several sources contribute to.

    The half-widths that each source would give add as squares: √Σ t(dfᵢ)²·varianceᵢ. For independent normal
    sources that covers at least as often as it says, with however few degrees of freedom, which no single t
    with approximated degrees of freedom does.

    Attributes:
        terms: the sources.
        floor: a source of which the interval is never shorter than its own; None for no such limit.

    Source: S. K. Banerjee, Sankhyā 22 (1960) 357–358.
    """

    terms: tuple[Term, ...]
    floor: Term | None = None

    @property
    def varies(self) -> bool:
        """Whether there is any spread beyond rounding."""
        return any(float(np.max(term.variance)) > ROUNDING**2 for term in self.terms)

    def half_width(self, alpha: float = ALPHA) -> NDArray[np.float64]:
        """Returns half the width of the (1 − alpha) interval, in the shape of the variances."""
        squares = sum(_square(term, alpha) for term in self.terms)
        if self.floor is not None:
            squares = np.maximum(squares, _square(self.floor, alpha))
        half_width: NDArray[np.float64] = np.sqrt(squares)
        return half_width

    def p_of(self, distance: float) -> float:
        """Returns the two-sided p that the truth is `distance` away from the estimate.

        It is below alpha just where the (1 − alpha) interval of a single estimate leaves out what is so far
        away. NaN where nothing varies.
        """
        if not self.varies:
            return math.nan
        if len(self.terms) == 1 and self.floor is None:
            ((variance, df),) = self.terms
            return float(2 * stats.t.sf(abs(distance) / np.sqrt(variance), df))

        def beyond(log_p: float) -> float:
            return float(self.half_width(math.exp(log_p))) - abs(distance)

        if beyond(_LEAST_LOG_P) < 0:
            return 0.0
        return math.exp(optimize.brentq(beyond, _LEAST_LOG_P, 0, xtol=1e-10)) if distance else 1.0

    def p_above(self, distance: float) -> float:
        """Returns the one-sided p of an estimate that lies `distance` above (negative: below) the truth."""
        two_sided = self.p_of(distance)
        return two_sided / 2 if distance > 0 else 1 - two_sided / 2


def _square(term: Term, alpha: float) -> NDArray[np.float64]:
    return np.asarray(special.stdtrit(term.df, alpha / 2) ** 2 * term.variance)


def spread_over_seeds(values: Sequence[float]) -> Spread | None:
    """Returns the spread of the mean of `values` for other seeds: s²/n with n − 1 degrees of freedom.

    None for fewer than two values, and where all are equal up to rounding, which leaves nothing to judge by.

    Args:
        values: one for each seed, or the paired differences of two models.
    """
    if len(values) < 2 or max(values) - min(values) < ROUNDING:
        return None
    return Spread((Term(float(np.var(values, ddof=1)) / len(values), len(values) - 1),))
