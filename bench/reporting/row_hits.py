"""A row's hits, unit by unit and seed by seed: what its intervals over patients are made of."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import ResultsError, listing
from bench.metrics.localization import MACRO, WEIGHTED
from bench.reporting.sides import Metric, with_hits
from bench.results.store import ResultsStore
from bench.results.units import read_table
from bench.statistics.bootstrap import (
    accuracies_of_samples,
    draw_patients,
    interval_of_patients,
    interval_of_spread,
    spread_of,
)
from bench.statistics.interval import Interval
from bench.statistics.paired import paired_p
from bench.statistics.proportion import wilson_interval
from bench.statistics.spread import SEEDS_ALONE, SEEDS_AND_PATIENTS, Population, Spread
from bench.statistics.student import MeanInterval, mean_interval
from bench.statistics.unit_hits import Average, UnitHits
from bench.suite.grid import Point

FEWEST_PATIENTS = 40
"""Below it no interval over patients alone is given: `bootstrap_over_patients` says how they cover."""

_NAMED = 8
"""Trials that a message names before it counts the rest."""

_UNIT = ["image", "patient", "finding"]
_SCORES: dict[Metric, tuple[str, ...]] = {"point_accuracy": ("hit",), "iobb_accuracy": ("iobb", "iou")}
"""Columns of units that hits of a metric are told by."""


@dataclass(frozen=True, eq=False)
class RowHits:
    """Hits of a row's finished trials, or their differences between two rows.

    Attributes:
        label: the row.
        seeds: of the trials, in the order of the columns of `units`.
        units: hits, [units, seeds]; of a control, which has no seeds, [units, draws].
        trial_ids: the trials, of both rows of a difference; controls have none.
        average: how units are averaged.
    """

    label: str
    seeds: tuple[int, ...]
    units: UnitHits
    trial_ids: tuple[str, ...] = ()
    average: Average = "weighted"

    def in_column(self, column: str) -> "RowHits | None":
        """Returns the same for one column: weighted, macro or a finding; None for a finding without units."""
        if column in (WEIGHTED, MACRO):
            return replace(self, average="macro" if column == MACRO else "weighted")
        if column not in self.units.findings:
            return None
        return replace(self, units=self.units.of_finding(column))

    def minus(self, other: "RowHits") -> "RowHits | None":
        """Returns the differences for the seeds that both rows have; None if they share none.

        Raises:
            ResultsError: they were scored on different units.
        """
        seeds = tuple(seed for seed in self.seeds if seed in other.seeds)
        if not seeds:
            return None
        first, second = self._of_seeds(seeds), other._of_seeds(seeds)
        label, ids = f"{self.label} − {other.label}", (*first.trial_ids, *second.trial_ids)
        try:
            units = first.units.minus(second.units)
        except ValueError as error:
            raise ResultsError(f"{label}: {error} ({listing(ids, _NAMED)})") from None
        return replace(first, label=label, units=units, trial_ids=ids)

    def minus_control(self, control: "RowHits") -> "RowHits":
        """Returns the differences to a control, the mean of its draws, which is the same for every seed."""
        mean = control.units.hits.mean(axis=1, keepdims=True)
        repeated = replace(control.units, hits=np.broadcast_to(mean, self.units.hits.shape))
        return replace(self, label=f"{self.label} − {control.label}", units=self.units.minus(repeated))

    def with_draws_of(self, control: "RowHits", interval: Interval) -> Interval:
        """Returns an interval of this difference to a control with the error of the control's draws in it."""
        return _with_draws(interval, control.values)

    @cached_property
    def values(self) -> list[float]:
        """The accuracy of each seed, or the difference."""
        return [float(value) for value in self.units.accuracy(self.average)]

    @cached_property
    def over_seeds(self) -> MeanInterval:
        """The mean for other seeds and these images."""
        return mean_interval(self.values)

    @cached_property
    def p_over_seeds(self) -> float:
        """Two-sided p that the mean is 0 for other seeds and these images; NaN where it cannot be told."""
        return paired_p(self.values)

    @cached_property
    def over_patients(self) -> Interval:
        """The mean for these seeds and other patients; see `interval_over_patients`.

        Of a control for other draws too, in [0, 1].
        """
        interval = interval_over_patients(self.units, self.average)
        if self.seeds or self.units.num_seeds == 1:
            return interval
        wide = _with_draws(interval, self.values)
        return replace(wide, low=wide.low and max(wide.low, 0.0), high=wide.high and min(wide.high, 1.0))

    @cached_property
    def over_both(self) -> Interval:
        """The mean for other seeds and other patients, where there are two of both."""
        return interval_of_spread(self.units, self.average, self.spread)

    @cached_property
    def p_over_both(self) -> float:
        """Two-sided p that the mean is 0 for other seeds and other patients; NaN where it cannot be told."""
        return math.nan if self.spread is None else self.spread.p_of(self.over_seeds.mean)

    @cached_property
    def decision(self) -> tuple[float, Population]:
        """The p that decides whether the mean is 0, and whom it speaks of: with patients where they vary."""
        if self.spread is None:
            return self.p_over_seeds, SEEDS_ALONE
        return self.p_over_both, SEEDS_AND_PATIENTS

    @cached_property
    def spread(self) -> Spread | None:
        """Of the mean, for other seeds and other patients; None where it cannot be told."""
        return spread_of(self.units, self.average, _replicates(self.units, self.average))

    def _of_seeds(self, seeds: tuple[int, ...]) -> "RowHits":
        chosen = [self.seeds.index(seed) for seed in seeds]
        kept = replace(self.units, hits=self.units.hits[:, chosen])
        ids = tuple(self.trial_ids[index] for index in chosen)
        return replace(self, seeds=seeds, units=kept, trial_ids=ids)


