"""Intervals of a metric over patients, and over patients and seeds.

A patient is resampled with all of its units, for all findings and seeds at once, since units of a patient
resemble each other. Everything here takes differences between two models as well (`UnitScores.minus`): then
the patients stay paired, and with two levels the seeds too.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.statistics.interval import Interval, logit_interval
from bench.statistics.spread import ALPHA, ROUNDING, Spread, Term, spread_over_seeds
from bench.statistics.unit_scores import UnitScores
from bench.suite.metrics import Average

NUM_REPLICATES = 2000


def draw_patients(
    num_patients: int, generator: np.random.Generator, num_replicates: int = NUM_REPLICATES
) -> NDArray[np.float64]:
    """Returns how often each patient is in samples of as many, with replacement: [replicates, patients].

    As floats, since they are multiplied with sums of hits again and again.
    """
    drawn = generator.integers(0, num_patients, (num_replicates, num_patients))
    cells = drawn + num_patients * np.arange(num_replicates)[:, None]
    return np.bincount(cells.ravel(), minlength=cells.size).reshape(cells.shape).astype(float)


def bca_ends(
    estimate: NDArray[np.float64], replicates: NDArray[np.float64], jackknife: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns both ends of the 95% interval, [2, …]: bias-corrected, accelerated, and expanded percentiles.

    BCa moves the percentiles for a skewed distribution, as that of an accuracy far from ½ is. Like plain
    percentiles it is too short with few patients: n patients are spread over their own mean by a factor
    √((n−1)/n) too little, and a normal quantile stands where Student's belongs. So ±√(n/(n−1))·t(0.975, n−1)
    replaces ±1.96, which is next to nothing at hundreds of patients (2.3% for 2.5% at 100, 1.6% at 20).

    Args:
        estimate: from all patients, […].
        replicates: from resampled patients, [replicates, …].
        jackknife: without each patient in turn, [patients, …], at least 2.

    Source: B. Efron, J. Am. Stat. Assoc. 82 (1987) 171–185, for BCa; T. Hesterberg, Am. Stat. 69 (2015)
        371–386, for the expansion.
    """
    num_replicates, num_patients = len(replicates), len(jackknife)
    equal = np.abs(replicates - estimate) < ROUNDING
    below = ((replicates < estimate - ROUNDING) + equal / 2).mean(axis=0)
    bias = stats.norm.ppf(np.clip(below, 1 / num_replicates, 1 - 1 / num_replicates))
    influence = jackknife.mean(axis=0) - jackknife
    squares = np.square(influence).sum(axis=0)
    acceleration = (influence**3).sum(axis=0) / (6 * np.maximum(squares, ROUNDING**2) ** 1.5)
    quantile = stats.t.ppf(1 - ALPHA / 2, num_patients - 1) * np.sqrt(num_patients / (num_patients - 1))
    moved = np.stack([bias - quantile, bias + quantile])
    levels = stats.norm.cdf(bias + moved / np.maximum(1 - acceleration * moved, ROUNDING))
    return _percentiles(replicates, levels)


