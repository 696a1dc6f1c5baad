"""Hits by unit and seed."""

import numpy as np
import pandas as pd
import pytest

from bench.statistics.unit_hits import UnitHits, from_unit_tables


def _units(hits, patients, findings) -> UnitHits:
    return UnitHits(np.array(hits, float), np.arange(len(hits)), np.array(patients), np.array(findings))


def _four_units() -> UnitHits:
    return _units([[1, 0], [1, 1], [0, 1], [0, 0]], [7, 7, 8, 9], ["Mass", "Nodule", "Mass", "Mass"])


def test_accuracy_by_hand() -> None:
    # Mass: 1/3 and 1/3 of three units; Nodule: 1 of 1 in both seeds.
    assert _four_units().accuracy("weighted") == pytest.approx([2 / 4, 2 / 4])
    assert _four_units().accuracy("macro") == pytest.approx([(1 / 3 + 1) / 2, (1 / 3 + 1) / 2])


def test_sums_by_patient_and_finding_by_hand() -> None:
    sums = _four_units().by_patient()
    assert sums.units.tolist() == [[1, 1], [1, 0], [1, 0]]
    assert sums.hits.tolist() == [[[1, 0], [1, 1]], [[0, 1], [0, 0]], [[0, 0], [0, 0]]]


def test_counts_of_seeds_and_patients() -> None:
    assert (_four_units().num_patients, _four_units().num_seeds) == (3, 2)


def test_one_finding_keeps_its_own_patients() -> None:
    nodule = _four_units().of_finding("Nodule")
    assert nodule.num_patients == 1
    assert nodule.accuracy("weighted").tolist() == [1, 1]
    with pytest.raises(ValueError, match="at least one of each"):
        _four_units().of_finding("Hernia")


def test_accuracy_of_the_difference_is_the_difference_of_accuracies() -> None:
    first = _four_units()
    second = UnitHits(1 - first.hits[:, ::-1], first.images, first.patients, first.findings)
    for average in ("weighted", "macro"):
        expected = first.accuracy(average) - second.accuracy(average)
        assert first.minus(second).accuracy(average) == pytest.approx(expected)


def test_other_units_cannot_be_compared() -> None:
    first = _four_units()
    fewer_seeds = UnitHits(first.hits[:, :1], first.images, first.patients, first.findings)
    other_images = UnitHits(first.hits, first.images + 1, first.patients, first.findings)
    other_findings = UnitHits(first.hits, first.images, first.patients, first.findings[::-1])
    for other in (fewer_seeds, other_images, other_findings, first.of_finding("Mass")):
        with pytest.raises(ValueError, match="same units"):
            first.minus(other)


@pytest.mark.parametrize("hits", [np.zeros((0, 2)), np.zeros((2, 0)), np.zeros(2)])
def test_nothing_is_refused(hits) -> None:
    labels = np.arange(len(hits))
    with pytest.raises(ValueError, match="at least one of each"):
        UnitHits(hits, labels, labels, labels)


def test_labels_that_do_not_fit_and_hits_that_are_not_finite_are_refused() -> None:
    labels = np.arange(2)
    with pytest.raises(ValueError, match="patients need one value for each of 2 units"):
        UnitHits(np.zeros((2, 1)), labels, np.arange(3), labels)
    with pytest.raises(ValueError, match="finite"):
        UnitHits(np.array([[0.0], [np.nan]]), labels, labels, labels)


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
    units = from_unit_tables([_table([True, False, True]), _table([True, True, False])[::-1]])
    assert units.images.tolist() == ["a.png", "a.png", "b.png"]
    assert units.findings.tolist() == ["Mass", "Nodule", "Mass"]
    assert units.patients.tolist() == ["1", "1", "2"]
    assert units.hits.tolist() == [[1, 0], [0, 1], [1, 1]]


def test_unit_tables_that_differ_or_repeat_are_refused() -> None:
    table = _table([True, False, True])
    with pytest.raises(ValueError, match="at least one seed"):
        from_unit_tables([])
    with pytest.raises(ValueError, match="same units"):
        from_unit_tables([table, table[:2]])
    with pytest.raises(ValueError, match="twice"):
        from_unit_tables([pd.concat([table, table[:1]])])
