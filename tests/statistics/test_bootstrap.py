"""Bootstrap over patients, and intervals over seeds and patients."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from bench.statistics.bootstrap import (
    NUM_REPLICATES,
    bca_ends,
    draw_patients,
    interval_of_patients,
    interval_of_spread,
    spread_of,
    spread_over_seeds_and_patients,
)
from bench.statistics.student import mean_interval
from bench.statistics.unit_scores import MeanScores, Units

AVERAGES = ("weighted", "macro")


def _units(hits, patients, findings=None) -> MeanScores:
    labels = np.arange(len(hits))
    findings = np.zeros(len(hits)) if findings is None else np.array(findings)
    return MeanScores(np.array(hits, float), Units(labels, np.array(patients), findings))


def _random_units(seed: int, num_units: int = 200, num_patients: int = 60, num_seeds: int = 5) -> MeanScores:
    """Some patients are easier than others."""
    generator = np.random.default_rng(seed)
    patients = np.r_[np.arange(num_patients), generator.integers(0, num_patients, num_units - num_patients)]
    hits = generator.random((num_units, num_seeds)) < generator.beta(1.2, 0.8, num_patients)[patients, None]
    return _units(hits, patients, generator.integers(0, 3, num_units))


def _resampled(units, average, generator, num_replicates):
    return units.resampled(average, draw_patients(units.num_patients, generator, num_replicates))


def over_patients(units, average, generator, num_replicates=NUM_REPLICATES):
    return interval_of_patients(units, average, _resampled(units, average, generator, num_replicates))


def over_both(units, average, generator, num_replicates=NUM_REPLICATES):
    spread = spread_of(units, average, _resampled(units, average, generator, num_replicates))
    return interval_of_spread(units, average, spread)


def _generator() -> np.random.Generator:
    return np.random.default_rng(0)


def _reference_accuracy(units: MeanScores, patients: tuple[int, ...], average: str) -> np.ndarray:
    """Accuracy of the concatenated units of `patients`, one by one."""
    rows = [row for patient in patients for row in np.flatnonzero(units.units.patients == patient)]
    hits, findings = units.scores[rows], units.units.findings[rows]
    if average == "weighted":
        return hits.mean(axis=0)
    return np.mean([hits[findings == finding].mean(axis=0) for finding in np.unique(findings)], axis=0)


@pytest.mark.parametrize("average", AVERAGES)
def test_resampling_agrees_with_all_samples_of_three_patients(average: str) -> None:
    """27 samples are as likely; the second finding is missing in 8 of them."""
    units = _units(
        [[1, 0], [0, 1], [0, 0], [1, 1], [1, 0]], [0, 0, 1, 1, 2], ["Mass", "Mass", "Mass", "Mass", "Nodule"]
    )
    exact = np.array(
        [_reference_accuracy(units, sample, average) for sample in itertools.product(range(3), repeat=3)]
    )
    drawn = _resampled(units, average, _generator(), 40_000)
    assert set(map(tuple, drawn.round(9))) == set(map(tuple, exact.round(9)))
    for value in np.unique(exact.round(9), axis=0):
        expected = (exact.round(9) == value).all(axis=1).mean()
        assert (drawn.round(9) == value).all(axis=1).mean() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("average", AVERAGES)
def test_jackknife_agrees_with_leaving_patients_out_by_hand(average: str) -> None:
    units = _random_units(1)
    everyone = range(60)
    expected = [
        _reference_accuracy(units, tuple(p for p in everyone if p != out), average) for out in everyone
    ]
    assert units.without_a_patient(average) == pytest.approx(np.array(expected))


def test_ends_agree_with_scipys_bca_at_the_expanded_level() -> None:
    """Skewed values without ties, for which both count the replicates below the estimate alike."""
    values = np.random.default_rng(3).exponential(size=30)
    quantile = np.sqrt(30 / 29) * stats.t.ppf(0.975, 29)
    level = 1 - 2 * stats.norm.sf(quantile)
    result = stats.bootstrap(
        (values,), np.mean, confidence_level=level, n_resamples=999, method="BCa", rng=_generator()
    )
    jackknife = (values.sum() - values) / 29
    ends = bca_ends(np.asarray(values.mean()), result.bootstrap_distribution, jackknife)
    assert ends == pytest.approx(np.array(result.confidence_interval), rel=1e-9)


def test_replicates_equal_to_the_estimate_count_half() -> None:
    """As many hits as misses: the interval lies evenly about ½, although a sixth of the replicates is ½."""
    interval = over_patients(
        _units(np.arange(24)[:, None] % 2, np.arange(24)), "weighted", _generator(), 20_000
    )
    assert interval.low + interval.high == pytest.approx(1, abs=0.02)


def test_units_of_one_patient_widen_the_interval() -> None:
    """The same hits, each unit of its own patient or four identical ones of each patient."""
    hits = np.repeat(np.random.default_rng(4).random((100, 1)) < 0.5, 4, axis=0)
    single = over_patients(_units(hits, np.arange(400)), "weighted", _generator())
    clustered = over_patients(_units(hits, np.repeat(np.arange(100), 4)), "weighted", _generator())
    assert (clustered.high - clustered.low) / (single.high - single.low) == pytest.approx(2, rel=0.1)


def test_a_large_sample_agrees_with_the_normal_interval() -> None:
    hits = (np.arange(1000) < 600)[:, None]
    interval = over_patients(_units(hits, np.arange(1000)), "weighted", _generator(), 5000)
    half_width = 1.96 * np.sqrt(0.6 * 0.4 / 1000)
    assert interval.mean == 0.6
    assert (interval.low, interval.high) == pytest.approx((0.6 - half_width, 0.6 + half_width), abs=0.002)
    assert (interval.num_patients, interval.num_seeds) == (1000, 1)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("interval_of", [over_patients, over_both])
def test_the_same_generator_gives_the_same_interval(interval_of, average: str) -> None:
    units = _random_units(5)
    assert interval_of(units, average, _generator()) == interval_of(units, average, _generator())
    assert interval_of(units, average, _generator()) != interval_of(units, average, np.random.default_rng(1))
    assert interval_of(units, average, _generator()).mean == pytest.approx(units.values(average).mean())


@pytest.mark.parametrize("interval_of", [over_patients, over_both])
def test_order_and_names_of_units_and_patients_do_not_matter(interval_of) -> None:
    units = _random_units(6)
    renamed = np.array([f"patient {patient:03}" for patient in units.units.patients])
    order = np.random.default_rng(0).permutation(len(renamed))
    other = MeanScores(
        units.scores[order], Units(units.units.images[order], renamed[order], units.units.findings[order])
    )
    first, second = interval_of(units, "macro", _generator()), interval_of(other, "macro", _generator())
    assert (first.mean, first.low, first.high) == pytest.approx((second.mean, second.low, second.high))


@pytest.mark.parametrize("interval_of", [over_patients, over_both])
@pytest.mark.parametrize("value", [0, 1])
def test_all_hits_or_all_misses_have_no_interval(interval_of, value: int) -> None:
    interval = interval_of(_units(np.full((30, 3), value), np.arange(30) // 2), "weighted", _generator())
    assert (interval.mean, interval.low, interval.high) == (value, None, None)
    assert (interval.num_patients, interval.num_seeds) == (15, 3)


@pytest.mark.parametrize("interval_of", [over_patients, over_both])
def test_a_single_patient_has_no_interval(interval_of) -> None:
    interval = interval_of(_units([[1, 0], [0, 0]], [3, 3]), "macro", _generator())
    assert (interval.mean, interval.low, interval.high, interval.num_patients) == (0.25, None, None, 1)


def test_a_single_seed_has_an_interval_over_patients_only() -> None:
    units = _random_units(7, num_seeds=1)
    assert over_patients(units, "macro", _generator()).low is not None
    interval = over_both(units, "macro", _generator())
    assert (interval.low, interval.high, interval.num_seeds) == (None, None, 1)


def test_equal_seeds_leave_the_patients_spread() -> None:
    """On the logit scale: half-width / (mean · (1 − mean))."""
    one = _random_units(8, num_seeds=1)
    five = MeanScores(
        np.repeat(one.scores, 5, axis=1), Units(one.units.images, one.units.patients, one.units.findings)
    )
    interval = over_both(five, "weighted", _generator())
    error = _resampled(one, "weighted", _generator(), 2000).std() * np.sqrt(60 / 59)
    ends = special.logit([interval.low, interval.high])
    expected = 2 * stats.t.ppf(0.975, 59) * error / (interval.mean * (1 - interval.mean))
    assert ends[1] - ends[0] == pytest.approx(expected, rel=1e-6)


def test_a_difference_that_is_the_same_for_all_seeds_has_no_interval_over_both() -> None:
    first, second = _random_units(8, num_seeds=1), _random_units(9, num_seeds=1)
    three = [replace(first, scores=np.repeat(units.scores, 3, axis=1)) for units in (first, second)]
    difference = three[0].minus(three[1])
    interval = over_both(difference, "weighted", _generator())
    assert (interval.low, interval.high) == (None, None)


@pytest.mark.parametrize("num_seeds", [2, 3, 5])
@pytest.mark.parametrize("accuracy", [0.5, 0.97])
def test_the_interval_over_both_holds_the_seeds_own(num_seeds: int, accuracy: float) -> None:
    """Units that all patients share as one: hardly any variance is the patients'."""
    generator = np.random.default_rng(num_seeds)
    for _ in range(30):
        rates = np.clip(generator.normal(accuracy, 0.02, num_seeds), 0, 1)
        units = _units(generator.random((120, num_seeds)) < rates, np.arange(120))
        own = mean_interval(units.values("weighted").tolist())
        both = over_both(units, "weighted", generator, 300)
        if both.low is None:
            assert own.half_width == 0
            continue
        assert 0 <= both.low <= max(own.mean - own.half_width, 0)
        assert min(own.mean + own.half_width, 1) <= both.high <= 1


