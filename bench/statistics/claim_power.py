"""How likely a claim comes out supported: all of its comparisons, after Holm for all of the suite's.

Simulated, by seed alone. The values of a side are normal across seeds, independent of those of other sides,
and the same in all comparisons that the side is in, up to scale.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.statistics.multiplicity import holm_columns
from bench.statistics.power import ALPHA

_NUM_DRAWS = 2000
"""The probability is the share of draws that supports the claim: within ±.022 of it, 95 times in 100."""


@dataclass(frozen=True)
class PlannedComparison:
    """A paired comparison that is to be tested.

    Attributes:
        first: key of its first side: equal keys have equal values.
        second: likewise of the second side.
        standard_deviation: of the differences by seed, positive.
        difference: true difference, in the direction of the claim.
        margin: within which the claim says that the difference lies; None if it says that it is above 0.
    """

    first: Hashable
    second: Hashable
    standard_deviation: float
    difference: float
    margin: float | None = None


def claim_powers(
    comparisons: Sequence[PlannedComparison | None], claims: Sequence[Sequence[int]], num_seeds: int
) -> list[float]:
    """Returns the probability of each claim to be supported.

    Args:
        comparisons: all that the claims make, each once; None for one whose spread is not known, which counts
            as never found.
        claims: positions of each claim's comparisons, at least one.
        num_seeds: of each side, at least 2.
    """
    generator = np.random.default_rng(0)
    sides = dict.fromkeys(side for one in comparisons if one is not None for side in (one.first, one.second))
    values = {side: generator.standard_normal((_NUM_DRAWS, num_seeds)) for side in sides}
    p = np.ones((len(comparisons), _NUM_DRAWS))
    leans = np.zeros(p.shape, dtype=bool)
    for position, one in enumerate(comparisons):
        if one is not None:
            noise = one.standard_deviation * (values[one.first] - values[one.second]) / np.sqrt(2)
            p[position], leans[position] = _tested(one.difference + noise, one.margin)
    supported = (holm_columns(p) < ALPHA) & leans
    return [float(supported[list(claim)].all(axis=0).mean()) for claim in claims]


def _tested(
    differences: NDArray[np.float64], margin: float | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Returns p of differences […, seed] as `bench verify` has it, and whether they lean to the claim."""
    num_seeds = differences.shape[-1]
    mean = differences.mean(axis=-1)
    error = differences.std(axis=-1, ddof=1) / np.sqrt(num_seeds)
    if margin is None:
        return 2 * special.stdtr(num_seeds - 1, -np.abs(mean) / error), mean > 0
    one_sided = special.stdtr(num_seeds - 1, (np.abs(mean) - margin) / error)
    return 2 * np.minimum(one_sided, 1 - one_sided), one_sided <= 1 / 2
