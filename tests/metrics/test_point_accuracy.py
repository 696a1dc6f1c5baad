"""Point localization accuracy: hits of maps, and what is made of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.metrics.measure import UnitMaps, measured
from bench.metrics.point_accuracy import MEASURE
from bench.metrics.protocol import THESIS
from bench.metrics.regions import regions_of

FINDINGS = ("Mass", "Nodule", "Effusion")


def point_accuracy(units: pd.DataFrame, findings: tuple[str, ...]) -> dict[str, float]:
    return measured(MEASURE, units, findings)


def _units(*rows: tuple[str, bool]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["finding", "hit"])


def test_weighted_is_over_units_and_macro_over_findings() -> None:
    units = _units(("Mass", True), ("Mass", True), ("Mass", False), ("Nodule", False), ("Effusion", True))
    accuracies = point_accuracy(units, FINDINGS)
    assert accuracies["Mass"] == pytest.approx(2 / 3)
    assert accuracies["Nodule"] == 0.0
    assert accuracies["Effusion"] == 1.0
    assert accuracies["weighted"] == pytest.approx(3 / 5)
    assert accuracies["macro"] == pytest.approx((2 / 3 + 0 + 1) / 3)


def test_averages_come_first_then_findings_in_the_given_order() -> None:
    units = _units(("Effusion", True), ("Mass", False))
    assert list(point_accuracy(units, FINDINGS)) == ["weighted", "macro", "Mass", "Effusion"]


def test_findings_without_units_are_left_out_of_the_mean() -> None:
    accuracies = point_accuracy(_units(("Nodule", True), ("Nodule", False)), FINDINGS)
    assert accuracies == {"weighted": 0.5, "macro": 0.5, "Nodule": 0.5}


def test_no_units_give_no_accuracy() -> None:
    assert point_accuracy(_units(), FINDINGS) == {}


@pytest.mark.parametrize("hit", [True, False])
def test_one_unit_is_all_or_nothing(hit: bool) -> None:
    assert set(point_accuracy(_units(("Mass", hit)), FINDINGS).values()) == {float(hit)}


def test_categories_without_units_do_not_matter() -> None:
    units = _units(("Mass", True))
    units["finding"] = units["finding"].astype(pd.CategoricalDtype([*FINDINGS, "Hernia"]))
    assert point_accuracy(units, FINDINGS) == {"weighted": 1.0, "macro": 1.0, "Mass": 1.0}


def test_hits_may_be_expected_values() -> None:
    units = pd.DataFrame({"finding": ["Mass", "Mass"], "hit": [0.25, 0.5]})
    assert point_accuracy(units, FINDINGS)["weighted"] == pytest.approx(0.375)


@settings(max_examples=80)
@given(st.lists(st.tuples(st.sampled_from(FINDINGS), st.booleans()), min_size=1, max_size=30))
def test_accuracy_agrees_with_counting(rows: list[tuple[str, bool]]) -> None:
    assert point_accuracy(_units(*rows), FINDINGS) == pytest.approx(_reference_accuracy(rows))


def _reference_accuracy(rows: list[tuple[str, bool]]) -> dict[str, float]:
    counts: dict[str, list[int]] = {}
    for finding, hit in rows:
        hits_and_units = counts.setdefault(finding, [0, 0])
        hits_and_units[0] += hit
        hits_and_units[1] += 1
    found = {name: hits / units for name, (hits, units) in counts.items()}
    total = sum(hits for hits, _ in counts.values()) / sum(units for _, units in counts.values())
    return {"weighted": total, "macro": sum(found.values()) / len(found), **found}


def _hits(ties: str) -> list[float]:
    """Of three maps of 4 × 4, whose box holds the pixels (0, 0) and (0, 1), by a rule for ties."""
    values = np.zeros((3, 4, 4), np.float32)
    values[0, 0, 1] = values[0, 3, 3] = values[0, 3, 2] = values[0, 2, 2] = 0.5  # a quarter of the ties is in
    values[1, 3, 3] = 0.5
    values[2] = np.nan
    peaks = {
        "peak_row": np.array([0, 3, -1]),
        "peak_column": np.array([1, 3, -1]),
        "score": np.array([0.5, 0.5, np.nan], np.float32),
        "num_ties": np.array([4, 1, 0]),
        "finite": np.array([True, True, False]),
    }
    boxes = pd.DataFrame(
        [(i, 0, -5, -5, 6, 5) for i in range(3)], columns=["image_index", "class_index", *"xywh"]
    )
    protocol = replace(THESIS, ties=ties)
    regions = regions_of(boxes, 4, protocol=protocol)
    return MEASURE.of_maps(UnitMaps(values, peaks, regions, protocol))["hit"].tolist()


def test_a_hit_is_a_peak_in_the_region_and_a_map_that_is_not_finite_hits_nothing() -> None:
    assert _hits("first") == [True, False, False]
    assert _hits("any") == [True, False, False]
    assert _hits("fraction") == [0.25, 0.0, 0.0]
