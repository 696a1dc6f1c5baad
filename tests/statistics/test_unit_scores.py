"""Hits by unit and seed."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from bench.metrics.measure import measure_of
from bench.statistics.unit_scores import MeanScores, Units, scores_of
from bench.suite.metrics import AUROC, POINT_ACCURACY


def _units(hits, patients, findings) -> MeanScores:
    return MeanScores(
        np.array(hits, float), Units(np.arange(len(hits)), np.array(patients), np.array(findings))
    )


def _four_units() -> MeanScores:
    return _units([[1, 0], [1, 1], [0, 1], [0, 0]], [7, 7, 8, 9], ["Mass", "Nodule", "Mass", "Mass"])


def test_accuracy_by_hand() -> None:
    # Mass: 1/3 and 1/3 of three units; Nodule: 1 of 1 in both seeds.
    assert _four_units().values("weighted") == pytest.approx([2 / 4, 2 / 4])
    assert _four_units().values("macro") == pytest.approx([(1 / 3 + 1) / 2, (1 / 3 + 1) / 2])


def test_sums_by_patient_and_finding_by_hand() -> None:
    sums = _four_units().by_patient()
    assert sums.units.tolist() == [[1, 1], [1, 0], [1, 0]]
    assert sums.scores.tolist() == [[[1, 0], [1, 1]], [[0, 1], [0, 0]], [[0, 0], [0, 0]]]


def test_counts_of_seeds_and_patients() -> None:
    assert (_four_units().num_patients, _four_units().num_seeds) == (3, 2)


def test_one_finding_keeps_its_own_patients() -> None:
    nodule = _four_units().of_finding("Nodule")
    assert nodule.num_patients == 1
    assert nodule.values("weighted").tolist() == [1, 1]
    with pytest.raises(ValueError, match="at least one of each"):
        _four_units().of_finding("Hernia")


def test_accuracy_of_the_difference_is_the_difference_of_accuracies() -> None:
    first = _four_units()
    second = MeanScores(
        1 - first.scores[:, ::-1], Units(first.units.images, first.units.patients, first.units.findings)
    )
    for average in ("weighted", "macro"):
        expected = first.values(average) - second.values(average)
        assert first.minus(second).values(average) == pytest.approx(expected)


def test_other_units_cannot_be_compared() -> None:
    first = _four_units()
    more_seeds = MeanScores(
        first.scores.repeat(2, axis=1), Units(first.units.images, first.units.patients, first.units.findings)
    )
    other_images = MeanScores(
        first.scores, Units(first.units.images + 1, first.units.patients, first.units.findings)
    )
    other_findings = MeanScores(
        first.scores, Units(first.units.images, first.units.patients, first.units.findings[::-1])
    )
    for other in (more_seeds, other_images, other_findings, first.of_finding("Mass")):
        with pytest.raises(ValueError, match="same units"):
            first.minus(other)


def test_a_single_seed_is_taken_off_each() -> None:
    first = _four_units()
    one = first.of_seeds([1])
    assert first.minus(one).scores.tolist() == (first.scores - first.scores[:, [1]]).tolist()


@pytest.mark.parametrize("hits", [np.zeros((0, 2)), np.zeros((2, 0)), np.zeros(2)])
def test_nothing_is_refused(hits) -> None:
    labels = np.arange(len(hits))
    with pytest.raises(ValueError, match="at least one of each"):
        MeanScores(hits, Units(labels, labels, labels))


def test_labels_that_do_not_fit_and_hits_that_are_not_finite_are_refused() -> None:
    labels = np.arange(2)
    with pytest.raises(ValueError, match="patients need one value for each of 2 units"):
        MeanScores(np.zeros((2, 1)), Units(labels, np.arange(3), labels))
    with pytest.raises(ValueError, match="finite"):
        MeanScores(np.array([[0.0], [np.nan]]), Units(labels, labels, labels))


def _table(hits: list[bool]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image": ["b.png", "a.png", "a.png"],
            "patient": ["2", "1", "1"],
            "finding": ["Mass", "Nodule", "Mass"],
            "hit": hits,
            "score": 0.5,
        }
    )


def test_unit_tables_are_matched_by_image_and_finding() -> None:
    units = scores_of(
        [_table([True, False, True]), _table([True, True, False])[::-1]], measure_of(POINT_ACCURACY.name)
    )
    assert units.units.images.tolist() == ["a.png", "a.png", "b.png"]
    assert units.units.findings.tolist() == ["Mass", "Nodule", "Mass"]
    assert units.units.patients.tolist() == ["1", "1", "2"]
    assert units.scores.tolist() == [[1, 0], [0, 1], [1, 1]]


def test_unit_tables_that_differ_or_repeat_are_refused() -> None:
    table = _table([True, False, True])
    with pytest.raises(ValueError, match="at least one seed"):
        scores_of([], measure_of(POINT_ACCURACY.name))
    with pytest.raises(ValueError, match="same units"):
        scores_of([table, table[:2]], measure_of(POINT_ACCURACY.name))
    with pytest.raises(ValueError, match="twice"):
        scores_of([pd.concat([table, table[:1]])], measure_of(POINT_ACCURACY.name))


def _auroc_units(seed: int, num_patients: int = 60, num_seeds: int = 2):
    """Two findings of three images a patient; patients resemble themselves."""
    generator = np.random.default_rng(seed)
    patients = np.repeat(np.arange(num_patients), 3)
    tables = []
    of_patient = generator.normal(size=num_patients)
    labels = {finding: generator.random(len(patients)) < 0.4 for finding in ("Mass", "Nodule")}
    for _ in range(num_seeds):
        parts = [
            pd.DataFrame(
                {
                    "image": [f"{i:03d}" for i in range(len(patients))],
                    "patient": patients.astype(str),
                    "finding": finding,
                    "label": label.astype(int),
                    "logit": label + of_patient[patients] + generator.normal(size=len(patients)),
                }
            )
            for finding, label in labels.items()
        ]
        tables.append(pd.concat(parts, ignore_index=True))
    return tables


def _means_by_hand(table: pd.DataFrame, average: str) -> float:
    areas, positives = [], []
    for _, own in table.groupby("finding"):
        areas.append(roc_auc_score(own["label"], own["logit"]))
        positives.append(own["label"].sum())
    return float(np.average(areas, weights=positives if average == "weighted" else None))


@pytest.mark.parametrize("average", ["weighted", "macro"])
def test_a_metric_that_is_no_mean_over_units_is_averaged_over_findings(average: str) -> None:
    tables = _auroc_units(1)
    scores = scores_of(tables, measure_of(AUROC.name))
    assert scores.values(average) == pytest.approx([_means_by_hand(table, average) for table in tables])
    first, second = scores.of_seeds([0]), scores.of_seeds([1])
    difference = first.minus(second)
    assert difference.is_difference
    assert difference.values(average) == pytest.approx(first.values(average) - second.values(average))


@pytest.mark.parametrize("average", ["weighted", "macro"])
def test_taking_patients_several_times_is_repeating_their_units(average: str) -> None:
    """The samples of AUROC are of first order: as far apart as true ones, and about the same one by one."""
    (table,) = _auroc_units(2, num_seeds=1)
    scores = scores_of([table], measure_of(AUROC.name))
    generator = np.random.default_rng(0)
    times = generator.multinomial(60, np.full(60, 1 / 60), 200).astype(float)
    by_patient = dict(list(table.groupby(table["patient"].astype(int))))
    names = np.unique(table["patient"]).astype(int)
    exact = []
    for row in times.astype(int):
        parts = [by_patient[name] for name, count in zip(names, row, strict=True) for _ in range(count)]
        exact.append(_means_by_hand(pd.concat(parts), average))
    found = scores.resampled(average, times)[:, 0]
    assert np.corrcoef(found, exact)[0, 1] > 0.995
    assert found.std() == pytest.approx(np.std(exact), rel=0.05)


def test_the_jackknife_of_auroc_agrees_with_leaving_patients_out() -> None:
    (table,) = _auroc_units(3, num_seeds=1)
    scores = scores_of([table], measure_of(AUROC.name))
    exact = [_means_by_hand(table[table["patient"] != name], "macro") for name in np.unique(table["patient"])]
    assert scores.without_a_patient("macro")[:, 0] == pytest.approx(np.array(exact), abs=2e-4)


def test_the_spread_of_auroc_over_patients_is_that_of_delong() -> None:
    """One image of each patient and one finding: DeLong's variance, by its own formula."""
    generator = np.random.default_rng(4)
    label = generator.random(300) < 0.3
    logit = label + generator.normal(size=300)
    table = pd.DataFrame({"image": np.arange(300), "patient": np.arange(300), "finding": "Mass"}).astype(str)
    scores = scores_of([table.assign(label=label.astype(int), logit=logit)], measure_of(AUROC.name))
    above = (logit[label][:, None] > logit[~label]).astype(float)
    variance = above.mean(axis=1).var(ddof=1) / label.sum() + above.mean(axis=0).var(ddof=1) / (~label).sum()
    jackknife = scores.without_a_patient("weighted")[:, 0]
    assert np.square(jackknife - jackknife.mean()).sum() == pytest.approx(variance, rel=0.02)
