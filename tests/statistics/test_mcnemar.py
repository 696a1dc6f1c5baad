"""McNemar's test, exact and clustered."""

import math

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from bench.statistics.mcnemar import clustered_mcnemar, mcnemar_exact
from bench.statistics.unit_scores import MeanScores, Units


def _units(hits, patients) -> MeanScores:
    hits = np.array(hits, float).reshape(len(patients), -1)
    labels = np.arange(len(patients))
    return MeanScores(hits, Units(labels, np.array(patients), labels))


def _reference_obuchowski(first: np.ndarray, second: np.ndarray, patients: np.ndarray) -> float:
    """The statistic as it was published: variances and covariance about the pooled proportion."""
    num_units = np.bincount(patients)
    num_patients = len(num_units)
    hits = [np.bincount(patients, weights=model) for model in (first, second)]
    pooled = (hits[0].sum() + hits[1].sum()) / (2 * num_units.sum())
    residuals = [model - num_units * pooled for model in hits]
    factor = num_patients / (num_patients - 1) / num_units.sum() ** 2
    variance = sum(factor * (residual**2).sum() for residual in residuals)
    covariance = factor * (residuals[0] * residuals[1]).sum()
    difference = (hits[0].sum() - hits[1].sum()) / num_units.sum()
    return difference**2 / (variance - 2 * covariance)


def test_one_against_six_by_hand() -> None:
    # 2 · (1 + 7) / 2⁷ = .125; seven to none would give 2/2⁷.
    test = mcnemar_exact(1, 6)
    assert test.p == pytest.approx(0.125)
    assert test.smallest_p == pytest.approx(2 / 128)
    assert mcnemar_exact(7, 0).p == pytest.approx(test.smallest_p)


@pytest.mark.parametrize("counts", [(0, 1), (3, 3), (2, 9), (40, 61), (0, 2000)])
def test_exact_test_agrees_with_statsmodels(counts: tuple[int, int]) -> None:
    expected = mcnemar([[5, counts[0]], [counts[1], 8]], exact=True).pvalue
    assert mcnemar_exact(*counts).p == pytest.approx(expected)
    assert mcnemar_exact(*counts[::-1]).p == pytest.approx(expected)


def test_without_discordant_units_nothing_differs() -> None:
    test = mcnemar_exact(0, 0)
    assert (test.p, test.smallest_p) == (1, 1)


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="-1 and 2"):
        mcnemar_exact(-1, 2)


def test_clustered_test_by_hand() -> None:
    # Sums of four patients 2, 1, −1, 0: ¾ · 2² / 6 = ½, and P(χ² > ½) = 2 · (1 − Φ(.707107)) = .479500.
    test = clustered_mcnemar(_units([1, 1, 1, -1, 0], [0, 0, 1, 2, 3]))
    assert test.difference == pytest.approx(2 / 5)
    assert test.statistic == pytest.approx(0.5)
    assert test.p == pytest.approx(0.4795, abs=1e-5)
    assert test.num_patients == 4


def test_clustered_test_agrees_with_its_published_form() -> None:
    generator = np.random.default_rng(0)
    patients = np.r_[np.arange(40), generator.integers(0, 40, 60)]
    first, second = generator.random(100) < 0.6, generator.random(100) < 0.5
    test = clustered_mcnemar(_units(first, patients).minus(_units(second, patients)))
    assert test.statistic == pytest.approx(_reference_obuchowski(first, second, patients))


def test_single_units_give_mcnemars_chi_square() -> None:
    values = [1] * 14 + [-1] * 6 + [0] * 80
    test = clustered_mcnemar(_units(values, range(100)))
    expected = mcnemar([[40, 14], [6, 40]], exact=False, correction=False).statistic
    assert test.statistic == pytest.approx(expected * 99 / 100)


def test_copies_of_a_unit_add_no_evidence() -> None:
    values = [1] * 14 + [-1] * 6 + [0] * 80
    once = clustered_mcnemar(_units(values, range(100)))
    by_three_seeds = clustered_mcnemar(_units(np.repeat(values, 3), range(100)))
    assert by_three_seeds.p == pytest.approx(once.p)


def test_no_difference_and_a_single_patient() -> None:
    equal = clustered_mcnemar(_units([0, 0], [0, 1]))
    assert equal.p == 1
    single = clustered_mcnemar(_units([1, 1], [0, 0]))
    assert math.isnan(single.p)
    assert single.difference == 1


def test_clusters_keep_the_level() -> None:
    """4,000 comparisons of equal models, 60 patients of one to three units that correlate."""
    generator = np.random.default_rng(2)
    patients = np.repeat(np.arange(60), 1 + np.arange(60) % 3)
    rejected = 0
    for _ in range(4000):
        preference = generator.normal(size=60)[patients]
        values = np.sign(np.round(preference + 0.7 * generator.normal(size=len(patients))))
        rejected += clustered_mcnemar(_units(values, patients)).p <= 0.05
    assert rejected / 4000 == pytest.approx(0.05, abs=0.01)
