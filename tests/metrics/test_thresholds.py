"""Where a threshold is from, and what metrics at one give: by hand, and against loops."""

import numpy as np
import pandas as pd
import pytest

from bench.metrics.folds import NUM_DEALS, NUM_FOLDS, folds_of
from bench.metrics.levels import A_PRIORI, NUM_LEVELS
from bench.metrics.max_box_acc import MEASURE as MAX_BOX_ACC
from bench.metrics.max_box_acc_v2 import MEASURE as MAX_BOX_ACC_V2
from bench.metrics.miou import MEASURE as MIOU
from bench.metrics.thresholds import SweptMeasure


def units_with(box_iou: np.ndarray, patients: list[str], findings: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"patient": patients, "finding": findings, "box_iou": list(box_iou)})


def one_at(places: list[list[int]]) -> np.ndarray:
    """Returns IoU [n, thresholds] that is 1 at the places of each unit and 0 elsewhere."""
    found = np.zeros((len(places), NUM_LEVELS), np.float32)
    for own, at in zip(found, places, strict=True):
        own[at] = 1
    return found


def test_origins_by_hand() -> None:
    """Patient a's two units fit at 20, those of b and c at 60: each finding has one of a's and one other."""
    table = units_with(one_at([[20], [20], [60], [60], [60]]), list("aabbc"), list("ABABB"))
    assert MAX_BOX_ACC.at(table, "a_priori")[:, 0].tolist() == [0, 0, 0, 0, 0]
    assert MAX_BOX_ACC.at(table, "oracle")[:, 0].tolist() == [0, 0, 1, 1, 1]
    # of finding A each place fits one unit: the first one counts
    assert MAX_BOX_ACC.at(table, "oracle_per_finding")[:, 0].tolist() == [1, 0, 0, 1, 1]


def test_nobody_else_has_chosen_where_there_is_one_patient() -> None:
    table = units_with(one_at([[A_PRIORI], [20]]), ["a", "a"], ["A", "B"])
    assert MAX_BOX_ACC.at(table, "cross_fitted")[:, 0].tolist() == [1, 0]


def test_a_patient_never_chooses_a_threshold_for_itself() -> None:
    """Each patient fits at a place of its own: what others choose never fits."""
    patients = [f"p{i}" for i in range(12)]
    table = units_with(one_at([[5 * i] for i in range(12)]), patients, ["A"] * 12)
    assert MAX_BOX_ACC.statistic(table).sum() == 0
    assert MAX_BOX_ACC.at(table, "oracle").sum() == 1


@pytest.mark.parametrize("measure", [MAX_BOX_ACC, MAX_BOX_ACC_V2, MIOU], ids=["box", "v2", "miou"])
def test_cross_fitting_agrees_with_loops(measure: SweptMeasure) -> None:
    random = np.random.default_rng(3)
    patients = [f"p{number:02d}" for number in random.integers(0, 14, 40)]
    table = units_with(random.random((40, NUM_LEVELS)).astype(np.float32), patients, ["A"] * 40)
    above = np.sort(random.integers(1, 400, (40, NUM_LEVELS)), axis=1)[:, ::-1]
    both = np.minimum(above, random.integers(0, 60, (40, NUM_LEVELS)))
    table = table.assign(num_region=60, num_above=list(above), num_both=list(both))
    values = measure.swept(table)
    expected = np.zeros(len(table))
    for folds in folds_of(patients):
        for unit in range(len(table)):
            others = [other for other in range(len(table)) if folds[other] != folds[unit]]
            for criterion in range(values.shape[1]):
                means = [round(sum(values[o, criterion, t] for o in others), 9) for t in range(NUM_LEVELS)]
                expected[unit] += values[unit, criterion, means.index(max(means))]
    expected /= NUM_DEALS * values.shape[1]
    assert measure.statistic(table)[:, 0] == pytest.approx(expected, abs=1e-12)
    assert NUM_FOLDS == 5


def test_an_oracle_is_never_below_what_others_choose() -> None:
    """On noise, where no threshold is better than another, all of the difference is from looking."""
    random = np.random.default_rng(0)
    gains = []
    for _ in range(20):
        table = units_with(
            random.random((60, NUM_LEVELS)).astype(np.float32),
            [f"p{i // 2}" for i in range(60)],
            list("ABC") * 20,
        )
        by_origin = {
            origin: MAX_BOX_ACC.at(table, origin).mean()
            for origin in ("cross_fitted", "oracle", "oracle_per_finding")
        }
        assert by_origin["cross_fitted"] < by_origin["oracle"] < by_origin["oracle_per_finding"]
        gains.append(by_origin["cross_fitted"])
    assert np.mean(gains) == pytest.approx(0.5, abs=0.03)  # chance
