"""Every metric of the table keeps the contract of `bench.metrics.measure`, and faults of one are found."""

from dataclasses import replace

import numpy as np
import pytest

from bench.metrics.conformance import CHECKS, FINDINGS, SIDE_PX, Candidate, candidate_of
from bench.metrics.measure import MeanMeasure, measured
from bench.suite.conformance import examined, name_of
from bench.suite.metrics import METRICS, PRIMARY


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
@pytest.mark.parametrize("name", METRICS)
def test_metric(name, check):
    assert check(candidate_of(name)) is None


def test_tables_lead_with_a_metric_of_the_table():
    assert PRIMARY in METRICS.values()
    assert [METRICS[name].name for name in METRICS] == list(METRICS)


_OF_THE_REGION_ITSELF = {
    "max_box_acc_v2": 2 / 3,  # two boxes of 12 px overlap; the one around both has 20
    "box_miou": 12 / 20,
    "touching_area": 1 / SIDE_PX**2,
    "covering_area": 18 / SIDE_PX**2,
}
"""Values of a map that is its region, where they are not the best of the range."""


@pytest.mark.parametrize("name", METRICS)
def test_ends_of_the_range_are_reached(name):
    of = candidate_of(name)
    best, worst = (of.metric.high, of.metric.low)[:: of.metric.sign]
    assert of.value(of.units("best")) == pytest.approx(_OF_THE_REGION_ITSELF.get(name, best))
    of_worst = of.value(of.units("worst"))
    assert abs(of_worst - worst) <= abs(of_worst - best)


def test_units_of_findings_that_nobody_knows_are_refused():
    of = candidate_of(PRIMARY.name)
    assert measured(of.measure, of.units().head(0), FINDINGS) == {}
    with pytest.raises(ValueError, match="unknown findings"):
        measured(of.measure, of.units(), ("A",))


class Good(MeanMeasure):
    columns = ("inside",)
    is_hit = False

    def of_maps(self, maps):
        highest = (maps.values * maps.regions.rasterise()).max(axis=(1, 2))
        share = (highest / maps.values.max(axis=(1, 2)).clip(1e-12)).clip(0, 1)
        return {"inside": np.where(maps.peaks["finite"], share, 0)}


class OtherColumn(Good):
    def of_maps(self, maps):
        return {"outside": super().of_maps(maps)["inside"]}


class NotFinite(Good):
    def of_maps(self, maps):
        return {"inside": np.where(maps.peaks["finite"], super().of_maps(maps)["inside"], np.nan)}


class Hit(Good):
    is_hit = True


class Upside(Good):
    def of_maps(self, maps):
        return {"inside": 1 - super().of_maps(maps)["inside"]}


class Beyond(Good):
    def of_maps(self, maps):
        return {"inside": 2 * super().of_maps(maps)["inside"]}


class Total(Good):
    def reduce(self, statistics, weights):
        return weights @ statistics[:, 0]


class First(Good):
    def reduce(self, statistics, weights):
        return np.where(weights.sum(axis=1) > 0, statistics[0, 0], np.nan)


class Forgiving(Good):
    def of_maps(self, maps):
        return {"inside": np.where(maps.peaks["finite"], super().of_maps(maps)["inside"], 1)}


class Shared(Good):
    def of_maps(self, maps):
        found = super().of_maps(maps)["inside"]
        return {"inside": found * maps.peaks["finite"].mean()}


def test_a_sound_metric_passes():
    assert {problem for _, problem in _examined(Good())} == {None}


def _examined(measure):
    metric = replace(METRICS["energy"], name="inside")
    return list(examined(CHECKS, Candidate(metric, measure), __name__))


@pytest.mark.parametrize(
    ("faulty", "check"),
    [
        (OtherColumn, "maps give the columns that are declared"),
        (NotFinite, "map that is not finite counts as the worst"),
        (Hit, "statistic is a finite vector of each unit"),
        (Upside, "better units have better values within the range"),
        (Beyond, "better units have better values within the range"),
        (Total, "weight is as many units"),
        (First, "order of units does not matter"),
        (Forgiving, "map that is not finite counts as the worst"),
        (Shared, "maps of a batch do not depend on each other"),
    ],
)
def test_faults_are_found(faulty, check):
    assert dict(_examined(faulty()))[check] is not None
