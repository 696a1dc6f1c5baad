"""Paired differences of two models: by seed, and sign-flip tests by seed and by patient."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from bench.statistics.spread import spread_over_seeds
from bench.statistics.student import MeanInterval, mean_interval
from bench.statistics.unit_scores import MeanScores
from bench.suite.metrics import Average


def paired_difference(first: Mapping[int, float], second: Mapping[int, float]) -> MeanInterval | None:
    """Returns the mean of first − second with its 95% Student-t interval over the seeds that both have.

    None if they share no seed; a single one gives a difference without interval.

    Args:
        first: value by seed.
        second: value by seed.

    Raises:
        ValueError: a difference is not finite.
    """
    differences = [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
    return mean_interval(differences) if differences else None


def paired_p(differences: Sequence[float]) -> float:
    """Returns the two-sided p of Student's t test that the mean difference is 0.

    It is below .05 just where the 95% interval of `paired_difference` leaves 0 out.

    Args:
        differences: first − second of each seed.

    Returns:
        NaN for fewer than two differences, and where all are equal up to rounding: nothing varies.
    """
    spread = spread_over_seeds(differences)
    return math.nan if spread is None else spread.p_of(fmean(differences))


EXACT_UP_TO = 16
"""Differences of which all 2ⁿ signs are gone through; beyond it signs are drawn by lot."""
_CHUNK = 1000
_ROUNDING = 1e-10  # relative: sums of the same numbers in another order are equal


@dataclass(frozen=True)
class SignFlipTest:
    """A two-sided test that two models could be exchanged.

    Attributes:
        difference: what was tested, first − second.
        p: share of the sign flips with a difference at least as large in size.
        smallest_p: the smallest p that data with as many differences could have given. Where it is above a
            level, the test cannot reach that level whatever the models do.
        num_pairs: paired differences that are not 0.
        exact: whether all flips were gone through.
    """

    difference: float
    p: float
    smallest_p: float
    num_pairs: int
    exact: bool


def sign_flip_by_seed(differences: Sequence[float]) -> SignFlipTest:
    """Returns the exact sign-flip test of a mean difference by seed.

    Under the hypothesis that the two models give the same distribution, each seed's difference could as well
    have had the other sign. n seeds have 2ⁿ flips, of which two, the observed and its opposite, are always at
    least as large: the smallest p is 2/2ⁿ. Five seeds cannot get below .0625: by seed
    alone, significance at .05 needs at least six. Differences of 0 have no sign and do not count.

    Args:
        differences: first − second of each seed, at most 16.

    Raises:
        ValueError: no difference, more than 16, or one that is not finite.

    Source: R. A. Fisher, The Design of Experiments (1935), § 21.
    """
    values = np.asarray(differences, float)
    if not 1 <= len(values) <= EXACT_UP_TO or not np.isfinite(values).all():
        raise ValueError(f"a sign-flip test by seed needs 1 to {EXACT_UP_TO} differences, all finite")
    return _all_flips(values / len(values))


def sign_flip_by_patient(
    difference: MeanScores, average: Average, generator: np.random.Generator, num_flips: int = 9999
) -> SignFlipTest:
    """Returns the sign-flip test of a difference in accuracy, in which a patient's units flip together.

    Under the hypothesis that for each patient the two models could be exchanged. Scores are averaged over the
    seeds first, so it speaks of these trained models on other patients; it does not show that other seeds
    would agree. Exact with up to 16 patients that differ; beyond it `num_flips` flips are drawn, and
    p = (1 + flips at least as large) / (1 + num_flips), which is valid and never 0.

    Args:
        difference: `MeanScores.minus` of the two models.
        average: weighted or macro accuracy.
        generator: draws the flips.
        num_flips: drawn flips, at least 1.

    Source: B. Phipson, G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010) 39, for + 1.
    """
    sums = difference.by_patient()
    by_finding = sums.scores.mean(axis=2)  # [patients, findings]
    if average == "weighted":
        shares = by_finding.sum(axis=1) / sums.units.sum()
    else:
        shares = (by_finding / sums.units.sum(axis=0)).mean(axis=1)
    if np.count_nonzero(shares) <= EXACT_UP_TO:
        return _all_flips(shares)
    return _drawn_flips(shares, generator, num_flips)


def _all_flips(shares: NDArray[np.float64]) -> SignFlipTest:
    """Returns the exact test of a sum of `shares`."""
    total = float(shares.sum())
    shares = shares[shares != 0]
    n = len(shares)
    flips = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    sums = (1 - 2 * flips) @ shares
    return SignFlipTest(total, float(_as_large(sums, total).mean()), min(1.0, 2.0 / 2**n), n, exact=True)


def _drawn_flips(shares: NDArray[np.float64], generator: np.random.Generator, num_flips: int) -> SignFlipTest:
    """Returns the Monte Carlo test of a sum of `shares`."""
    total = float(shares.sum())
    shares = shares[shares != 0]
    as_large = 0
    for start in range(0, num_flips, _CHUNK):
        shape = (min(_CHUNK, num_flips - start), len(shares))
        sums = (1 - 2 * generator.integers(0, 2, shape, dtype=np.int8)) @ shares
        as_large += int(_as_large(sums, total).sum())
    p = (1 + as_large) / (1 + num_flips)
    return SignFlipTest(total, p, 1 / (1 + num_flips), len(shares), exact=False)


def _as_large(sums: NDArray[np.float64], observed: float) -> NDArray[np.bool_]:
    """Returns which sums are at least as large in size as the observed one, [flips]."""
    return np.abs(sums) >= abs(observed) * (1 - _ROUNDING)
