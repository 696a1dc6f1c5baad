"""How a metric is computed: a statistic of each unit, and a number from weighted units.

A unit is an (image, finding). Of a metric of maps it has a box or mask there; of any other metric it may
have the finding or not. Its statistic is a vector of fixed length: for point accuracy the hit, for a swept
threshold the overlap at each step. Since the number is made of units with weights, resampling patients is
reweighting their units: means, averages over findings, intervals and paired tests work for every metric.

`bench/metrics/<name>.py` holds the `MEASURE` of the metric that `bench.suite.metrics` declares by that name;
that of a metric from outside of bench is where its declaration says.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.errors import PluginError, listing
from bench.metrics.protocol import THESIS, LocalizationProtocol
from bench.metrics.regions import Floats, Integers, Regions
from bench.suite.metrics import MACRO, METRICS, WEIGHTED, Average, Metric
from bench.suite.plugins import imported


@dataclass(frozen=True, eq=False)
class UnitMaps:
    """The maps of n units, enlarged to a grid, where each peaks, and what it is to point at.

    Attributes:
        values: float32 [n, rows, columns], probabilities; of a map that is not finite NaN everywhere. Units
            that share a map may be given it once, by `numpy.broadcast_to`.
        peaks: [n] each of `bench.metrics.units.PEAK_COLUMNS`, by name.
        regions: of the same units on the same grid.
        protocol: how maps were enlarged, and what counts as a hit.
        cells: float32 [n, h, w], the maps before that, logits or probabilities; None if they were as large.
    """

    values: npt.NDArray[np.float32]
    peaks: Mapping[str, npt.NDArray[Any]]
    regions: Regions
    protocol: LocalizationProtocol
    cells: npt.NDArray[np.float32] | None = None

    @property
    def distinct(self) -> tuple[npt.NDArray[np.float32], Integers]:
        """The maps, one that was broadcast only once, and which of them each unit has, [n]."""
        num_units = len(self.values)
        if num_units and self.values.strides[0] == 0:
            return self.values[:1], np.zeros(num_units, np.int64)
        return self.values, np.arange(num_units)


class Measure(ABC):
    """Computes a metric."""

    columns: tuple[str, ...]
    """Columns of tables of units, or of logits, from which its statistic is made."""
    is_pooled: ClassVar[bool] = False
    """Whether its weighted average is the metric of the units of all findings together, as of one finding;
    otherwise it is a mean of the findings' metrics."""

    @abstractmethod
    def statistic(self, units: pd.DataFrame, protocol: LocalizationProtocol = THESIS) -> Floats:
        """Returns the statistic of each unit, [n, k], all finite, from a table of n units.

        Args:
            units: with image, patient, finding and `columns`; all units of the map. A statistic may depend on
                other patients' units, as one at a threshold that they have chosen does.
            protocol: what counts as a hit.
        """

    @abstractmethod
    def reduce(self, statistics: Floats, weights: Floats) -> Floats:
        """Returns the metric of n units of one finding by each of m sets of weights, [m].

        Args:
            statistics: [n, k].
            weights: [m, n], at least 0: a unit of weight 2 counts as two such units. NaN is returned where
                units that the metric needs have no weight.
        """

    def counts(self, statistics: Floats) -> Floats:
        """Returns how much each unit adds to what its finding counts in the weighted average, [n]."""
        return np.ones(len(statistics))

    def notes(self, units: pd.DataFrame, findings: tuple[str, ...]) -> tuple[str, ...]:
        """Returns what a reader of the metric should know of these units, in sentences."""
        return ()

    def resample(self, statistics: Floats, groups: Integers, times: Floats) -> Floats:
        """Returns the metric where groups of units are taken `times`, [m].

        Args:
            statistics: [n, k].
            groups: [n] group of each unit, say its patient.
            times: [m, groups].
        """
        return self.reduce(statistics, times[:, groups])


class MapMeasure(Measure):
    """Computes a metric of maps."""

    @abstractmethod
    def of_maps(self, maps: UnitMaps) -> Mapping[str, npt.NDArray[Any]]:
        """Returns `columns` of the units' table, [n] or [n, k] each; of a map that is not finite a miss's."""


class ColumnMean(Measure):
    """Computes a metric that is the mean of a single number of each unit, the first of its columns."""

    is_pooled = True
    is_hit: ClassVar[bool] = True
    """True if that number is 0 or 1."""

    def statistic(self, units: pd.DataFrame, protocol: LocalizationProtocol = THESIS) -> Floats:
        """Returns the first of `columns`, [n, 1]."""
        return units[[self.columns[0]]].to_numpy(np.float64)

    def reduce(self, statistics: Floats, weights: Floats) -> Floats:
        """Returns the weighted mean."""
        mass = weights.sum(axis=1)
        mean: Floats = (weights @ statistics[:, 0]) / np.where(mass > 0, mass, np.nan)
        return mean


