"""FROC: by hand, against a walk over thresholds, and on what is left out or not finite."""

import numpy as np
import pandas as pd
import pytest

from bench.metrics.froc import MEASURE, RATES
from bench.results.units import MAXIMUM_LOGITS


def image(*marks: float, label: int = 0, inside: float = np.nan, boxed: bool = False, finite: bool = True):
    """Returns a row of the table of maxima; logits of marks from the highest down."""
    logits = np.full(len(MAXIMUM_LOGITS), np.nan)
    logits[: len(marks)] = sorted(marks, reverse=True)
    own = {"finding": "A", "label": label, "boxed": boxed, "finite": finite, "inside": inside}
    return own | dict(zip(MAXIMUM_LOGITS, logits, strict=True))


def unit(inside: float = np.nan, *others: float, finite: bool = True):
    marks = [mark for mark in (inside, *others) if not np.isnan(mark)]
    return image(*marks, label=1, inside=inside, boxed=True, finite=finite)


def value(rows: list[dict], weights=None) -> float:
    statistics = MEASURE.statistic(pd.DataFrame(rows))
    return MEASURE.reduce(statistics, np.ones((1, len(rows))) if weights is None else weights[None]).item()


def walked(rows: list[dict], weights: np.ndarray) -> float:
    """Returns the number by walking down the thresholds, one curve point each, and reading off the rates."""
    units = [(w, r["inside"]) for w, r in zip(weights, rows, strict=True) if r["boxed"]]
    others = [
        (w, [r[name] for name in MAXIMUM_LOGITS if not np.isnan(r[name])])
        for w, r in zip(weights, rows, strict=True)
        if not r["boxed"] and r["label"] == 0
    ]
    num_units, num_images = sum(w for w, _ in units), sum(w for w, _ in others)
    levels = {mark for _, mark in units if not np.isnan(mark)} | {m for _, marks in others for m in marks}
    curve = [(0.0, 0.0)]
    for level in sorted(levels, reverse=True):
        false = sum(w * sum(mark >= level for mark in marks) for w, marks in others) / num_images
        curve.append((false, sum(w for w, mark in units if mark >= level) / num_units))
    found = []
    for rate in RATES:
        before = max(i for i, (false, _) in enumerate(curve) if false <= rate)
        sensitivity = curve[before][1]
        if before + 1 < len(curve):
            (x, y), (x1, y1) = curve[before : before + 2]
            sensitivity = y + (y1 - y) * (rate - x) / (x1 - x)
        found.append(sensitivity)
    return float(np.mean(found))


def test_units_are_found_at_the_rates_that_their_false_positives_allow():
    """Of four images without the finding: 0, 1, 2 and 9 marks in all are above the units' marks."""
    without = [image(5, 3, 1, 1, 1, 1, 1, 1, 1), image(), image(), image()]
    marks = {
        6: 7,
        4: 6,
        2: 5,
        0: 2,
    }  # none, 1/4, 1/2 and 9/4 per image: so many of the seven rates are enough
    for mark, num_rates in marks.items():
        assert value([unit(mark), *without]) == pytest.approx(num_rates / 7)
    assert value([*map(unit, marks), *without]) == pytest.approx(sum(marks.values()) / 4 / 7)


def test_a_unit_without_a_mark_in_its_region_is_never_found():
    assert value([unit(), image()]) == 0
    assert value([unit(), unit(1), image()]) == pytest.approx(0.5)


def test_marks_beside_the_region_are_neither_found_nor_false():
    assert value([unit(1, 9, 8, 7), unit(2), image(1.5)]) == value([unit(1), unit(2), image(1.5)])


def test_a_tie_with_false_positives_counts_in_part():
    """All eight marks of the one image tie with the unit: the curve is straight from (0, 0) to (8, 1)."""
    assert value([unit(1), image(*[1] * 8)]) == pytest.approx(np.mean(np.array(RATES) / 8))


def test_images_with_the_label_but_no_box_are_left_out():
    rows = [unit(1), image(3, 2), image(0)]
    assert value([*rows, image(9, 9, 9, label=1)]) == value(rows)
    notes = MEASURE.notes(pd.DataFrame([*rows, image(9, label=1)]), ("A",))
    assert len(notes) == 1
    assert notes[0].startswith("1 ")


def test_a_box_makes_a_unit_whatever_the_label():
    assert value([unit(1) | {"label": 0}, image(0)]) == 1


def test_maps_that_are_not_finite_are_worst():
    sound = [unit(1), unit(2), *[image(0) for _ in range(15)]]
    assert value(sound) == 1
    assert value([unit(finite=False), *sound[1:]]) == 0.5
    # 16 marks above all others, in 16 images: 1 per image, which three of the seven rates do not allow
    assert value([*sound, image(finite=False)]) == pytest.approx(4 / 7)
    assert "not finite" in MEASURE.notes(pd.DataFrame([*sound, image(finite=False)]), ("A",))[0]


@pytest.mark.parametrize("rows", [[unit(1)], [image(1)], [image(1, label=1), unit(1)]])
def test_undefined_without_units_or_without_images_that_lack_the_finding(rows):
    assert np.isnan(value(rows))


def drawn(random: np.random.Generator, *, has_ties: bool) -> list[dict]:
    def marks(mean: float) -> list[float]:
        found = random.normal(mean, 2, random.integers(0, 17))
        return [float(mark) for mark in (found.round() if has_ties else found)]

    def a_unit() -> dict:
        own = marks(1)
        return unit(*own) if own else unit()

    units = [a_unit() for _ in range(random.integers(1, 15))]
    without = [image(*marks(-1)) for _ in range(random.integers(1, 40))]
    left_out = [image(*marks(1), label=1) for _ in range(3)]
    rows = [*units, *without, *left_out]
    random.shuffle(rows)
    return rows


@pytest.mark.parametrize("has_ties", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_it_is_what_walking_down_the_thresholds_gives(seed, has_ties):
    random = np.random.default_rng(seed)
    rows = drawn(random, has_ties=has_ties)
    assert value(rows) == pytest.approx(walked(rows, np.ones(len(rows))), abs=1e-9)
    weights = random.uniform(0.1, 3, len(rows))
    assert value(rows, weights) == pytest.approx(walked(rows, weights), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_resampled_patients_give_what_their_repeated_rows_give(seed):
    random = np.random.default_rng(seed)
    rows = drawn(random, has_ties=True)
    groups = random.integers(0, 6, len(rows))
    times = random.integers(0, 3, (8, 6))
    found = MEASURE.resample(MEASURE.statistic(pd.DataFrame(rows)), groups, times.astype(float))
    for own, number in zip(times, found, strict=True):
        repeated = [row for row, group in zip(rows, groups, strict=True) for _ in range(own[group])]
        expected = value(repeated) if repeated else np.nan
        assert number == pytest.approx(expected, abs=1e-12, nan_ok=True)
