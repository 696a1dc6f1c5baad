"""Controls: points and maps that do not look at the image."""

import numpy as np
import pandas as pd
import pytest
from extracts import NIH_EXTRACT
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.metrics.control_maps import SIGMA, gaussian, random_maps
from bench.metrics.controls import CONTROLS, control_statistics
from bench.metrics.folds import NUM_DEALS, NUM_FOLDS, folds_of
from bench.metrics.measure import measured
from bench.metrics.point_accuracy import MEASURE
from bench.suite.metrics import ENERGY, METRICS, MIOU, POINT_ACCURACY, RELEVANCE_RANK

FINDINGS = (
    *("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration"),
    *("Mass", "Nodule", "Pneumonia", "Pneumothorax"),
)
COLUMNS = ["image_index", "class_index", "x", "y", "w", "h"]


def _hits(rows: list[tuple[float, ...]], patients: list[str], size_px: int) -> pd.DataFrame:
    """Returns by unit the hit of each control."""
    return _values(rows, patients, size_px, POINT_ACCURACY)


def _values(rows: list[tuple[float, ...]], patients: list[str], size_px: int, metric) -> pd.DataFrame:
    """Returns by unit the value of each control by a metric that is a mean."""
    boxes = pd.DataFrame(rows, columns=COLUMNS).astype({"image_index": int, "class_index": int})
    units, found = control_statistics(boxes, pd.Series(patients), size_px, [metric])
    return units.assign(**{control: values[:, 0] for control, values in found[metric.name].items()})


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
    hits, found = control_statistics(boxes, pd.Series({1: "a", 3: "b"}), 10, [POINT_ACCURACY])
    assert {len(values) for values in found["point_accuracy"].values()} == {3}
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
    assert of_b["constant"].item() == pytest.approx(sum(apart) / NUM_DEALS)


def test_deals_differ_and_each_has_even_folds() -> None:
    patients = [f"p{number:02d}" for number in range(23)]
    folds = folds_of(patients)
    assert len({tuple(deal) for deal in folds}) == NUM_DEALS
    for deal in folds:
        assert set(np.bincount(deal, minlength=NUM_FOLDS)) == {4, 5}
    assert (folds_of(patients[::-1]) == folds[:, ::-1]).all()  # they go by the names of patients
    assert (folds_of(patients * 2) == np.tile(folds, 2)).all()


def test_the_mean_of_deals_agrees_with_loops_over_pixels() -> None:
    random = np.random.default_rng(4)
    patients = [f"p{image % 12:02d}" for image in range(20)]
    rows = [(i, f, *map(int, random.integers(0, 9, 4))) for i in range(20) for f in (0, 1) if (i + f) % 3]
    hits = _hits(rows, patients, 12)
    names = sorted(set(patients))
    found = dict.fromkeys(_reference_controls(rows, patients, 12), 0.0)
    for folds in folds_of(names):
        fold_of = dict(zip(names, folds.tolist(), strict=True))
        reference = _reference_controls(rows, [str(fold_of[patient]) for patient in patients], 12)
        found = {unit: found[unit] + reference[unit][2] / NUM_DEALS for unit in found}
    for unit in hits.itertuples():
        assert unit.constant == pytest.approx(found[unit.image_index, unit.class_index])


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
    units, found = control_statistics(official_boxes[COLUMNS], images.str[:8], 256, [POINT_ACCURACY])
    hits = {control: values[:, 0] for control, values in found["point_accuracy"].items()}
    return units.assign(finding=units["class_index"].map(dict(enumerate(FINDINGS))), **hits)


def test_controls_on_the_official_boxes(official_hits: pd.DataFrame) -> None:
    assert len(official_hits) == 984
    accuracies = {
        control: measured(MEASURE, official_hits.assign(hit=official_hits[control]), FINDINGS)
        for control in CONTROLS
    }
    assert accuracies["random"]["weighted"] == pytest.approx(0.075, abs=0.002)
    assert accuracies["centre"]["weighted"] == pytest.approx(0.215, abs=0.002)
    assert 0.375 <= accuracies["constant"]["weighted"] <= 0.395
    assert accuracies["constant"]["Cardiomegaly"] > 0.95
    assert accuracies["prior"]["weighted"] == pytest.approx(0.377, abs=0.01)