def test_spread_agrees_with_the_analysis_of_variance_of_crossed_effects() -> None:
    """One unit of each patient: mean squares over patients · seeds; the seeds' without that of both."""
    generator = np.random.default_rng(9)
    num_patients, num_seeds = 50, 5
    values = generator.normal(size=(num_patients, 1)) + 0.3 * generator.normal(size=num_seeds)
    values = values + generator.normal(size=values.shape)
    rows, columns = values.mean(axis=1, keepdims=True), values.mean(axis=0)
    patients = num_seeds * np.square(rows - values.mean()).sum() / (num_patients - 1)
    seeds = num_patients * np.square(columns - values.mean()).sum() / (num_seeds - 1)
    both = np.square(values - rows - columns + values.mean()).sum() / ((num_patients - 1) * (num_seeds - 1))
    units = _units(values, np.arange(num_patients))
    replicates = _resampled(units, "weighted", _generator(), 40_000)
    spread = spread_over_seeds_and_patients(units.values("weighted"), replicates, num_patients)
    assert seeds > both  # otherwise the estimate is cut and the test shows nothing
    of_patients, of_seeds = spread.terms
    assert of_patients.variance == pytest.approx(patients / values.size, rel=0.03)
    assert of_seeds.variance == pytest.approx((seeds - both) / values.size, rel=0.03)
    assert (of_patients.df, of_seeds.df) == (49, 4)
    assert spread.floor == pytest.approx((seeds / values.size, 4), rel=1e-9)


