"""Several readers as one row: variances against those of crossed designs, coverage, degenerate cases."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from bench.statistics.bootstrap import spread_over_seeds_and_patients
from bench.statistics.readers import (
    RADIOLOGISTS,
    ReaderPanel,
    ReaderScores,
    reader_scores,
    spread_of_readers,
)
from bench.statistics.spread import spread_over_seeds


def of_tasks(rows: list[tuple[str, str, str]], scores: np.ndarray) -> ReaderScores:
    """Scores of tasks, each a patient's, a reader's and a finding's; patients have one image."""
    tasks = pd.DataFrame(rows, columns=["patient", "reader", "finding"])
    return reader_scores(tasks.assign(image=tasks["patient"]), np.asarray(scores, float))


def crossed(scores: np.ndarray) -> ReaderScores:
    """Scores [readers, patients] of readers who have all read all."""
    rows = [(f"p{p}", f"r{r}", "Mass") for r in range(len(scores)) for p in range(scores.shape[1])]
    return of_tasks(rows, scores.ravel())


def test_variances_are_those_of_seeds_and_patients_where_all_read_all() -> None:
    random = np.random.default_rng(0)
    scores = random.random((5, 60)) + random.normal(0, 0.3, (5, 1)) + random.normal(0, 0.3, 60)
    (by_patient, by_reader), floor = (spread := spread_of_readers(crossed(scores))).terms, spread.floor
    assert by_patient == pytest.approx((scores.mean(axis=0).var(ddof=1) / 60, 59))
    (seeds,) = spread_over_seeds(scores.mean(axis=1).tolist()).terms
    assert floor == pytest.approx(tuple(seeds))
    assert by_reader.df == pytest.approx(4)
    times = random.multinomial(60, np.full(60, 1 / 60), 4000)
    replicates = times @ scores.T / 60
    known = spread_over_seeds_and_patients(scores.mean(axis=1), replicates, 60)
    assert float(known.half_width()) == pytest.approx(float(spread.half_width()), rel=0.03)


def test_interval_of_one_reader_is_over_patients_alone() -> None:
    scores = np.random.default_rng(0).random((1, 200)) < 0.6
    interval = crossed(scores).interval()
    half_width = stats.t.ppf(0.975, 199) * scores.std(ddof=1) / np.sqrt(200)
    assert interval.mean == scores.mean()
    assert (interval.high - interval.low) / 2 == pytest.approx(half_width, rel=0.01)


def test_readers_who_differ_make_the_interval_wider_than_patients_do() -> None:
    scores = np.zeros((4, 200))
    for row, share in zip(scores, (20, 60, 120, 180), strict=True):
        row[:share] = 1
    pooled, third = crossed(scores).interval(), crossed(scores[2:3]).interval()
    assert pooled.high - pooled.low > 0.5
    assert third.mean == 0.6
    assert third.high < 0.7


def test_few_tasks_of_a_reader_give_few_degrees_of_freedom() -> None:
    rows = [(f"p{p}", reader, "Mass") for p in range(100) for reader in ("a", "b")]
    rows += [("p0", f"rare{r}", "Mass") for r in range(10)]
    scores = of_tasks(rows, np.random.default_rng(0).random(len(rows)))
    assert spread_of_readers(scores).terms[1].df == pytest.approx(210**2 / (2 * 100**2 + 10) - 1)


def test_panel_has_rows_by_finding_for_averages_and_by_reader() -> None:
    rows = [(f"p{p}", reader, "Mass" if p < 80 else "Nodule") for p in range(100) for reader in ("b", "a")]
    tasks = pd.DataFrame(rows[1:], columns=["patient", "reader", "finding"])
    hit = np.array([int(patient[1:]) < 60 for patient in tasks["patient"]])
    marked = hit | (tasks["finding"] == "Mass")
    overlap = {"iobb": hit * 0.6, "iou": hit * 0.3, "box_iou": np.where(marked, hit * 0.4, np.nan)}
    tasks = tasks.assign(image=tasks["patient"], marked=marked, hit=hit, **overlap)
    panel = ReaderPanel("ward", 120, 3, ("Mass", "Nodule"), tasks)
    assert (panel.num_units, panel.readers) == (100, ("a", "b"))
    mass, nodule, weighted, macro = panel.by_column()
    assert (mass.name, mass.num_tasks, mass.point_accuracy.num_patients) == ("Mass", 159, 80)
    assert mass.point_accuracy.mean == mass.hit_if_marked.mean == mass.iobb_accuracy.mean == 119 / 159
    assert (nodule.marked.mean, nodule.hit_if_marked, nodule.median_iou) == (0, None, None)
    assert weighted.point_accuracy.mean == pytest.approx(119 / 199)
    assert weighted.median_iou == 0.4
    assert macro.point_accuracy.mean == pytest.approx(119 / 159 / 2)
    assert macro.median_iou is None
    pooled, a, b = panel.by_reader()
    assert (pooled.name, a.name, b.name) == (RADIOLOGISTS, "a", "b")
    assert pooled.point_accuracy == weighted.point_accuracy
    assert (a.num_tasks, b.num_tasks) == (100, 99)
    assert a.point_accuracy.mean == pytest.approx(0.6)


@pytest.mark.parametrize("hit", [0, 1])
def test_where_all_tasks_are_alike_there_is_an_interval_as_of_so_many_readers(hit) -> None:
    interval = crossed(np.full((3, 50), float(hit))).interval()
    assert interval.mean == hit
    assert interval.high - interval.low == pytest.approx(stats.chi2.ppf(0.95, 1) / (3 + 3.8415), abs=1e-4)


def test_too_few_patients_have_no_interval() -> None:
    interval = crossed(np.random.default_rng(0).random((3, 39))).interval()
    assert (interval.low, interval.high) == (None, None)
    assert crossed(np.random.default_rng(0).random((3, 40))).interval().low is not None


def test_equal_scores_between_the_ends_have_no_interval() -> None:
    assert crossed(np.full((3, 50), 0.5)).interval().low is None


def test_interval_covers_the_mean_of_all_readers_and_patients() -> None:
    """Readers differ, patients differ, each patient is read by three of nine, and most by the same ones."""
    random = np.random.default_rng(0)
    shares = np.array([0.31, 0.31, 0.3, *[0.08 / 6] * 6])
    between = random.normal(0, np.hypot(0.8, 0.7), 100_000)
    truth, covered, num = float(special.expit(0.5 + between).mean()), 0, 150
    for _ in range(num):
        readers = random.normal(0.5, 0.8, 9)
        rows = [(f"p{p}", r) for p in range(80) for r in random.choice(9, 3, replace=False, p=shares)]
        patients = np.repeat(random.normal(0, 0.7, 80), 3)
        chance = special.expit(readers[[r for _, r in rows]] + patients)
        scores = of_tasks([(p, f"r{r}", "Mass") for p, r in rows], random.random(len(rows)) < chance)
        interval = scores.interval()
        covered += interval.low <= truth <= interval.high
    assert covered / num > 0.9