def _percentiles(replicates: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns percentiles, [levels, …], each column at its own level, which np.quantile cannot do."""
    positions = levels * (len(replicates) - 1)
    before = np.floor(positions).astype(int)
    after = np.minimum(before + 1, len(replicates) - 1)
    ordered = np.sort(replicates, axis=0)
    lower, upper = (np.take_along_axis(ordered, index, axis=0) for index in (before, after))
    percentiles: NDArray[np.float64] = lower + (positions - before) * (upper - lower)
    return percentiles


def interval_of_patients(units: UnitScores, average: Average, replicates: NDArray[np.float64]) -> Interval:
    """Returns the mean of these seeds with its 95% interval over other patients (`bca_ends`).

    The seeds are fixed: it says what these trained models would score on other patients, not what other seeds
    would give.

    Covers 94.5 to 96% from 40 patients on, one to three units each, at accuracies of .07 to .93, where plain
    percentiles cover as little as 89%. At 20 patients it covers 90 to 97%, and fewer had better not be used.
    No interval (None) for a single patient, or where all replicates are equal: resampling cannot see what
    never happened, such as a miss among nothing but hits. `wilson_interval` can.

    Args:
        units: scores.
        average: weighted or macro.
        replicates: values of resampled patients (`draw_patients`), [replicates, seeds].

    Source: C. A. Field, A. H. Welsh, J. R. Stat. Soc. B 69 (2007) 369–390, resampling of clusters.
    """
    mean = float(units.values(average).mean())
    num_patients = units.num_patients
    means = replicates.mean(axis=1)
    if num_patients < 2 or np.ptp(means) < ROUNDING:
        return Interval(mean, None, None, num_patients, units.num_seeds)
    jackknife = units.without_a_patient(average).mean(axis=1)
    low, high = bca_ends(np.asarray(mean), means, jackknife)
    return Interval(mean, float(low), float(high), num_patients, units.num_seeds)


def spread_over_patients(replicates: NDArray[np.float64], num_patients: int) -> Spread:
    """Returns the spread of the mean over seeds for other patients and these seeds.

    Args:
        replicates: values of resampled patients, [replicates, seeds].
        num_patients: at least 2.
    """
    variance = replicates.mean(axis=1).var() * num_patients / (num_patients - 1)
    return Spread((Term(float(variance), num_patients - 1),))


def spread_over_seeds_and_patients(
    values: NDArray[np.float64], replicates: NDArray[np.float64], num_patients: int
) -> Spread:
    """Returns the spread of the mean over seeds, for other seeds and other patients.

    Seeds and patients are crossed: every seed sees every patient. The mean over seeds varies by
    σ²(patient)/P + σ²(seed)/S + σ²(both)/PS. Resampled patients give the first and last term, with P − 1
    degrees of freedom; the spread across seeds the second and last, with S − 1; and the last, counted twice,
    is taken off the seeds once: it is how differently the seeds move when patients are resampled. Taking it
    off must not make the interval shorter than that over the seeds alone.

    The 95% interval covers 95 to 98% of normal effects with five seeds, 95 to 98% with three and 95 to 99%
    with two, least where nearly all of the variance is the seeds' (benchmarks/inference.py).

    Args:
        values: of each seed, [seeds, …], at least 2 seeds.
        replicates: of the same, [replicates, seeds, …].
        num_patients: at least 2.

    Source: A. C. Cameron, J. B. Gelbach, D. L. Miller, J. Bus. Econ. Stat. 29 (2011) 238–249, for variances
        of two-way clusters.
    """
    num_seeds = len(values)
    unbiased = num_patients / (num_patients - 1)
    means = replicates.mean(axis=1)
    by_patients = means.var(axis=0) * unbiased
    apart = (replicates - means[:, None]).var(axis=0) * unbiased  # [seeds, …]
    by_both = apart.sum(axis=0) / (num_seeds * (num_seeds - 1))
    by_seeds = values.var(axis=0, ddof=1) / num_seeds
    seeds_alone = np.maximum(by_seeds - by_both, 0)
    return Spread(
        (Term(by_patients, num_patients - 1), Term(seeds_alone, num_seeds - 1)),
        floor=Term(by_seeds, num_seeds - 1),
    )


def spread_of(units: UnitScores, average: Average, replicates: NDArray[np.float64]) -> Spread | None:
    """Returns the spread of the mean for other seeds and other patients, as one number each.

    None for a single seed or a single patient, whose spread is unknown, where nothing varies, and for a
    difference that is the same for all seeds.

    Args:
        units: scores.
        average: weighted or macro.
        replicates: values of resampled patients, [replicates, seeds].
    """
    if units.num_patients < 2 or units.num_seeds < 2:
        return None
    values = units.values(average)
    if units.is_difference and spread_over_seeds(values.tolist()) is None:
        return None
    spread = spread_over_seeds_and_patients(values, replicates, units.num_patients)
    return spread if spread.varies else None


def interval_of_spread(units: UnitScores, average: Average, spread: Spread | None) -> Interval:
    """Returns the mean with its 95% interval over other seeds and other patients together.

    The patients are resampled by lot; the seeds enter through their sample variance (`spread_of`). Five seeds
    drawn with replacement would show 4/5 of their variance, and a normal quantile where t with 4 df belongs:
    a two-level percentile interval covers about 91%.

    The interval of a metric in [0, 1] is taken on the logit scale, so that it stays within [0, 1] and, near
    either end, misses the truth less often and more evenly on both sides; it holds the seeds' own interval as
    far as that lies within [0, 1]. That of a difference is symmetric. No interval (None) without a spread.
    """
    values = units.values(average)
    mean = float(values.mean())
    counted = (units.num_patients, units.num_seeds)
    if spread is None:
        return Interval(mean, None, None, *counted)
    half_width = float(spread.half_width())
    if units.is_difference:
        return Interval(mean, mean - half_width, mean + half_width, *counted)
    low, high = logit_interval(mean, half_width)
    own = spread_over_seeds(values.tolist())
    reach = 0.0 if own is None else float(own.half_width())
    return Interval(mean, min(low, max(mean - reach, 0.0)), max(high, min(mean + reach, 1.0)), *counted)
