"""Tests and intervals of a metric that is no mean over units."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import norm

from bench.metrics.measure import measure_of
from bench.statistics.scores import ColumnScores
from bench.statistics.spread import PATIENTS_ALONE, SEEDS_AND_PATIENTS
from bench.statistics.unit_scores import scores_of
from bench.suite.metrics import AUROC

NUM_PATIENTS, NUM_TEST_SETS = 80, 120
DEVIATIONS = {"image": 0.7, "patient": 0.5, "taste": 0.6, "seed": 0.3}
"""Of a logit: what all models share of an image or patient, a model's own taste of images, and a seed's."""

TRUE_AREA = norm.cdf(1.2 / np.sqrt(2 * sum(d**2 for d in DEVIATIONS.values())))


def _rows(generator: np.random.Generator) -> list[ColumnScores]:
    """Two models with three seeds, equal among patients: two images each, of which 3 in 10 are positive."""
    num = 2 * NUM_PATIENTS
    units = {
        "image": [f"{i:03d}" for i in range(num)],
        "patient": np.repeat(np.arange(NUM_PATIENTS), 2).astype(str),
        "finding": "Mass",
        "label": (generator.random(num) < 0.3).astype(int),
    }
    shared = DEVIATIONS["image"] * generator.normal(size=num) + DEVIATIONS["patient"] * np.repeat(
        generator.normal(size=NUM_PATIENTS), 2
    )
    rows = []
    for model in range(2):
        logit = 1.2 * units["label"] + shared + DEVIATIONS["taste"] * generator.normal(size=num)
        tables = [
            pd.DataFrame(units | {"logit": logit + DEVIATIONS["seed"] * generator.normal(size=num)})
            for _ in range(3)
        ]
        scores = scores_of(tables, measure_of(AUROC.name))
        by_seed = dict(enumerate(scores.values("weighted").tolist()))
        rows.append(ColumnScores(str(model), by_seed, ("0", "1", "2"), lambda scores=scores: scores))
    return rows


def test_auroc_of_equal_models_differs_and_intervals_miss_in_one_test_set_of_twenty_at_most() -> None:
    generator = np.random.default_rng(0)
    different = missed = by_seeds_alone = 0
    for _ in range(NUM_TEST_SETS):
        first, second = _rows(generator)
        difference = first.minus(second)
        p, population = difference.decision
        assert population == SEEDS_AND_PATIENTS
        different += p < 0.05
        by_seeds_alone += difference.p_over_seeds < 0.05
        missed += not first.over_both.low <= TRUE_AREA <= first.over_both.high
    allowed = 0.05 + 2 * np.sqrt(0.05 * 0.95 / NUM_TEST_SETS)
    assert different / NUM_TEST_SETS <= allowed
    assert missed / NUM_TEST_SETS <= allowed
    assert by_seeds_alone / NUM_TEST_SETS > 0.15


def _without_seeds(row: ColumnScores) -> ColumnScores:
    """The row's first seed, as a classifier that was trained elsewhere: of seed 0 in its record."""
    return replace(row.of_seeds([0]), has_seeds=False)


def test_a_row_without_seeds_is_the_same_for_each_seed_of_another() -> None:
    first, second = _rows(np.random.default_rng(1))
    moved = replace(second, by_seed={seed + 5: value for seed, value in second.by_seed.items()})
    difference = _without_seeds(first).minus(moved)
    expected = [first.by_seed[0] - value for value in second.by_seed.values()]
    assert difference.by_seed == dict(zip((5, 6, 7), expected, strict=True))
    assert np.allclose(difference.units.values("weighted"), expected)
    assert difference.decision[1] == SEEDS_AND_PATIENTS
    back = moved.minus(_without_seeds(first))
    assert np.allclose(back.values, [-value for value in expected])
    assert len(set(difference.trial_ids)) == len(difference.trial_ids)


def test_two_rows_without_seeds_are_compared_over_other_patients() -> None:
    """Oracle: the two-sided p of the bootstrap's distribution over patients, by another generator."""
    first, second = _rows(np.random.default_rng(2))
    difference = _without_seeds(first).minus(_without_seeds(second))
    p, population = difference.decision
    assert population == PATIENTS_ALONE
    times = np.random.default_rng(9).multinomial(NUM_PATIENTS, [1 / NUM_PATIENTS] * NUM_PATIENTS, 4000)
    resampled = difference.units.resampled("weighted", times.astype(float))[:, 0]
    expected = 2 * norm.sf(abs(difference.values[0]) / resampled.std())
    assert abs(p - expected) < 0.03
