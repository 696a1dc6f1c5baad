"""Controls: accuracy without looking at the image."""

import numpy as np
import pandas as pd
import pytest
from extracts import NIH_EXTRACT
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.metrics.controls import DEALS, control_hits
from bench.metrics.folds import NUM_DEALS, NUM_FOLDS, folds_of
from bench.metrics.measure import measured
from bench.metrics.point_accuracy import MEASURE

FINDINGS = (
    *("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration"),
    *("Mass", "Nodule", "Pneumonia", "Pneumothorax"),
)
COLUMNS = ["image_index", "class_index", "x", "y", "w", "h"]


def _hits(rows: list[tuple[float, ...]], patients: list[str], size_px: int) -> pd.DataFrame:
    boxes = pd.DataFrame(rows, columns=COLUMNS).astype({"image_index": int, "class_index": int})
    return control_hits(boxes, pd.Series(patients), size_px)


def test_random_is_the_share_of_pixels_in_the_boxes() -> None:
    hits = _hits([(0, 0, 0, 0, 4, 1), (1, 0, 7.5, 7.5, 9, 9)], ["a", "b"], 10)
    assert hits["random"].tolist() == pytest.approx([10 / 100, 4 / 100])


def test_random_counts_overlapping_boxes_of_a_unit_once() -> None:
    hits = _hits([(0, 0, 0, 0, 4, 4), (0, 0, 2, 2, 4, 4)], ["a"], 10)
    assert len(hits) == 1
    assert hits["random"].tolist() == pytest.approx([(25 + 25 - 9) / 100])


def test_centre_is_between_the_middle_pixels() -> None:
    # The middle of 10 pixels is 4.5.
    hits = _hits([(0, 0, 4, 4, 1, 1), (1, 0, 5, 4, 1, 1), (2, 0, 4.5, 4.5, 0, 0)], ["a", "b", "c"], 10)
    assert hits["centre"].tolist() == [1.0, 0.0, 1.0]


def test_any_box_of_a_unit_can_be_hit() -> None:
    hits = _hits([(0, 0, 0, 0, 1, 1), (0, 0, 4, 4, 2, 2)], ["a"], 10)
    assert hits["centre"].tolist() == [1.0]


def test_constant_point_comes_from_other_patients() -> None:
    apart = _hits([(0, 0, 0, 0, 2, 2), (1, 0, 6, 6, 2, 2)], ["a", "b"], 10)
    assert apart["constant"].tolist() == [0.0, 0.0]
    together = _hits([(0, 0, 0, 0, 2, 2), (1, 0, 0, 0, 2, 2)], ["a", "b"], 10)
    assert together["constant"].tolist() == [1.0, 1.0]


def test_a_patients_many_images_do_not_help_each_other() -> None:
    rows = [(image, 0, 0, 0, 2, 2) for image in range(5)] + [(5, 0, 6, 6, 2, 2)]
    hits = _hits(rows, ["a"] * 5 + ["b"], 10)
    assert hits["constant"].tolist() == [0.0] * 6


def test_constant_point_is_fitted_for_each_finding_alone() -> None:
    rows = [(0, 0, 0, 0, 2, 2), (1, 0, 0, 0, 2, 2), (0, 1, 6, 6, 2, 2), (1, 1, 6, 6, 2, 2)]
    assert _hits(rows, ["a", "b"], 10)["constant"].tolist() == [1.0] * 4


def test_without_other_patients_the_constant_point_is_the_centre() -> None:
    rows = [(0, 0, 4, 4, 1, 1), (1, 0, 0, 0, 1, 1)]
    assert _hits(rows, ["a", "a"], 10)["constant"].tolist() == [1.0, 0.0]


def test_there_is_one_row_per_unit() -> None:
    rows = [(3, 1, 0, 0, 2, 2), (3, 1, 5, 5, 2, 2), (3, 0, 0, 0, 2, 2), (1, 1, 0, 0, 2, 2)]
    boxes = pd.DataFrame(rows, columns=COLUMNS)
    hits = control_hits(boxes, pd.Series({1: "a", 3: "b"}), 10)
    assert sorted(zip(hits["image_index"], hits["class_index"], strict=True)) == [(1, 1), (3, 0), (3, 1)]


_CORNER, _SIDE = st.integers(-1, 8), st.integers(0, 6)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 1), _CORNER, _CORNER, _SIDE, _SIDE),
        min_size=1,
        max_size=8,
    )
)
def test_controls_agree_with_loops_over_pixels(rows: list[tuple[int, ...]]) -> None:
    patients = ["p", "q", "p", "r"]  # three patients: each is a fold of its own in every deal
    hits = _hits(rows, patients, 9)
    found = {
        (unit.image_index, unit.class_index): (unit.random, unit.centre, unit.constant)
        for unit in hits.itertuples()
    }
    reference = _reference_controls(rows, patients, 9)
    assert found.keys() == reference.keys()
    for key, values in reference.items():
        assert found[key] == pytest.approx(values)


