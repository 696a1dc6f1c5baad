"""Sign-flip tests by seed and by patient."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.statistics.paired import sign_flip_by_patient, sign_flip_by_seed
from bench.statistics.unit_scores import MeanScores, Units


def _difference(values, patients, findings=None) -> MeanScores:
    values = np.array(values, float).reshape(len(patients), -1)
    findings = np.zeros(len(patients)) if findings is None else np.array(findings)
    return MeanScores(values, Units(np.arange(len(patients)), np.array(patients), findings))


def _generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_three_seeds_by_hand() -> None:
    # ±3 ±2 ±1: of the sums 6 4 2 0 0 −2 −4 −6 four are as large as the observed 3 + 2 − 1 = 4.
    test = sign_flip_by_seed([0.03, 0.02, -0.01])
    assert test.difference == pytest.approx(0.04 / 3)
    assert test.p == 4 / 8
    assert (test.smallest_p, test.num_pairs, test.exact) == (2 / 8, 3, True)


def test_five_seeds_cannot_reach_five_percent() -> None:
    test = sign_flip_by_seed([0.2, 0.21, 0.25, 0.3, 0.19])
    assert test.p == test.smallest_p == 0.0625


def test_six_seeds_can() -> None:
    assert sign_flip_by_seed([0.1] * 6).p == sign_flip_by_seed([0.1] * 6).smallest_p == 0.03125


def test_a_difference_of_zero_has_no_sign_to_flip() -> None:
    test = sign_flip_by_seed([0.0, 0.1, 0.2, 0.3])
    assert test.difference == pytest.approx(0.15)
    assert (test.p, test.smallest_p, test.num_pairs) == (0.25, 0.25, 3)


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [0.5]])
def test_one_seed_or_no_difference_shows_nothing(values: list[float]) -> None:
    test = sign_flip_by_seed(values)
    assert (test.p, test.smallest_p) == (1, 1)


@pytest.mark.parametrize("bad", [[], [np.nan, 0.1], [0.1] * 17])
def test_none_too_many_or_not_finite_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="1 to 16 differences, all finite"):
        sign_flip_by_seed(bad)


@settings(max_examples=40)
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=9))
def test_test_by_seed_agrees_with_scipy(hundredths: list[int]) -> None:
    """Whole hundredths make ties, which rounding must not part."""
    values = np.array(hundredths) / 100
    expected = stats.permutation_test(
        (values, np.zeros(len(values))),
        lambda first, second: np.round(np.mean(first - second), 12),
        permutation_type="samples",
        n_resamples=np.inf,
    )
    test = sign_flip_by_seed(values.tolist())
    assert test.p == pytest.approx(expected.pvalue)
    assert test.smallest_p <= test.p <= 1
    assert sign_flip_by_seed((-values).tolist()).p == test.p


def test_units_of_a_patient_flip_together_by_hand() -> None:
    # Patients' sums 2, 1, −1 of 5 units: ±2 ±1 ±1 give 4 2 2 0 0 −2 −2 −4, six as large as 2.
    difference = _difference([1, 1, 1, -1, 0], [0, 0, 1, 2, 2])
    test = sign_flip_by_patient(difference, "weighted", _generator())
    assert test.difference == pytest.approx(2 / 5)
    assert (test.p, test.smallest_p, test.num_pairs, test.exact) == (6 / 8, 2 / 8, 3, True)


def test_macro_average_weighs_findings_alike_by_hand() -> None:
    # Mass 4 units, Nodule 1: shares (1/4)/2, (−1/4)/2, (1/1)/2 = ⅛, −⅛, ½: observed ½; ¾ ½ ½ ¼ and opposites.
    findings = ["Mass", "Mass", "Mass", "Mass", "Nodule"]
    difference = _difference([1, -1, 0, 0, 1], [0, 1, 2, 3, 4], findings)
    test = sign_flip_by_patient(difference, "macro", _generator())
    assert test.difference == pytest.approx(0.5)
    assert test.p == 6 / 8


def test_seeds_are_averaged_before_patients_flip() -> None:
    by_seed = _difference([[1, 1], [1, -1], [1, 0]], [0, 1, 2])
    test = sign_flip_by_patient(by_seed, "weighted", _generator())
    assert test.difference == pytest.approx(0.5)
    assert (test.p, test.num_pairs) == (2 / 4, 2)


def test_drawn_flips_agree_with_the_exact_binomial_test() -> None:
    """Differences of −1 and 1 make the flips a binomial count."""
    difference = _difference([1] * 40 + [-1] * 20 + [0] * 30, range(90))
    test = sign_flip_by_patient(difference, "weighted", _generator(), 20_000)
    assert not test.exact
    assert test.num_pairs == 60
    assert test.p == pytest.approx(stats.binomtest(20, 60).pvalue, abs=0.002)


def test_drawn_flips_never_give_zero() -> None:
    test = sign_flip_by_patient(_difference([1] * 100, range(100)), "weighted", _generator(), 999)
    assert test.p == test.smallest_p == 1 / 1000


def test_clusters_keep_the_level_that_single_units_lose() -> None:
    """1,500 comparisons of equal models, 40 patients of one to five units that always agree."""
    generator = np.random.default_rng(1)
    patients = np.repeat(np.arange(40), 1 + np.arange(40) % 5)
    rejected = {"patients": 0, "units": 0}
    for _ in range(1500):
        values = generator.integers(-1, 2, 40)[patients]
        clustered = sign_flip_by_patient(_difference(values, patients), "weighted", generator, 99)
        rejected["patients"] += clustered.p <= 0.05
        rejected["units"] += (
            stats.binomtest(int((values == 1).sum()), int((values != 0).sum())).pvalue <= 0.05
        )
    assert rejected["patients"] / 1500 == pytest.approx(0.05, abs=0.01)
    assert rejected["units"] / 1500 > 0.2
