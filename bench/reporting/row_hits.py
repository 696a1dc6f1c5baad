"""A row's hits, unit by unit and seed by seed: what its intervals over patients are made of."""

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import ResultsError
from bench.reporting.slices import Slice
from bench.results.store import ResultsStore
from bench.results.units import read_table
from bench.statistics.bootstrap import (
    Spread,
    accuracies_of_samples,
    draw_patients,
    interval_of_patients,
    interval_of_spread,
    spread_of,
)
from bench.statistics.interval import Interval
from bench.statistics.proportion import wilson_interval
from bench.statistics.student import MeanInterval, mean_interval
from bench.statistics.unit_hits import Average, UnitHits
from bench.suite.grid import Point

FEWEST_PATIENTS = 40
"""Below it no interval over patients is given: `bootstrap_over_patients` says how they cover."""

_UNIT = ["image", "patient", "finding"]


@dataclass(frozen=True, eq=False)
class RowHits:
    """Hits of a row's finished trials, or their differences between two rows.

    Attributes:
        label: the row.
        seeds: of the trials, in the order of the columns of `units`.
        units: hits, [units, seeds].
        trial_ids: the trials, of both rows of a difference; controls have none.
        is_difference: whether they are differences between two rows.
    """

    label: str
    seeds: tuple[int, ...]
    units: UnitHits
    trial_ids: tuple[str, ...] = ()
    is_difference: bool = False

    def minus(self, other: "RowHits") -> "RowHits | None":
        """Returns the differences for the seeds that both rows have; None if they share none."""
        seeds = tuple(seed for seed in self.seeds if seed in other.seeds)
        if not seeds:
            return None
        first, second = self._of_seeds(seeds), other._of_seeds(seeds)
        ids = (*first.trial_ids, *second.trial_ids)
        label, difference = f"{self.label} − {other.label}", first.units.minus(second.units)
        return RowHits(label, seeds, difference, ids, is_difference=True)

    def minus_control(self, control: "RowHits") -> "RowHits":
        """Returns the differences to a control, which is the same for every seed."""
        units = control.units
        hits = np.broadcast_to(units.hits, self.units.hits.shape)
        repeated = UnitHits(hits, units.images, units.patients, units.findings)
        difference = self.units.minus(repeated)
        label = f"{self.label} − {control.label}"
        return RowHits(label, self.seeds, difference, self.trial_ids, is_difference=True)

    @cached_property
    def over_seeds(self) -> MeanInterval:
        """Weighted accuracy for other seeds and these patients."""
        return mean_interval([float(value) for value in self.units.accuracy("weighted")])

    @cached_property
    def over_patients(self) -> Interval:
        """Weighted accuracy for these seeds and other patients; see `interval_over_patients`."""
        return interval_over_patients(self.units, is_difference=self.is_difference)

    @cached_property
    def over_both(self) -> Interval:
        """Weighted accuracy for other seeds and other patients, where there are enough of both."""
        return interval_of_spread(self.units, "weighted", self._spread)

    @cached_property
    def p_over_both(self) -> float:
        """Two-sided p that the mean is 0 for other seeds and other patients; NaN where it cannot be told."""
        return math.nan if self._spread is None else self._spread.p_of(self.over_seeds.mean)

    @cached_property
    def _spread(self) -> Spread | None:
        if self.units.num_patients < FEWEST_PATIENTS or self.units.num_seeds < 2:
            return None
        return spread_of(self.units, "weighted", _replicates(self.units, "weighted"))

    def _of_seeds(self, seeds: tuple[int, ...]) -> "RowHits":
        chosen = [self.seeds.index(seed) for seed in seeds]
        units = self.units
        kept = UnitHits(units.hits[:, chosen], units.images, units.patients, units.findings)
        return RowHits(self.label, seeds, kept, tuple(self.trial_ids[index] for index in chosen))


def interval_over_patients(
    units: UnitHits, average: Average = "weighted", *, is_difference: bool = False
) -> Interval:
    """Returns the mean accuracy over seeds with its 95% interval over patients, where they are enough.

    Where every unit is hit, or none, resampling shows no spread: Wilson's interval of as many proportions as
    there are patients stands in, too wide rather than too short where patients have several units. A
    difference of which there is none anywhere has no interval.
    """
    mean = float(units.accuracy(average).mean())
    if units.num_patients < FEWEST_PATIENTS:
        return Interval(mean, None, None, units.num_patients, units.num_seeds)
    if not is_difference and ((units.hits == 0).all() or (units.hits == 1).all()):
        edge = wilson_interval(round(mean) * units.num_patients, units.num_patients)
        return replace(edge, num_seeds=units.num_seeds)
    return interval_of_patients(units, average, _replicates(units, average))


def _replicates(units: UnitHits, average: Average) -> NDArray[np.float64]:
    """Returns accuracies of resampled patients: the same patients for every row, every time."""
    return accuracies_of_samples(units, average, _draws(units.num_patients))


@lru_cache(maxsize=16)
def _draws(num_patients: int) -> NDArray[np.float64]:
    return draw_patients(num_patients, np.random.default_rng(0))


def rows_of_hits(piece: Slice, store: ResultsStore) -> tuple[RowHits, ...]:
    """Returns the rows that have a finished point, in the order of the suite; all of the same units.

    Raises:
        ResultsError: a table of units is missing or not readable, or two hold different units.
    """
    points = [point for point in piece.points if piece.is_localized(point)]
    if not points:
        return ()
    first = _read_units(points[0], store)
    order = np.lexsort((first["finding"], first["image"]))
    images, patients, findings = (first[column].to_numpy()[order] for column in _UNIT)
    rows: dict[str, list[tuple[Point, NDArray[np.float64]]]] = {}
    for point in points:
        table = _read_units(point, store)
        if not table[_UNIT].equals(first[_UNIT]):
            raise ResultsError(
                f"{points[0].trial.id} and {point.trial.id} were scored on different units, so the data set "
                "changed between them; move the folder of one away and run it again"
            )
        rows.setdefault(point.row, []).append((point, table["hit"].to_numpy(float)[order]))
    return tuple(
        RowHits(
            label,
            tuple(point.trial.seed for point, _ in found),
            UnitHits(np.column_stack([hits for _, hits in found]), images, patients, findings),
            tuple(point.trial.id for point, _ in found),
        )
        for label, found in rows.items()
    )


def _read_units(point: Point, store: ResultsStore) -> pd.DataFrame:
    folder = store.folder(point.trial.id)
    path = folder.units if point.cam == "native" else folder.cam_units(point.cam)
    return read_table(path, (*_UNIT, "hit"))
