"""Every metric of the table keeps the contract of `bench.metrics.measure`."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from bench.metrics.iobb_accuracy import MEASURE as OVERLAP
from bench.metrics.measure import MapMeasure, MeanMeasure, UnitMaps, measure_of, measured
from bench.metrics.protocol import THESIS
from bench.metrics.regions import COLUMNS, regions_of
from bench.results.units import MAXIMUM_LOGITS, NUM_MAXIMA
from bench.suite.metrics import MACRO, METRICS, PRIMARY, WEIGHTED, Metric

SIDE_PX, NUM = 12, 40
FINDINGS = ("A", "B", "C")

metrics = pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
of_maps = pytest.mark.parametrize(
    "metric",
    [m for m in METRICS.values() if m.table == "units"],
    ids=[m for m in METRICS if METRICS[m].table == "units"],
)


def unit_maps(values: np.ndarray) -> UnitMaps:
    """Returns maps [n, rows, columns], each with a region of two boxes that overlap."""
    random = np.random.default_rng(7)
    corners = random.integers(0, 6, (len(values), 2))
    rows = [(i, 0, *corners[i] + shift, 4, 3) for i in range(len(values)) for shift in (0, 1)]
    regions = regions_of(pd.DataFrame(rows, columns=list(COLUMNS)), SIDE_PX)
    flat = values.reshape(len(values), -1)
    finite = np.isfinite(flat).all(axis=1)
    score = np.where(finite, flat.max(axis=1), np.nan).astype(np.float32)
    first = np.where(finite, (flat == score[:, None]).argmax(axis=1), -1)
    peaks = {
        "peak_row": np.where(finite, first // SIDE_PX, -1),
        "peak_column": np.where(finite, first % SIDE_PX, -1),
        "score": score,
        "num_ties": (flat == score[:, None]).sum(axis=1),
        "finite": finite,
    }
    values = np.where(finite[:, None, None], values, np.nan).astype(np.float32)
    return UnitMaps(values, peaks, regions, THESIS)


def of_values(measure: MapMeasure, values: np.ndarray) -> pd.DataFrame:
    maps = unit_maps(np.asarray(values, np.float32))
    columns = measure.of_maps(maps)
    assert set(columns) == set(measure.columns)
    assert all(len(column) == len(values) for column in columns.values())
    names = {"image": map(str, range(len(values))), "patient": [str(i // 2) for i in range(len(values))]}
    return pd.DataFrame({**names, **maps.peaks, **as_columns(columns)}).assign(finding=FINDINGS[0])


def as_columns(columns: Mapping[str, np.ndarray]) -> dict[str, object]:
    """Returns columns of a table, vectors as lists, as tables of units have them."""
    return {name: one if one.ndim == 1 else list(one) for name, one in columns.items()}


def regions(num: int) -> np.ndarray:
    return unit_maps(np.zeros((num, SIDE_PX, SIDE_PX))).regions.rasterise().astype(float)


def crossings(num: int) -> np.ndarray:
    """Returns where the two boxes of each region overlap: a peak there is in both."""
    regions = unit_maps(np.zeros((num, SIDE_PX, SIDE_PX))).regions
    sites, owner = regions.sites()
    covered = sites.rasterise()
    return np.stack([covered[owner == unit].all(axis=0) for unit in range(num)]).astype(float)


def units_of(metric: Metric, kind: str = "random") -> pd.DataFrame:
    """Returns NUM units, of each finding some: drawn at random, or those of what is best or worst."""
    random, measure = np.random.default_rng(3), measure_of(metric.name)
    findings = [FINDINGS[i % 3] for i in range(NUM)]
    if isinstance(measure, MapMeasure):
        region = regions(NUM)
        least, noise = (0.5, 1.5) if metric.best == "lowest" else (0.2, 0.1)  # nine of ten are to be of use
        share = least + (1 - least) * random.random((NUM, 1, 1))  # of what is bright within the region
        mixed = share * region + (1 - share) * (1 - region) + noise * random.random(region.shape)
        slope = np.arange(SIDE_PX**2).reshape(SIDE_PX, SIDE_PX) / SIDE_PX**2
        best = region * (1 + 0.1 * crossings(NUM) + 0.001 * slope)
        maps = {"random": mixed, "best": best, "worst": 1 - region}[kind] / 2
        return of_values(measure, maps).assign(finding=findings)
    label = random.integers(0, 2, NUM)
    label[:6] = [0, 0, 0, 1, 1, 1]
    if metric.table == "maxima":
        return maxima_of(label, kind, random).assign(finding=findings)
    logit = {"random": random.normal(size=NUM) + label, "best": 2.0 * label, "worst": -2.0 * label}[kind]
    patients = [str(i // 2) for i in range(NUM)]
    return pd.DataFrame(
        {
            "patient": patients,
            "finding": findings,
            "label": label.astype(np.uint8),
            "logit": np.float32(logit),
        }
    )


def maxima_of(label: np.ndarray, kind: str, random: np.random.Generator) -> pd.DataFrame:
    """Returns rows of the table of maxima: of images with the finding one in four has no box."""
    logits = np.sort(random.normal(size=(NUM, NUM_MAXIMA)) + label[:, None])[:, ::-1]
    boxed = (label == 1) & (np.arange(NUM) % 4 > 0)
    inside = {"random": logits[:, 1], "best": logits[:, 0] + 9, "worst": np.full(NUM, np.nan)}[kind]
    table = pd.DataFrame(dict(zip(MAXIMUM_LOGITS, logits.T, strict=True)))
    inside = np.where(boxed, inside, np.nan)
    return table.assign(label=label.astype(np.uint8), boxed=boxed, finite=True, inside=inside)


def reduced(metric: Metric, units: pd.DataFrame, weights: np.ndarray) -> np.ndarray:
    measure = measure_of(metric.name)
    return measure.reduce(measure.statistic(units), np.atleast_2d(weights).astype(float))


def value(metric: Metric, units: pd.DataFrame) -> float:
    return reduced(metric, units, np.ones(len(units))).item()


@metrics
def test_declaration_and_measure_are_of_each_other(metric):
    measure = measure_of(metric.name)
    assert isinstance(measure, MapMeasure) == (metric.table == "units")
    assert metric.is_of_model == (metric.table == "logits")
    assert METRICS[metric.name] is metric
    assert metric.low < metric.high
    assert metric.title
    assert metric.caption.endswith(".")
    assert 0 < metric.margin < metric.high - metric.low
    assert set(metric.averages) <= {WEIGHTED, MACRO}
    assert metric.columns_in([metric.key("A"), f"other/{metric.name}"]) == ("A",)
    assert PRIMARY in METRICS.values()


@metrics
def test_statistic_is_a_finite_vector_of_each_unit(metric):
    statistic = measure_of(metric.name).statistic(units_of(metric))
    assert statistic.shape[0] == NUM
    assert statistic.ndim == 2
    assert statistic.dtype == np.float64
    assert np.isfinite(statistic).all()
    assert (measure_of(metric.name).counts(statistic) >= 0).all()


_OF_THE_REGION_ITSELF = {
    "max_box_acc_v2": 2 / 3,  # two boxes of 12 px overlap; the one around both has 20
    "box_miou": 12 / 20,
    "touching_area": 1 / SIDE_PX**2,
    "covering_area": 18 / SIDE_PX**2,
}
"""Values of a map that is its region, where they are not the best of the range."""


@metrics
def test_values_lie_in_the_declared_range_and_its_ends_are_reached(metric):
    ends = {kind: value(metric, units_of(metric, kind)) for kind in ("best", "worst", "random")}
    best, worst = (metric.high, metric.low) if metric.best == "highest" else (metric.low, metric.high)
    assert ends["best"] == pytest.approx(_OF_THE_REGION_ITSELF.get(metric.name, best))
    assert abs(ends["worst"] - worst) <= abs(ends["worst"] - best)
    assert metric.low <= ends["random"] <= metric.high
    assert ends["random"] not in (best, worst)
    assert metric.sign * ends["best"] > metric.sign * ends["random"] > metric.sign * ends["worst"]


@metrics
def test_a_weight_is_as_many_units(metric):
    units, times = units_of(metric), np.random.default_rng(5).integers(0, 4, NUM)
    measure = measure_of(metric.name)
    repeated = measure.statistic(units).repeat(times, axis=0)
    expected = measure.reduce(repeated, np.ones((1, len(repeated)))).item()
    assert reduced(metric, units, times).item() == pytest.approx(expected, abs=1e-12)
    several = np.stack([times, np.ones(NUM), 2.5 * np.ones(NUM)])
    assert reduced(metric, units, several)[1:] == pytest.approx([value(metric, units)] * 2, abs=1e-12)


@metrics
def test_no_weight_gives_no_value(metric):
    assert np.isnan(reduced(metric, units_of(metric), np.zeros(NUM))).all()


@metrics
def test_order_of_units_does_not_matter(metric):
    units = units_of(metric)
    shuffled = units.sample(frac=1, random_state=0).reset_index(drop=True)
    assert value(metric, shuffled) == pytest.approx(value(metric, units), abs=1e-12)


@metrics
def test_resampling_groups_agrees_with_reweighting_to_first_order(metric):
    units, measure, random = units_of(metric), measure_of(metric.name), np.random.default_rng(1)
    statistic, groups = measure.statistic(units), np.arange(NUM) % 10
    assert measure.resample(statistic, groups, np.ones((1, 10))) == pytest.approx(value(metric, units))
    for size, tolerance in ((0.01, 1e-4), (0.1, 1e-2)):
        times = 1 + size * random.normal(size=(50, 10))
        exact = measure.reduce(statistic, times[:, groups])
        assert measure.resample(statistic, groups, times) == pytest.approx(exact, abs=tolerance)


@metrics
def test_one_unit_has_a_value_or_none(metric):
    units = units_of(metric).head(1)
    found = value(metric, units)
    assert np.isnan(found) if "negatives" in metric.needs else metric.low <= found <= metric.high


@metrics
def test_averages_are_of_the_findings_that_have_a_value(metric):
    units, measure = units_of(metric), measure_of(metric.name)
    own = units[units["finding"] != "C"].reset_index(drop=True)
    found = measured(measure, own, FINDINGS, metric.averages)
    assert list(found) == [*metric.averages, "A", "B"]
    statistics = measure.statistic(own)
    members = {finding: (own["finding"] == finding).to_numpy() for finding in ("A", "B")}
    for finding, rows in members.items():
        ones = np.ones((1, rows.sum()))
        assert found[finding] == pytest.approx(measure.reduce(statistics[rows], ones).item())
    if MACRO in metric.averages:
        assert found[MACRO] == pytest.approx((found["A"] + found["B"]) / 2)
    if WEIGHTED in metric.averages and measure.is_pooled:
        assert found[WEIGHTED] == pytest.approx(value(metric, own))
    elif WEIGHTED in metric.averages:
        masses = [measure.counts(statistics)[rows].sum() for rows in members.values()]
        assert found[WEIGHTED] == pytest.approx(np.average([found["A"], found["B"]], weights=masses))
    assert measured(measure, own.head(0), FINDINGS) == {}
    with pytest.raises(ValueError, match="unknown findings"):
        measured(measure, own, ("A",))


@of_maps
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_map_that_is_not_finite_counts_as_the_worst(metric, bad):
    values = regions(4) / 2
    values[:, 0, 0] = bad
    worst = metric.low if metric.best == "highest" else metric.high
    assert value(metric, of_values(measure_of(metric.name), values)) == worst


@of_maps
@pytest.mark.parametrize("level", [0.0, 1e-42, 0.5, 1.0])
def test_a_flat_map_is_defined(metric, level):
    found = value(metric, of_values(measure_of(metric.name), np.full((4, SIDE_PX, SIDE_PX), level)))
    assert metric.low <= found <= metric.high


@of_maps
def test_maps_of_a_batch_do_not_depend_on_each_other(metric):
    values = np.random.default_rng(2).random((6, SIDE_PX, SIDE_PX))
    broken = values.copy()
    broken[3, 2, 2] = np.nan
    measure = measure_of(metric.name)
    columns = list(measure.columns)
    alone, beside = (of_values(measure, one)[columns].drop(3) for one in (values, broken))
    pd.testing.assert_frame_equal(alone, beside)


@of_maps
def test_no_maps_give_no_units(metric):
    measure = measure_of(metric.name)
    empty = unit_maps(np.zeros((1, SIDE_PX, SIDE_PX)))
    maps = UnitMaps(
        empty.values[:0],
        {name: column[:0] for name, column in empty.peaks.items()},
        empty.regions[:0],
        THESIS,
    )
    columns = pd.DataFrame(as_columns(measure.of_maps(maps)), index=[]).assign(patient="", finding="")
    assert measure.statistic(columns).shape[0] == 0


def test_a_hit_is_0_or_1():
    for metric in METRICS.values():
        measure = measure_of(metric.name)
        if isinstance(measure, MeanMeasure) and measure.is_hit:
            assert set(np.unique(measure.statistic(units_of(metric)))) == {0.0, 1.0}
    assert OVERLAP.is_hit