def interval_over_patients(units: UnitHits, average: Average = "weighted") -> Interval:
    """Returns the mean accuracy over seeds with its 95% interval over patients, where they are enough.

    Where every unit is hit, or none, resampling shows no spread: Wilson's interval of as many proportions as
    there are patients stands in, too wide rather than too short where patients have several units. In a macro
    average it stands in for such findings alone, and its distances add to the others' as squares. A
    difference of which there is none anywhere has no interval.
    """
    mean = float(units.accuracy(average).mean())
    if units.num_patients < FEWEST_PATIENTS:
        return Interval(mean, None, None, units.num_patients, units.num_seeds)
    if not units.is_difference and ((units.hits == 0).all() or (units.hits == 1).all()):
        edge = wilson_interval(round(mean) * units.num_patients, units.num_patients)
        return replace(edge, num_seeds=units.num_seeds)
    interval = interval_of_patients(units, average, _replicates(units, average))
    if average == "macro" and not units.is_difference:
        return _with_findings_at_an_end(interval, units)
    return interval


def _with_findings_at_an_end(interval: Interval, units: UnitHits) -> Interval:
    """Returns the interval of a macro average with what findings of nothing but hits or misses add to it."""
    parts = [units.of_finding(finding) for finding in np.unique(units.findings)]
    below = above = 0.0
    for part in parts:
        if (part.hits == part.hits.flat[0]).all() and part.hits.flat[0] in (0, 1):
            hit = int(part.hits.flat[0])
            edge = wilson_interval(hit * part.num_patients, part.num_patients)
            assert edge.low is not None
            assert edge.high is not None
            below += ((hit - edge.low) / len(parts)) ** 2
            above += ((edge.high - hit) / len(parts)) ** 2
    return interval if below == above == 0 else interval.with_error(math.sqrt(below), math.sqrt(above))


def _with_draws(interval: Interval, values: Sequence[float]) -> Interval:
    """Returns the interval of the mean of several draws of a control with their own Student-t interval in it.

    By the law of total variance: how far the mean moves with patients, and how far with the draws, whose mean
    is closer to that of all there could be the more there are.
    """
    half_width = mean_interval(values).half_width
    if not half_width or interval.low is None:
        return interval
    return interval.with_error(half_width, half_width)


def _replicates(units: UnitHits, average: Average) -> NDArray[np.float64]:
    """Returns accuracies of resampled patients: the same patients for every row, every time."""
    return accuracies_of_samples(units, average, _draws(units.num_patients))


@lru_cache(maxsize=16)
def _draws(num_patients: int) -> NDArray[np.float64]:
    return draw_patients(num_patients, np.random.default_rng(0))


def rows_of_hits(
    rows: Mapping[str, Sequence[Point]], store: ResultsStore, metric: Metric
) -> dict[str, RowHits]:
    """Returns the hits of each row that has a point; all of the same units.

    Args:
        rows: finished points by the label of their row.
        store: where their units are.
        metric: whose hits.

    Raises:
        ResultsError: a table of units is missing or not readable, or two hold different units.
    """
    points = [point for row in rows.values() for point in row]
    if not points:
        return {}
    first = _read_units(points[0], store, metric)
    order = np.lexsort((first["finding"], first["image"]))
    images, patients, findings = (first[column].to_numpy()[order] for column in _UNIT)

    def hits_of(point: Point) -> NDArray[np.float64]:
        table = _read_units(point, store, metric)
        if not table[_UNIT].equals(first[_UNIT]):
            raise ResultsError(
                f"{points[0].trial.id} and {point.trial.id} were scored on different units, so the data set "
                "changed between them; move the folder of one away and run it again"
            )
        hits: NDArray[np.float64] = table["hit"].to_numpy(float)[order]
        return hits

    return {
        label: RowHits(
            label,
            tuple(point.trial.seed for point in row),
            UnitHits(np.column_stack([hits_of(point) for point in row]), images, patients, findings),
            tuple(point.trial.id for point in row),
        )
        for label, row in rows.items()
        if row
    }


def have_units(points: Sequence[Point], store: ResultsStore) -> bool:
    """Returns whether there are points, and a table of units of each."""
    paths = [store.folder(point.trial.id).cam_units(point.cam) for point in points]
    return bool(paths) and all(path.exists() for path in paths)


def _read_units(point: Point, store: ResultsStore, metric: Metric) -> pd.DataFrame:
    path = store.folder(point.trial.id).cam_units(point.cam)
    return with_hits(read_table(path, (*_UNIT, *_SCORES[metric])), metric, str(path))