def _reference_controls(
    rows: list[tuple[int, ...]], patients: list[str], size_px: int
) -> dict[tuple[int, int], tuple[float, float, float]]:
    pixels = [(row, column) for row in range(size_px) for column in range(size_px)]

    def is_hit(unit: tuple[int, int], point: tuple[float, float]) -> bool:
        return any(
            x <= point[1] <= x + w and y <= point[0] <= y + h
            for image, finding, x, y, w, h in rows
            if (image, finding) == unit
        )

    found = {}
    for unit in {row[:2] for row in rows}:
        others = {row[:2] for row in rows if row[1] == unit[1] and patients[row[0]] != patients[unit[0]]}
        middle = ((size_px - 1) / 2, (size_px - 1) / 2)
        point = middle
        if others:
            depth = {pixel: sum(is_hit(other, pixel) for other in others) for pixel in pixels}
            deepest = [pixel for pixel in pixels if depth[pixel] == max(depth.values())]
            mean = [sum(axis) / len(deepest) for axis in zip(*deepest, strict=True)]
            point = min(deepest, key=lambda p: (p[0] - mean[0]) ** 2 + (p[1] - mean[1]) ** 2)
        share = sum(is_hit(unit, pixel) for pixel in pixels) / size_px**2
        found[unit] = (share, float(is_hit(unit, middle)), float(is_hit(unit, point)))
    return found


def test_a_unit_that_some_deals_leave_without_its_like_counts_by_their_share() -> None:
    """Of ten patients only a and b have boxes in one place, a two: b is hit unless a shares its fold."""
    patients = list("abcdefghijj")
    rows = [(0, 0, 0, 0, 2, 2), (10, 0, 0, 0, 2, 2), (1, 0, 0, 0, 2, 2)]
    rows += [(image, 0, 4 + 3 * image, 20, 1, 1) for image in range(2, 10)]
    patients[10] = "a"
    hits = _hits(rows, patients, 40)
    apart = [bool(deal[0] != deal[1]) for deal in folds_of(list("abcdefghij"))]
    assert 0 < sum(apart) < NUM_DEALS
    of_b = hits[hits["image_index"] == 1]
    assert of_b[list(DEALS)].to_numpy().tolist() == [[float(one) for one in apart]]
    assert of_b["constant"].item() == pytest.approx(sum(apart) / NUM_DEALS)


def test_deals_differ_and_each_has_even_folds() -> None:
    patients = [f"p{number:02d}" for number in range(23)]
    folds = folds_of(patients)
    assert len({tuple(deal) for deal in folds}) == NUM_DEALS
    for deal in folds:
        assert set(np.bincount(deal, minlength=NUM_FOLDS)) == {4, 5}
    assert (folds_of(patients[::-1]) == folds[:, ::-1]).all()  # they go by the names of patients
    assert (folds_of(patients * 2) == np.tile(folds, 2)).all()


def test_each_deal_agrees_with_loops_over_pixels() -> None:
    random = np.random.default_rng(4)
    patients = [f"p{image % 12:02d}" for image in range(20)]
    rows = [(i, f, *map(int, random.integers(0, 9, 4))) for i in range(20) for f in (0, 1) if (i + f) % 3]
    hits = _hits(rows, patients, 12)
    names = sorted(set(patients))
    for column, folds in zip(DEALS[:4], folds_of(names), strict=False):
        fold_of = dict(zip(names, folds.tolist(), strict=True))
        reference = _reference_controls(rows, [str(fold_of[patient]) for patient in patients], 12)
        for unit in hits.itertuples():
            assert getattr(unit, column) == reference[(unit.image_index, unit.class_index)][2]
    pd.testing.assert_series_equal(hits["constant"], hits[list(DEALS)].mean(axis=1), check_names=False)


@pytest.fixture(scope="module")
def official_boxes() -> pd.DataFrame:
    table = pd.read_csv(NIH_EXTRACT / "BBox_List_2017.csv", usecols=range(6))
    table.columns = ["image", "finding", "x", "y", "w", "h"]
    table["finding"] = table["finding"].replace("Infiltrate", "Infiltration")
    table[["x", "y", "w", "h"]] /= 4  # 1024 px to 256 px
    table["image_index"] = table["image"].astype("category").cat.codes.astype(int)
    table["class_index"] = table["finding"].map(FINDINGS.index)
    return table


@pytest.fixture(scope="module")
def official_hits(official_boxes: pd.DataFrame) -> pd.DataFrame:
    images = official_boxes.drop_duplicates("image_index").set_index("image_index")["image"]
    assert len(images) == 880
    hits = control_hits(official_boxes[COLUMNS], images.str[:8], 256)
    return hits.assign(finding=hits["class_index"].map(dict(enumerate(FINDINGS))))


def test_controls_on_the_official_boxes(official_hits: pd.DataFrame) -> None:
    assert len(official_hits) == 984
    accuracies = {
        control: measured(MEASURE, official_hits.assign(hit=official_hits[control]), FINDINGS)
        for control in ("random", "centre", "constant")
    }
    assert accuracies["random"]["weighted"] == pytest.approx(0.075, abs=0.002)
    assert accuracies["centre"]["weighted"] == pytest.approx(0.215, abs=0.002)
    assert 0.375 <= accuracies["constant"]["weighted"] <= 0.395
    assert accuracies["constant"]["Cardiomegaly"] > 0.95


def test_a_uniform_point_hits_by_the_boxes_areas(
    official_boxes: pd.DataFrame, official_hits: pd.DataFrame
) -> None:
    areas = (official_boxes["w"] * official_boxes["h"] / 256**2).groupby(official_boxes["finding"]).mean()
    expected = (0.032, 0.176, 0.069, 0.097, 0.042, 0.005, 0.094, 0.052)
    assert [round(float(areas[name]), 3) for name in FINDINGS] == list(expected)
    by_finding = official_hits.groupby("class_index")["random"].mean().to_numpy()
    np.testing.assert_allclose(by_finding, expected, atol=0.004)  # edges are included