def test_a_difference_of_models_is_narrower_than_the_models() -> None:
    first = _random_units(10)
    hits = np.where(
        np.random.default_rng(0).random(first.scores.shape) < 0.05, 1 - first.scores, first.scores
    )
    second = MeanScores(hits, Units(first.units.images, first.units.patients, first.units.findings))
    single = over_patients(first, "macro", _generator())
    paired = over_patients(first.minus(second), "macro", _generator())
    assert paired.high - paired.low < 0.5 * (single.high - single.low)
    assert paired.low < paired.mean < paired.high


def _patients_of_units(num_patients: int) -> np.ndarray:
    """One, two or three units of a patient in turn."""
    return np.repeat(np.arange(num_patients), 1 + np.arange(num_patients) % 3)


@pytest.mark.parametrize("accuracy", [0.5, 0.16])
def test_95_percent_of_intervals_over_patients_contain_the_true_accuracy(accuracy: float) -> None:
    """20,000 trials of 100 patients; units of a patient correlate by .5 before they become hit or miss."""
    generator = np.random.default_rng(11)
    patients = _patients_of_units(100)
    covered = []
    for _ in range(10):
        of_patients = generator.normal(size=(100, 2000))[patients]
        latent = (of_patients + generator.normal(size=(len(patients), 2000))) / np.sqrt(2)
        trials = _units(latent < stats.norm.ppf(accuracy), patients)  # a trial in each column
        low, high = bca_ends(
            trials.values("weighted"),
            _resampled(trials, "weighted", generator, 799),
            trials.without_a_patient("weighted"),
        )
        covered.append((low <= accuracy) & (accuracy <= high))
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(
    ("num_seeds", "share"),
    [
        (2, 0.05),
        (3, 0.95),
        (5, 0.5),
        *(
            pytest.param(num_seeds, share, marks=pytest.mark.slow)
            for num_seeds, share in itertools.product((2, 3, 5), (0.05, 0.5, 0.8, 0.95))
            if (num_seeds, share) not in ((2, 0.05), (3, 0.95), (5, 0.5))
        ),
    ],
)
def test_at_least_94_5_percent_of_intervals_over_seeds_and_patients_hold_the_true_mean(
    num_seeds: int, share: float
) -> None:
    """20,000 experiments on 60 patients, normal effects of seed, patient and both.

    Args:
        num_seeds: of an experiment.
        share: of the variance of the mean that the seeds have.
    """
    generator = np.random.default_rng(12)
    num_experiments, num_patients = 1000, 60
    others = (1 + 0.5 / num_seeds) / num_patients
    deviation = np.sqrt(share / (1 - share) * others * num_seeds)
    covered = []
    for _ in range(20):
        of_patients = generator.normal(size=(num_patients, num_experiments, 1))
        of_seeds = deviation * generator.normal(size=(num_experiments, num_seeds))
        of_both = np.sqrt(0.5) * generator.normal(size=(num_patients, num_experiments, num_seeds))
        values = of_patients + of_seeds + of_both
        units = _units(values.reshape(num_patients, -1), np.arange(num_patients))
        shape = (-1, num_experiments, num_seeds)
        accuracies = units.values("weighted").reshape(shape[1:]).T
        replicates = _resampled(units, "weighted", generator, 200).reshape(shape).swapaxes(1, 2)
        spread = spread_over_seeds_and_patients(accuracies, replicates, num_patients)
        covered.append(np.abs(accuracies.mean(axis=0)) <= spread.half_width())
    assert np.mean(covered) >= 0.945
    assert np.mean(covered) <= {2: 0.99, 3: 0.975, 5: 0.97}[num_seeds]  # nor is it much too long
