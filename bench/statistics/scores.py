"""Scores of a row of a table in one column, seed by seed, with their intervals and tests."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.errors import MOST_NAMED, ResultsError, listing
from bench.statistics.bootstrap import (
    draw_patients,
    interval_of_patients,
    interval_of_spread,
    spread_of,
    spread_over_patients,
)
from bench.statistics.interval import Interval, wilson_interval
from bench.statistics.paired import paired_p
from bench.statistics.spread import PATIENTS_ALONE, SEEDS_ALONE, SEEDS_AND_PATIENTS, Population, Spread
from bench.statistics.student import MeanInterval, mean_interval
from bench.statistics.unit_scores import MeanScores, UnitScores
from bench.suite.metrics import MACRO, WEIGHTED, Average

FEWEST_PATIENTS = 40
"""Below it no interval over patients alone is given: `interval_of_patients` says how they cover."""


@dataclass(frozen=True, eq=False)
class ColumnScores:
    """Values of a row's finished trials in one column of a metric, or the differences between two rows.

    Intervals and tests are of the units where there are units, else of the recorded values.

    Attributes:
        label: the row.
        by_seed: recorded value of each seed; of a control, which has no seeds, its value as of seed 0.
        trial_ids: the trials, of both rows of a difference; controls have none.
        load_units: gives the scores of its units, with the same seeds; None where there are none.
        average: of the units.
    """

    label: str
    by_seed: Mapping[int, float]
    trial_ids: tuple[str, ...] = ()
    load_units: Callable[[], UnitScores | None] = lambda: None
    average: Average = WEIGHTED
    has_seeds: bool = True
    """Whether other seeds would give other values: not of a subject, which was trained elsewhere. Beside a
    row with seeds it counts as the same for each of them."""

    @cached_property
    def units(self) -> UnitScores | None:
        """The scores of its units."""
        return self.load_units()

    @property
    def values(self) -> list[float]:
        """The value of each seed, or the difference."""
        return list(self.by_seed.values())

    @property
    def num_seeds(self) -> int:
        """Seeds behind the mean; none of a control."""
        return len(self.by_seed) if self.trial_ids else 0

    def minus(self, other: "ColumnScores") -> "ColumnScores | None":
        """Returns the differences for the seeds that both rows have; None if they share none.

        Its units raise a `ResultsError` where the rows were scored on different ones.
        """
        one, two = self._for_each_seed_of(other), other._for_each_seed_of(self)
        seeds = [seed for seed in one.by_seed if seed in two.by_seed]
        if not seeds:
            return None
        first, second = one.of_seeds(seeds), two.of_seeds(seeds)
        label = f"{self.label} − {other.label}"
        ids = tuple(dict.fromkeys((*first.trial_ids, *second.trial_ids)))

        def difference() -> UnitScores | None:
            if first.units is None or second.units is None:
                return None
            try:
                return first.units.minus(second.units)
            except ValueError as error:
                raise ResultsError(f"{label}: {error} ({listing(ids, MOST_NAMED)})") from None

        by_seed = {seed: first.by_seed[seed] - second.by_seed[seed] for seed in seeds}
        return replace(first, label=label, by_seed=by_seed, trial_ids=ids, load_units=difference)

    def _for_each_seed_of(self, other: "ColumnScores") -> "ColumnScores":
        """Returns the row; one without seeds as if it had those of a row that has some."""
        if self.has_seeds or not other.has_seeds or not self.by_seed:
            return self
        ((_, value),) = self.by_seed.items()
        ids = self.trial_ids * len(other.by_seed)

        def repeated() -> UnitScores | None:
            return None if self.units is None else self.units.of_seeds([0] * len(other.by_seed))

        by_seed = dict.fromkeys(other.by_seed, value)
        return replace(self, by_seed=by_seed, trial_ids=ids, load_units=repeated, has_seeds=True)

    def minus_control(self, control: "ColumnScores") -> "ColumnScores":
        """Returns the differences to a control, which is the same for every seed; both have units.

        Raises:
            ResultsError: the row was scored on other units than the control.
        """
        assert self.units is not None
        assert control.units is not None
        try:
            found = self.units.minus(control.units)
        except ValueError as error:
            ids = listing(self.trial_ids, MOST_NAMED)
            raise ResultsError(f"{self.label} − {control.label}: {error} ({ids})") from None
        by_seed = dict(zip(self.by_seed, found.values(self.average).tolist(), strict=True))
        return replace(
            self, label=f"{self.label} − {control.label}", by_seed=by_seed, load_units=lambda: found
        )

    def of_seeds(self, seeds: list[int]) -> "ColumnScores":
        """Returns the scores of some of its seeds."""
        order = list(self.by_seed)
        places = [order.index(seed) for seed in seeds]

        def chosen() -> UnitScores | None:
            return None if self.units is None else self.units.of_seeds(places)

        return replace(
            self,
            by_seed={seed: self.by_seed[seed] for seed in seeds},
            trial_ids=tuple(self.trial_ids[place] for place in places),
            load_units=chosen,
        )

    @cached_property
    def recorded(self) -> MeanInterval:
        """The mean of the recorded values, for other seeds and these images: what tables print."""
        return mean_interval(self.values)

    @cached_property
    def over_seeds(self) -> MeanInterval:
        """The mean for other seeds and these images."""
        return mean_interval(self.tested)

    @cached_property
    def p_over_seeds(self) -> float:
        """Two-sided p that the mean is 0 for other seeds and these images; NaN without a test."""
        return paired_p(self.tested)

    @cached_property
    def tested(self) -> list[float]:
        """The values of the seeds that intervals and tests are of: from their units, or as recorded."""
        return self.values if self.units is None else self.units.values(self.average).tolist()

    @cached_property
    def over_patients(self) -> Interval | None:
        """The mean for these seeds and other patients, see `interval_over_patients`; None without units."""
        return None if self.units is None else interval_over_patients(self.units, self.average)

    @cached_property
    def p_over_patients(self) -> float:
        """Two-sided p that the mean is 0 for these seeds and other patients; NaN where they are few."""
        if self.units is None or self.spread_over_patients is None:
            return math.nan
        return self.spread_over_patients.p_of(float(self.units.values(self.average).mean()))

    @cached_property
    def spread_over_patients(self) -> Spread | None:
        """The spread of the mean for these seeds and other patients; None where they are few."""
        if self.units is None or self.units.num_patients < FEWEST_PATIENTS:
            return None
        return spread_over_patients(_replicates(self.units, self.average), self.units.num_patients)

    @cached_property
    def over_both(self) -> Interval | None:
        """The mean for other seeds and other patients, where there are two of both; None without units."""
        return None if self.units is None else interval_of_spread(self.units, self.average, self.spread)

    @cached_property
    def p_over_both(self) -> float:
        """Two-sided p that the mean is 0 for other seeds and other patients; NaN without a test."""
        return math.nan if self.spread is None else self.spread.p_of(self.over_seeds.mean)

    @cached_property
    def decision(self) -> tuple[float, Population]:
        """The p that decides whether the mean is 0, and whom it speaks of: with patients where they vary."""
        if not self.has_seeds:
            return self.p_over_patients, PATIENTS_ALONE
        if self.spread is None:
            return self.p_over_seeds, SEEDS_ALONE
        return self.p_over_both, SEEDS_AND_PATIENTS

    @cached_property
    def spread(self) -> Spread | None:
        """The spread of the mean for other seeds and other patients; None where it cannot be estimated."""
        if self.units is None:
            return None
        return spread_of(self.units, self.average, _replicates(self.units, self.average))


def interval_over_patients(units: UnitScores, average: Average = WEIGHTED) -> Interval:
    """Returns the mean over seeds with its 95% interval over patients, where they are enough.

    Where every unit is hit, or none, resampling shows no spread: Wilson's interval of as many proportions as
    there are patients stands in, too wide rather than too short where patients have several units. In a macro
    average it stands in for such findings alone, and its distances add to the others' as squares. A
    difference of which there is none anywhere has no interval.
    """
    mean = float(units.values(average).mean())
    if units.num_patients < FEWEST_PATIENTS:
        return Interval(mean, None, None, units.num_patients, units.num_seeds)
    hits = units if isinstance(units, MeanScores) and not units.is_difference else None
    if hits is not None and ((hits.scores == 0).all() or (hits.scores == 1).all()):
        edge = wilson_interval(round(mean) * units.num_patients, units.num_patients)
        return replace(edge, num_seeds=units.num_seeds)
    interval = interval_of_patients(units, average, _replicates(units, average))
    return interval if hits is None or average != MACRO else _with_findings_at_an_end(interval, hits)


def _with_findings_at_an_end(interval: Interval, units: MeanScores) -> Interval:
    """Returns the interval of a macro average with what findings of nothing but hits or misses add to it."""
    parts = [units.of_finding(finding) for finding in np.unique(units.units.findings)]
    below = above = 0.0
    for part in parts:
        if (part.scores == part.scores.flat[0]).all() and part.scores.flat[0] in (0, 1):
            hit = int(part.scores.flat[0])
            edge = wilson_interval(hit * part.num_patients, part.num_patients)
            assert edge.low is not None
            assert edge.high is not None
            below += ((hit - edge.low) / len(parts)) ** 2
            above += ((edge.high - hit) / len(parts)) ** 2
    return interval if below == above == 0 else interval.with_error(math.sqrt(below), math.sqrt(above))


def _replicates(units: UnitScores, average: Average) -> NDArray[np.float64]:
    """Returns values of resampled patients: the same patients for every row, every time."""
    return units.resampled(average, _draws(units.num_patients))


@lru_cache(maxsize=16)
def _draws(num_patients: int) -> NDArray[np.float64]:
    return draw_patients(num_patients, np.random.default_rng(0))
