"""Claims judged by two readings of the same images: each by its own units and their patients."""

import numpy as np
import pandas as pd
import pytest

from bench.reporting.verdicts import judge
from bench.reporting.verdicts_by_reading import Reading, ReadResults, judge_by_readings
from bench.results.grid_results import Results
from bench.results.units import BOX_COLUMNS, write_table
from bench.statistics.spread import SEEDS_AND_PATIENTS
from bench.suite.metrics import IOBB_ACCURACY, POINT_ACCURACY

SUITE = """\
models: [pylon, baseline]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1, 2]
claims:
  - {superior: PYLON, to: Baseline}
  - {superior: PYLON, to: Baseline, metric: auroc, column: macro}
  - {equivalent: [PYLON, Baseline], metric: iobb_accuracy, margin: 0.2}
"""
NUM_UNITS = 120
BOXES = pd.DataFrame(
    [(f"{n // 2}.png", ("Mass", "Nodule")[n % 2], n * 7 % 61, n * 11 % 61, 2, 2) for n in range(NUM_UNITS)],
    columns=list(BOX_COLUMNS),
)


def units(hits: np.ndarray) -> pd.DataFrame:
    """A unit of each of 60 patients and two findings; IoBB is the same for all of them."""
    names = np.arange(NUM_UNITS) // 2
    table = pd.DataFrame({"image": [f"{n}.png" for n in names], "patient": names.astype(str)})
    table = table.assign(finding=["Mass", "Nodule"] * (NUM_UNITS // 2), hit=hits, iobb=0.25, iou=0.1)
    return table.assign(peak_row=1, peak_column=1, score=0.5, num_ties=1, finite=True)


def reading(loaded, shares: dict[str, float], num_units: int = NUM_UNITS) -> Reading:
    """Each row hits this share of the units, others for each seed."""
    found = {}
    for point in loaded.grid.points:
        random = np.random.default_rng(point.trial.seed)
        found[point.key] = units(random.random(NUM_UNITS) < shares[point.label]).head(num_units)
    return Reading(found, dict.fromkeys((trial for trial, _ in found), BOXES))


@pytest.fixture
def results(example):
    loaded = example.load(SUITE)
    recorded = reading(loaded, {"PYLON": 0.5, "Baseline": 0.5})
    for point in loaded.grid.points:
        own = recorded.units[point.key]
        example.finish(point, {"point_accuracy/weighted": own["hit"].mean(), "auroc/macro": 0.5})
        write_table(example.store.folder(point.trial.id).cam_units("native"), own, tuple(own.columns))
        write_table(example.store.folder(point.trial.id).boxes, BOXES, BOX_COLUMNS)
    return loaded, Results(loaded.grid, example.store)


def test_a_verdict_may_change_sides_with_the_reading(results):
    loaded, found = results
    own = reading(loaded, {"PYLON": 0.8, "Baseline": 0.4}, 100)
    other = reading(loaded, {"PYLON": 0.3, "Baseline": 0.7}, 100)
    point, overlap = judge_by_readings(loaded.claims, found, own, other)
    assert (point.own.verdict, point.other.verdict) == ("supported", "refuted")
    for verdict, readings in ((point.own, own), (point.other, other)):
        evidence = verdict.comparisons[0].evidence
        means = {
            label: np.mean(
                [readings.units[p.key]["hit"].mean() for p in loaded.grid.points if p.label == label]
            )
            for label in ("PYLON", "Baseline")
        }
        assert evidence.effect == pytest.approx(means["PYLON"] - means["Baseline"])
        assert (evidence.population, evidence.num_seeds) == (SEEDS_AND_PATIENTS, 3)
    assert overlap.own.stated.claim.metric == "iobb_accuracy"
    assert overlap.own.comparisons[0].evidence.effect == 0


def test_the_recorded_units_as_a_reading_give_the_verdicts_of_the_suite(results):
    loaded, found = results
    recorded = reading(loaded, {"PYLON": 0.5, "Baseline": 0.5})
    both, _ = judge_by_readings(loaded.claims, found, recorded, recorded)
    point, *_ = judge(loaded.claims, found)
    assert both.own.comparisons[0].evidence == both.other.comparisons[0].evidence
    assert both.own.comparisons[0].evidence == point.comparisons[0].evidence


def test_a_trial_that_a_reading_lacks_has_no_value_of_maps(results):
    loaded, found = results
    own = reading(loaded, {"PYLON": 0.8, "Baseline": 0.4})
    lost = loaded.grid.points[0]
    del own.units[lost.key]
    read = ReadResults(found, own, [POINT_ACCURACY, IOBB_ACCURACY])
    assert dict(read.metrics(lost)) == {"auroc/macro": 0.5}
    assert not read.has_units(lost, POINT_ACCURACY)
    kept = loaded.grid.points[1]
    assert {key.partition("/")[0] for key in read.metrics(kept)} == {
        "auroc",
        POINT_ACCURACY.name,
        IOBB_ACCURACY.name,
    }
    assert read.boxes_of(kept.trial.id) is BOXES
    point, _ = judge_by_readings(loaded.claims, found, own, own)
    assert point.own.comparisons[0].evidence.num_seeds == 2
    assert lost.trial.id in point.own.missing