class MeanMeasure(ColumnMean, MapMeasure):
    """Computes a metric of maps that is such a mean."""


def columns_of(maps: UnitMaps, measures: Iterable[MapMeasure]) -> dict[str, npt.NDArray[Any]]:
    """Returns where maps peak and the columns of the measures, those that some share computed once."""
    found: dict[str, npt.NDArray[Any]] = dict(maps.peaks)
    for measure in measures:
        if not set(measure.columns) <= set(found):
            made = measure.of_maps(maps)
            _require_columns(made, measure, len(maps.values))
            found = {**made, **found}  # what is there stays, whatever a plug-in returns
    return found


def _require_columns(made: Mapping[str, npt.NDArray[Any]], measure: MapMeasure, num_units: int) -> None:
    """Refuses columns that are not those of the measure, or not of as many units.

    Raises:
        PluginError: they are not.
    """
    lengths = {name: np.shape(column)[:1] for name, column in made.items()}
    if not set(measure.columns) <= set(lengths) or set(lengths.values()) - {(num_units,)}:
        raise PluginError(
            f"{num_units} maps are to give columns {listing(measure.columns)} of as many values, and give "
            f"{ {name: list(length) for name, length in lengths.items()} }",
            place=f"{type(measure).__module__}:{type(measure).__name__}",
        )


def as_columns(found: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """Returns columns of a table, [n, k] as n lists."""
    return {name: one if one.ndim == 1 else list(one) for name, one in found.items()}


def measure_of(name: str) -> Measure:
    """Returns what computes the metric that is declared as `name`."""
    target = METRICS[name].target
    measure: Measure = (
        imported(target) if target else importlib.import_module(f"bench.metrics.{name}").MEASURE
    )
    return measure


def measured(
    measure: Measure,
    units: pd.DataFrame,
    findings: tuple[str, ...],
    averages: tuple[Average, ...] = (WEIGHTED, MACRO),
    protocol: LocalizationProtocol = THESIS,
) -> dict[str, float]:
    """Returns the metric by column: its averages, then each of `findings` of which it is defined.

    Args:
        measure: computes it.
        units: with finding and the measure's columns, a row for each unit; none give an empty result.
        findings: the order of the result.
        averages: that are asked for.
        protocol: what counts as a hit.

    Raises:
        ValueError: a unit is of a finding that is not in `findings`.
    """
    if unknown := set(units["finding"]) - set(findings):
        raise ValueError(f"units of unknown findings: {sorted(unknown)}")
    values: dict[str, float] = {}
    masses: list[float] = []
    rows = units.groupby("finding", observed=True).indices
    statistics = measure.statistic(units, protocol)
    for finding in findings:
        own = statistics[rows[finding]] if finding in rows else statistics[:0]
        weights = np.ones((1, len(own)))
        value = float(measure.reduce(own, weights)[0]) if len(own) else np.nan
        if not np.isnan(value):
            values[finding] = value
            masses.append(float(measure.counts(own).sum()))
    if not values:
        return {}
    found = list(values.values())
    macro = sum(found) / len(found)
    if isinstance(measure, ColumnMean):  # whatever rounding the products with weights would do
        weighted = float(statistics.sum() / len(statistics))
    elif measure.is_pooled:
        weighted = float(measure.reduce(statistics, np.ones((1, len(statistics))))[0])
    else:
        weighted = float(np.average(found, weights=masses))
    means = {WEIGHTED: weighted, MACRO: macro}
    return {average: means[average] for average in averages} | values


def metrics_of(
    metrics: Iterable[Metric],
    units: pd.DataFrame,
    findings: tuple[str, ...],
    protocol: LocalizationProtocol = THESIS,
) -> dict[str, float]:
    """Returns the metrics as records have them, by `Metric.key`; see `measured`."""
    return {
        metric.key(column): value
        for metric in metrics
        for column, value in measured(
            measure_of(metric.name), units, findings, metric.averages, protocol
        ).items()
    }


def notes_of(metrics: Iterable[Metric], units: pd.DataFrame, findings: tuple[str, ...]) -> tuple[str, ...]:
    """Returns what a reader of the metrics should know of these units."""
    return tuple(note for metric in metrics for note in measure_of(metric.name).notes(units, findings))
