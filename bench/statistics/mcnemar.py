"""McNemar's test of two models' hits on the same units: exact, and for several units of a patient."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from bench.statistics.unit_scores import MeanScores


@dataclass(frozen=True)
class McNemarTest:
    """A two-sided test that both models hit equally often.

    Attributes:
        first_only: units that only the first model hits.
        second_only: units that only the second model hits.
        p: two-sided p.
        smallest_p: the smallest p that as many discordant units could have given.
    """

    first_only: int
    second_only: int
    p: float
    smallest_p: float


@dataclass(frozen=True)
class ClusteredMcNemarTest:
    """A two-sided test that both models hit equally often, with patients as clusters.

    Attributes:
        difference: difference of the weighted accuracies.
        statistic: χ² with one degree of freedom; NaN where it has none.
        p: its p; NaN for a single patient.
        num_patients: clusters.
    """

    difference: float
    statistic: float
    p: float
    num_patients: int


def mcnemar_exact(first_only: int, second_only: int) -> McNemarTest:
    """Returns McNemar's exact test: is each discordant unit as likely to favour either model?

    For one trial of each model and one unit of each patient; otherwise `clustered_mcnemar`. n discordant
    units give no p below 2/2ⁿ; none give p = 1.

    Raises:
        ValueError: a negative number.

    Source: Q. McNemar, Psychometrika 12 (1947) 153–157; the binomial instead of its χ².
    """
    if min(first_only, second_only) < 0:
        raise ValueError(f"units cannot be fewer than none; got {first_only} and {second_only}")
    discordant = first_only + second_only
    if discordant == 0:
        return McNemarTest(0, 0, 1.0, 1.0)
    p = float(stats.binomtest(first_only, discordant).pvalue)
    return McNemarTest(first_only, second_only, p, 2.0 ** (1 - discordant))


def clustered_mcnemar(difference: MeanScores) -> ClusteredMcNemarTest:
    """Returns Obuchowski's test for several units of a patient, and several seeds of a unit.

    χ² = (K−1)/K · (Σ dₖ)² / Σ dₖ², with K patients and dₖ the sum of the patient's differences. Among the
    cluster-robust forms it is the one that tests the difference of the weighted accuracies itself, each
    unit counting as much; Durkalski's (2003) weighs each patient alike. With one unit of each patient and one
    seed it is McNemar's χ² without continuity correction, times (K−1)/K.

    It rests on the normal distribution: from about 20 patients that differ. p is 1 where no patient differs,
    NaN for a single patient.

    Args:
        difference: `MeanScores.minus` of the two models.

    Source: N. A. Obuchowski, Stat. Med. 17 (1998) 1495–1507, in the notation of Z. Yang, X. Sun,
        J. W. Hardin, Biom. J. 52 (2010) 638–652.
    """
    by_patient = difference.by_patient().scores.sum(axis=(1, 2))
    mean = float(difference.scores.mean())
    num_patients = len(by_patient)
    squares = float(np.square(by_patient).sum())
    if num_patients < 2:
        return ClusteredMcNemarTest(mean, float("nan"), float("nan"), num_patients)
    if squares == 0:
        return ClusteredMcNemarTest(mean, float("nan"), 1.0, num_patients)
    statistic = (num_patients - 1) / num_patients * float(by_patient.sum()) ** 2 / squares
    return ClusteredMcNemarTest(mean, statistic, float(stats.chi2.sf(statistic, 1)), num_patients)
