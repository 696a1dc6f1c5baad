"""The checks that every metric passes, bench's own and anyone's: each returns a sentence if it finds a fault.

Metrics of maps are given small maps, each with a region of two boxes that overlap; those of logits, of maxima
and of sanity checks the tables that trials have.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.measure import MapMeasure, MeanMeasure, Measure, UnitMaps, as_columns, measure_of, measured
from bench.metrics.protocol import THESIS
from bench.metrics.regions import COLUMNS, Floats, regions_of
from bench.results.units import MAXIMUM_LOGITS, NUM_MAXIMA
from bench.suite.metrics import MACRO, METRICS, WEIGHTED, Metric

SIDE_PX, NUM = 12, 40
FINDINGS = ("A", "B", "C")

Kind = Literal["random", "best", "worst"]


@dataclass(frozen=True)
class Candidate:
    """A metric to be checked, and what computes it."""

    metric: Metric
    measure: Measure

    def units(self, kind: Kind = "random") -> pd.DataFrame:
        """Returns NUM units, of each finding some: drawn at random, or those of what is best or worst."""
        random = np.random.default_rng(3)
        findings = [FINDINGS[i % 3] for i in range(NUM)]
        if isinstance(self.measure, MapMeasure):
            return self.of_values(_values(self.metric, kind, random)).assign(finding=findings)
        label = random.integers(0, 2, NUM)
        label[:6] = [0, 0, 0, 1, 1, 1]
        if self.metric.table == "maxima":
            return _maxima(label, kind, random).assign(finding=findings)
        if self.metric.table == "sanity":
            patients = [str(i // 2) for i in range(NUM)]
            values = {self.metric.name: _checked(self.metric, kind, random)}
            return pd.DataFrame({"patient": patients, "finding": findings, **values})
        drawn = {"random": random.normal(size=NUM) + label, "best": 2.0 * label, "worst": -2.0 * label}
        return pd.DataFrame(
            {
                "patient": [str(i // 2) for i in range(NUM)],
                "finding": findings,
                "label": label.astype(np.uint8),
                "logit": np.float32(drawn[kind]),
            }
        )

    def of_values(self, values: npt.ArrayLike) -> pd.DataFrame:
        """Returns the units of maps [n, rows, columns], all of one finding."""
        assert isinstance(self.measure, MapMeasure)
        maps = unit_maps(np.asarray(values, np.float32))
        names = {
            "image": list(map(str, range(len(maps.values)))),
            "patient": [str(i // 2) for i in range(len(maps.values))],
        }
        columns = as_columns({**maps.peaks, **self.measure.of_maps(maps)})
        return pd.DataFrame({**names, **columns}).assign(finding=FINDINGS[0])

    def reduced(self, units: pd.DataFrame, weights: npt.ArrayLike) -> Floats:
        """Returns the metric by each set of weights, [m]."""
        return self.measure.reduce(self.measure.statistic(units), np.atleast_2d(weights).astype(float))

    def value(self, units: pd.DataFrame) -> float:
        """Returns the metric of units that count alike."""
        return float(self.reduced(units, np.ones(len(units)))[0])


def candidate_of(name: str) -> Candidate:
    """Returns a metric by its name."""
    return Candidate(METRICS[name], measure_of(name))


def unit_maps(values: npt.NDArray[Any]) -> UnitMaps:
    """Returns maps [n, rows, columns], each with a region of two boxes that overlap."""
    corners = np.random.default_rng(7).integers(0, 6, (len(values), 2))
    rows = [(i, 0, *corners[i] + shift, 4, 3) for i in range(len(values)) for shift in (0, 1)]
    regions = regions_of(pd.DataFrame(rows, columns=list(COLUMNS)), SIDE_PX)
    flat = values.reshape(len(values), SIDE_PX**2)
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


def regions(num: int) -> Floats:
    """Returns 1 within the regions of `num` maps, and 0 elsewhere."""
    return unit_maps(np.zeros((num, SIDE_PX, SIDE_PX))).regions.rasterise().astype(float)


def _values(metric: Metric, kind: Kind, random: np.random.Generator) -> Floats:
    region = regions(NUM)
    least, noise = (0.5, 1.5) if metric.best == "lowest" else (0.2, 0.1)  # nine of ten are to be of use
    share = least + (1 - least) * random.random((NUM, 1, 1))  # of what is bright within the region
    mixed = share * region + (1 - share) * (1 - region) + noise * random.random(region.shape)
    slope = np.arange(SIDE_PX**2).reshape(SIDE_PX, SIDE_PX) / SIDE_PX**2
    best = region * (1 + 0.1 * _crossings() + 0.001 * slope)
    return {"random": mixed, "best": best, "worst": 1 - region}[kind] / 2


def _crossings() -> Floats:
    """Returns where the two boxes of each region overlap: a peak there is in both."""
    sites, owner = unit_maps(np.zeros((NUM, SIDE_PX, SIDE_PX))).regions.sites()
    covered = sites.rasterise()
    return np.stack([covered[owner == unit].all(axis=0) for unit in range(NUM)]).astype(float)


def _checked(metric: Metric, kind: Kind, random: np.random.Generator) -> Floats:
    """Returns values of a sanity check, [NUM]."""
    if kind == "random":
        return random.uniform(metric.low, metric.high, NUM)
    is_high = (kind == "best") == (metric.sign > 0)
    return np.full(NUM, metric.high if is_high else metric.low)


def _maxima(label: npt.NDArray[Any], kind: Kind, random: np.random.Generator) -> pd.DataFrame:
    """Returns rows of the table of maxima: of images with the finding one in four has no box."""
    logits = np.sort(random.normal(size=(NUM, NUM_MAXIMA)) + label[:, None])[:, ::-1]
    boxed = (label == 1) & (np.arange(NUM) % 4 > 0)
    inside = {"random": logits[:, 1], "best": logits[:, 0] + 9, "worst": np.full(NUM, np.nan)}[kind]
    table = pd.DataFrame(dict(zip(MAXIMUM_LOGITS, logits.T, strict=True)))
    inside = np.where(boxed, inside, np.nan)
    return table.assign(label=label.astype(np.uint8), boxed=boxed, finite=True, inside=inside)


Check = Callable[[Candidate], str | None]


def declaration_and_measure_are_of_each_other(of: Candidate) -> str | None:
    """What the declaration says that it needs is what the measure is given."""
    metric = of.metric
    if isinstance(of.measure, MapMeasure) != (metric.table == "units"):
        return f"needs {', '.join(sorted(metric.needs))}, and its MEASURE is {type(of.measure).__name__}"
    if not metric.low < metric.high or not 0 < metric.margin < metric.high - metric.low:
        return "declares a range without values, or a margin that is not within it"
    if not metric.averages or not set(metric.averages) <= {WEIGHTED, MACRO}:
        return f"declares averages {metric.averages}"
    return (
        None if metric.title and metric.caption.endswith(".") else "has no title, or a caption without an end"
    )


def maps_give_the_columns_that_are_declared(of: Candidate) -> str | None:
    """One value, or one vector, of each unit; none of none."""
    if not isinstance(of.measure, MapMeasure):
        return None
    for num in (4, 0):
        maps = unit_maps(np.zeros((4, SIDE_PX, SIDE_PX)))
        peaks = {name: column[:num] for name, column in maps.peaks.items()}
        found = of.measure.of_maps(UnitMaps(maps.values[:num], peaks, maps.regions[:num], THESIS))
        own = set(of.measure.columns) - set(peaks)
        if not own <= set(found):
            return f"gives columns {sorted(found)}, and declares {sorted(own)}"
        lengths = {name: np.shape(found[name])[:1] for name in own}
        if any(length != (num,) for length in lengths.values()):
            return f"gives columns of lengths {lengths} of {num} maps"
        units = pd.DataFrame(as_columns({**peaks, **found})).assign(patient="", finding="")
        if len(of.measure.statistic(units)) != num:
            return f"has not as many statistics as units, where there are {num}"
    return None


def statistic_is_a_finite_vector_of_each_unit(of: Candidate) -> str | None:
    """Float64, and what a unit counts is not below 0."""
    statistic = of.measure.statistic(of.units())
    if statistic.ndim != 2 or len(statistic) != NUM or statistic.dtype != np.float64:
        return f"has statistics {statistic.dtype} {list(statistic.shape)} of {NUM} units"
    if not np.isfinite(statistic).all():
        return "has statistics that are not finite"
    if isinstance(of.measure, MeanMeasure) and of.measure.is_hit and not np.isin(statistic, (0, 1)).all():
        return "says that its number is a hit, and it is not 0 or 1"
    return None if (of.measure.counts(statistic) >= 0).all() else "counts units less than 0"


def better_units_have_better_values_within_the_range(of: Candidate) -> str | None:
    """Maps that are their region, random ones, and maps that are all but their region."""
    best, random, worst = (of.value(of.units(kind)) for kind in ("best", "random", "worst"))
    sign = of.metric.sign
    if not sign * best > sign * random > sign * worst:
        return f"is {best:g} of the best units, {random:g} of random ones, {worst:g} of the worst"
    is_within = of.metric.low <= min(best, worst) and max(best, worst) <= of.metric.high
    return None if is_within else f"leaves its range: {best:g} and {worst:g}"


def weight_is_as_many_units(of: Candidate) -> str | None:
    """And a common factor of weights changes nothing; no weight gives no value."""
    units, times = of.units(), np.random.default_rng(5).integers(0, 4, NUM)
    repeated = of.measure.statistic(units).repeat(times, axis=0)
    expected = of.measure.reduce(repeated, np.ones((1, len(repeated))))[0]
    weights = np.stack([times, np.ones(NUM), 2.5 * np.ones(NUM), np.zeros(NUM)])
    found, value = of.reduced(units, weights), of.value(units)
    if not np.allclose(found[:3], [expected, value, value], rtol=0, atol=1e-12):
        return "gives a unit of weight 2 another value than two units"
    return None if np.isnan(found[3]) else "has a value where no unit has a weight"


def order_of_units_does_not_matter(of: Candidate) -> str | None:
    """Units come in any order."""
    units = of.units()
    shuffled = units.sample(frac=1, random_state=0).reset_index(drop=True)
    is_same = abs(of.value(shuffled) - of.value(units)) <= 1e-12
    return None if is_same else "depends on the order of units"


def resampling_groups_agrees_with_reweighting_to_first_order(of: Candidate) -> str | None:
    """Intervals over patients are made by it."""
    units, random = of.units(), np.random.default_rng(1)
    statistic, groups = of.measure.statistic(units), np.arange(NUM) % 10
    whole = of.measure.resample(statistic, groups, np.ones((1, 10)))
    if not np.allclose(whole, of.value(units)):
        return "resamples all patients once to another value"
    for size, tolerance in ((0.01, 1e-4), (0.1, 1e-2)):
        times = 1 + size * random.normal(size=(50, 10))
        exact = of.measure.reduce(statistic, times[:, groups])
        if not np.allclose(of.measure.resample(statistic, groups, times), exact, rtol=0, atol=tolerance):
            return "resamples patients to other values than weights give"
    return None


def one_unit_has_a_value_in_the_range_or_none(of: Candidate) -> str | None:
    """A metric that needs images without the finding has none."""
    value = of.value(of.units().head(1))
    if np.isnan(value):
        return None if of.metric.table != "units" else "has no value of one unit"
    return None if of.metric.low <= value <= of.metric.high else f"is {value:g} of one unit"


def averages_are_of_the_findings_that_have_a_value(of: Candidate) -> str | None:
    """Weighted by what their units count, and each alike."""
    units = of.units()
    own = units[units["finding"] != "C"].reset_index(drop=True)
    found = measured(of.measure, own, FINDINGS, of.metric.averages)
    if list(found) != [*of.metric.averages, "A", "B"]:
        return f"has columns {list(found)}"
    statistics = of.measure.statistic(own)
    rows = {finding: (own["finding"] == finding).to_numpy() for finding in ("A", "B")}
    alone = [float(of.measure.reduce(statistics[rows[f]], np.ones((1, rows[f].sum())))[0]) for f in rows]
    masses = [of.measure.counts(statistics)[rows[finding]].sum() for finding in rows]
    weighted = of.value(own) if of.measure.is_pooled else np.average(alone, weights=masses)
    expected = {"A": alone[0], "B": alone[1], MACRO: np.mean(alone), WEIGHTED: weighted}
    wrong = [column for column, value in found.items() if not np.isclose(value, expected[column])]
    return f"has another value of {wrong[0]} than its units" if wrong else None


def map_that_is_not_finite_counts_as_the_worst(of: Candidate) -> str | None:
    """NaN, and both infinities."""
    if not isinstance(of.measure, MapMeasure):
        return None
    worst = of.metric.low if of.metric.best == "highest" else of.metric.high
    for bad in (np.nan, np.inf, -np.inf):
        values = regions(4) / 2
        values[:, 0, 0] = bad
        value = of.value(of.of_values(values))
        if value != worst:
            return f"is {value:g} of maps with {bad}, and the worst is {worst:g}"
    return None


def flat_map_is_defined(of: Candidate) -> str | None:
    """Of all values."""
    if not isinstance(of.measure, MapMeasure):
        return None
    for level in (0.0, 1e-42, 0.5, 1.0):
        value = of.value(of.of_values(np.full((4, SIDE_PX, SIDE_PX), level)))
        if not of.metric.low <= value <= of.metric.high:
            return f"is {value:g} of maps that are {level:g} everywhere"
    return None


def maps_of_a_batch_do_not_depend_on_each_other(of: Candidate) -> str | None:
    """A map that is not finite spoils its own unit alone."""
    if not isinstance(of.measure, MapMeasure):
        return None
    values = np.random.default_rng(2).random((6, SIDE_PX, SIDE_PX))
    broken = values.copy()
    broken[3, 2, 2] = np.nan
    columns = list(of.measure.columns)
    alone, beside = (of.of_values(one)[columns].drop(3) for one in (values, broken))
    return None if alone.equals(beside) else "gives a map another value beside others"


CHECKS: tuple[Check, ...] = (
    declaration_and_measure_are_of_each_other,
    maps_give_the_columns_that_are_declared,
    statistic_is_a_finite_vector_of_each_unit,
    better_units_have_better_values_within_the_range,
    weight_is_as_many_units,
    order_of_units_does_not_matter,
    resampling_groups_agrees_with_reweighting_to_first_order,
    one_unit_has_a_value_in_the_range_or_none,
    averages_are_of_the_findings_that_have_a_value,
    map_that_is_not_finite_counts_as_the_worst,
    flat_map_is_defined,
    maps_of_a_batch_do_not_depend_on_each_other,
)