def test_a_uniform_point_hits_by_the_boxes_areas(
    official_boxes: pd.DataFrame, official_hits: pd.DataFrame
) -> None:
    areas = (official_boxes["w"] * official_boxes["h"] / 256**2).groupby(official_boxes["finding"]).mean()
    expected = (0.032, 0.176, 0.069, 0.097, 0.042, 0.005, 0.094, 0.052)
    assert [round(float(areas[name]), 3) for name in FINDINGS] == list(expected)
    by_finding = official_hits.groupby("class_index")["random"].mean().to_numpy()
    np.testing.assert_allclose(by_finding, expected, atol=0.004)  # edges are included


def test_the_prior_map_is_the_region_where_all_other_patients_share_it() -> None:
    rows = [(image, 0, 2, 2, 4, 3) for image in range(3)] + [(0, 1, 0, 0, 2, 2)]
    for metric in (ENERGY, RELEVANCE_RANK, MIOU):
        values = _values(rows, ["a", "b", "c"], 12, metric)
        assert values[values["class_index"] == 0]["prior"].tolist() == [1.0] * 3
    # Finding 1 has no other patient: the prior is the centre.
    for metric in (POINT_ACCURACY, ENERGY):
        alone = _values(rows, ["a", "b", "c"], 12, metric).query("class_index == 1")
        assert alone["prior"].tolist() == pytest.approx(alone["centre"].tolist())


def test_control_maps_agree_with_loops_over_units_and_deals() -> None:
    """Energy of each map, drawn anew for each unit and deal, each by its definition."""
    random = np.random.default_rng(8)
    patients = [f"p{image % 7}" for image in range(12)]
    rows = [(i, f, *map(int, random.integers(1, 8, 4))) for i in range(12) for f in (0, 1) if (i + f) % 3]
    values = _values(rows, patients, 16, ENERGY)
    folds = folds_of(sorted(set(patients)))
    for unit in values.itertuples():
        region = _raster(rows, (unit.image_index, unit.class_index), 16)
        assert unit.centre == pytest.approx(_energy(_density((7.5, 7.5), 16), region), rel=1e-4)
        expected = []
        for deal in folds:
            fold = dict(zip(sorted(set(patients)), deal.tolist(), strict=True))
            others = [
                _raster(rows, row[:2], 16)
                for row in rows
                if row[1] == unit.class_index and fold[patients[row[0]]] != fold[patients[unit.image_index]]
            ]
            expected.append(_energy(np.mean(others, axis=0), region))
        assert unit.prior == pytest.approx(np.mean(expected), rel=1e-4)


def _raster(rows: list[tuple[int, ...]], unit: tuple[int, int], size_px: int) -> np.ndarray:
    found = np.zeros((size_px, size_px))
    for image, finding, x, y, w, h in rows:
        if (image, finding) == unit:
            found[y : y + h, x : x + w] = 1
    return found


def _density(point: tuple[float, float], size_px: int) -> np.ndarray:
    rows, columns = np.mgrid[:size_px, :size_px]
    squares = (rows - point[0]) ** 2 + (columns - point[1]) ** 2
    return np.exp(-squares / (2 * (SIGMA * size_px) ** 2))


def _energy(values: np.ndarray, region: np.ndarray) -> float:
    above = values - values.min()
    return float((above * region).sum() / above.sum())


def test_a_density_is_highest_at_its_point_and_the_same_in_all_directions() -> None:
    values = gaussian((3.0, 5.0), 12)
    assert np.unravel_index(values.argmax(), values.shape) == (3, 5)
    assert values == pytest.approx(_density((3.0, 5.0), 12), abs=1e-6)


def test_random_maps_have_eight_cells_a_side_and_say_nothing_of_a_region() -> None:
    maps = random_maps(1000, 24)
    one = maps.draw(0)
    assert len(np.unique(one)) == 64
    assert (one.reshape(8, 3, 8, 3) == one[::3, ::3][:, None, :, None]).all()
    assert len(np.unique(maps.which)) == 100
    rows = [(image, 0, 4, 8, 6, 3) for image in range(300)]
    share = _values(rows, [str(image) for image in range(300)], 24, RELEVANCE_RANK)["random"].mean()
    assert share == pytest.approx(6 * 3 / 24**2, abs=0.02)


def test_every_metric_of_units_has_all_controls() -> None:
    rows = [(image, 0, 4 + image % 3, 8, 6, 3) for image in range(12)]
    metrics = [metric for metric in METRICS.values() if metric.has_controls]
    boxes = pd.DataFrame(rows, columns=COLUMNS)
    _, found = control_statistics(boxes, pd.Series([str(i) for i in range(12)]), 16, metrics)
    assert list(found) == [metric.name for metric in metrics]
    for of_controls in found.values():
        assert tuple(of_controls) == CONTROLS
        assert all(np.isfinite(values).all() and len(values) == 12 for values in of_controls.values())
