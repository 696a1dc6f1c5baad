"""Scores of one model unit by unit and seed by seed, or differences of two models.

They can be resampled: a patient is taken several times, or left out, with all of its units, for all findings
and seeds at once, since units of a patient resemble each other.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.metrics.measure import ColumnMean, Measure
from bench.suite.metrics import AVERAGES, WEIGHTED, Average

Floats = NDArray[np.float64]


NAMES = ["image", "patient", "finding"]
"""Columns of tables of units that name a unit, in the order of `Units`."""


class Units(NamedTuple):
    """Which units scores are of: image, patient and finding of each, [units]."""

    images: NDArray[Any]
    patients: NDArray[Any]
    findings: NDArray[Any]

    def at(self, chosen: NDArray[Any]) -> "Units":
        """Returns some of them."""
        return Units(*(column[chosen] for column in self))

    def are(self, other: "Units") -> bool:
        """Whether they are the same images and findings in the same order."""
        return np.array_equal(self.images, other.images) and np.array_equal(self.findings, other.findings)


class UnitScores(ABC):
    """Scores of one model, or the difference of two, for units and seeds."""

    units: Units
    is_difference: bool

    @property
    @abstractmethod
    def num_seeds(self) -> int:
        """Number of seeds."""

    @property
    def num_patients(self) -> int:
        """Number of different patients."""
        return len(self._patients[0])

    @cached_property
    def _patients(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The patients in ascending order, and which one each unit is of."""
        number, patients = pd.factorize(self.units.patients, sort=True)
        return np.asarray(patients), number

    @abstractmethod
    def of_finding(self, finding: object) -> "UnitScores":
        """Returns the units of one finding, so that its own patients are resampled.

        Raises:
            ValueError: no unit has this finding.
        """

    def in_column(self, column: str) -> "UnitScores":
        """Returns the units of a table's column: all of an average's, else those of the finding."""
        return self if column in AVERAGES else self.of_finding(column)

    @abstractmethod
    def of_seeds(self, chosen: Sequence[int]) -> "UnitScores":
        """Returns the seeds at these places."""

    @abstractmethod
    def values(self, average: Average) -> Floats:
        """Returns the metric of each seed, [seeds]; of differences the difference.

        Source: thesis §5.3, weighted and macro average.
        """

    @abstractmethod
    def resampled(self, average: Average, times: Floats) -> Floats:
        """Returns each seed's metric, [samples, seeds], where patients are taken `times`.

        Args:
            average: weighted or macro; the macro average of a sample that lacks a finding is over the others.
            times: [samples, patients], patients in ascending order; the same `times` draw the same patients
                of several models.
        """

    @abstractmethod
    def without_a_patient(self, average: Average) -> Floats:
        """Returns each seed's metric without each patient in turn (the jackknife): [patients, seeds]."""

    @abstractmethod
    def minus(self, other: "UnitScores") -> "UnitScores":
        """Returns the differences to another model on the same units in the same order, seed by seed.

        Args:
            other: by as many seeds, or by one, which is taken off each, as a control is.

        Raises:
            ValueError: the units or the number of seeds differ.
        """

    def _require_same_units(self, other: "UnitScores") -> None:
        if other.num_seeds not in (1, self.num_seeds) or not self.units.are(other.units):
            raise ValueError("only scores of the same units, by as many seeds, can be compared unit by unit")


@dataclass(frozen=True)
class PatientSums:
    """Sums by patient of scores that are averaged, from which patients are resampled.

    Attributes:
        scores: sum over the units of a patient and finding, [patients, findings, seeds] float64.
        units: number of these units, [patients, findings] int64.
    """

    scores: Floats
    units: NDArray[np.int64]

    def of_all_findings(self) -> "PatientSums":
        """Returns the sums over findings, as of a single one."""
        return PatientSums(self.scores.sum(axis=1, keepdims=True), self.units.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class MeanScores(UnitScores):
    """Scores of a metric that is the mean over units; hits, for example.

    Attributes:
        scores: [units, seeds] float64.
        units: which units.
        is_difference: whether they are differences of two models.

    Raises:
        ValueError: no unit or no seed, shapes that do not fit, or scores that are not finite.
    """

    scores: Floats
    units: Units
    is_difference: bool = False

    def __post_init__(self) -> None:
        if self.scores.ndim != 2 or 0 in self.scores.shape:
            raise ValueError(
                f"scores need the shape [units, seeds] with at least one of each; got {self.scores.shape}"
            )
        for name, column in zip(Units._fields, self.units, strict=True):
            if column.shape != self.scores.shape[:1]:
                raise ValueError(
                    f"{name} need one value for each of {len(self.scores)} units; got {column.shape}"
                )
        if not np.isfinite(self.scores).all():
            raise ValueError("scores need to be finite")

    @property
    def num_seeds(self) -> int:
        """Number of seeds."""
        return int(self.scores.shape[1])

    def of_finding(self, finding: object) -> "MeanScores":
        """See `UnitScores`."""
        chosen = self.units.findings == finding
        return replace(self, scores=self.scores[chosen], units=self.units.at(chosen))

    def of_seeds(self, chosen: Sequence[int]) -> "MeanScores":
        """See `UnitScores`."""
        return replace(self, scores=self.scores[:, list(chosen)])

    def minus(self, other: UnitScores) -> "MeanScores":
        """See `UnitScores`: the difference of means is the mean of differences."""
        assert isinstance(other, MeanScores), "the rows of a table are of one metric"
        self._require_same_units(other)
        return replace(self, scores=self.scores - other.scores, is_difference=True)

    def by_patient(self) -> PatientSums:
        """Returns the sums over the units of each patient and finding."""
        patients, row = self._patients
        findings, column = np.unique(self.units.findings, return_inverse=True)
        shape = (len(patients), len(findings))
        units = np.zeros(shape, np.int64)
        scores = np.zeros((*shape, self.num_seeds))
        np.add.at(units, (row, column), 1)
        np.add.at(scores, (row, column), self.scores)
        return PatientSums(scores, units)

    def values(self, average: Average) -> Floats:
        """See `UnitScores`."""
        if average == WEIGHTED:
            weighted: Floats = self.scores.mean(axis=0)
            return weighted
        findings = np.unique(self.units.findings)
        means = [self.scores[self.units.findings == finding].mean(axis=0) for finding in findings]
        macro: Floats = np.mean(means, axis=0)
        return macro

    def resampled(self, average: Average, times: Floats) -> Floats:
        """See `UnitScores`."""
        sums = self._sums(average)
        scores = (times @ sums.scores.reshape(len(sums.scores), -1)).reshape(-1, *sums.scores.shape[1:])
        return _averaged(scores, times @ sums.units)

    def without_a_patient(self, average: Average) -> Floats:
        """See `UnitScores`."""
        sums = self._sums(average)
        return _averaged(sums.scores.sum(axis=0) - sums.scores, sums.units.sum(axis=0) - sums.units)

    def _sums(self, average: Average) -> PatientSums:
        sums = self.by_patient()
        return sums.of_all_findings() if average == WEIGHTED else sums


def _averaged(scores: Floats, units: Floats) -> Floats:
    """Returns the mean score over the findings that have units, [samples, seeds].

    Args:
        scores: [samples, findings, seeds].
        units: [samples, findings].
    """
    by_finding = scores / np.maximum(units, 1)[..., None]
    macro: Floats = by_finding.sum(axis=1) / (units > 0).sum(axis=1)[:, None]
    return macro


_ALL = object()
"""In place of a finding: the units of all of them."""


class _Known(NamedTuple):
    """The metric of a finding in samples of patients, and the samples; None is every unit once."""

    times: Floats | None
    found: tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class ReducedScores(UnitScores):
    """Statistics of a metric that is no mean over units: AUROC, for example.

    Attributes:
        statistics: [units, seeds, k] float64.
        units: which units.
        measure: computes the metric.
        subtracted: scores of another model that are taken off; None of a single model.
        known: metrics of findings computed so far; scores of the same units and seeds share them.
    """

    statistics: Floats
    units: Units
    measure: Measure
    subtracted: "ReducedScores | None" = None
    known: dict[tuple[object, bool], _Known] = field(default_factory=dict, repr=False)

    @property
    def is_difference(self) -> bool:  # type: ignore[override]
        """Whether it is the difference of two models."""
        return self.subtracted is not None

    @property
    def num_seeds(self) -> int:
        """Number of seeds."""
        return int(self.statistics.shape[1])

    @cached_property
    def _members(self) -> dict[object, NDArray[np.int64]]:
        """The units of each finding."""
        codes, names = pd.factorize(self.units.findings, sort=True)
        return {name: np.flatnonzero(codes == code) for code, name in enumerate(names)}

    def of_finding(self, finding: object) -> "ReducedScores":
        """See `UnitScores`."""
        if finding not in self._members:
            raise ValueError(f"no unit is of {finding!r}")
        own = self._members[finding]
        has_all = len(np.unique(self._patients[1][own])) == self.num_patients
        return replace(
            self,
            statistics=self.statistics[own],
            units=self.units.at(own),
            subtracted=None if self.subtracted is None else self.subtracted.of_finding(finding),
            known=self.known if has_all else {},
        )

    def of_seeds(self, chosen: Sequence[int]) -> "ReducedScores":
        """See `UnitScores`."""
        if list(chosen) == list(range(self.num_seeds)):
            return self
        rest = self.subtracted
        if rest is not None and rest.num_seeds > 1:
            rest = rest.of_seeds(chosen)
        return replace(self, statistics=self.statistics[:, list(chosen)], subtracted=rest, known={})

    def minus(self, other: UnitScores) -> "ReducedScores":
        """See `UnitScores`: both are taken of the same sample of patients."""
        assert isinstance(other, ReducedScores), "the rows of a table are of one metric"
        self._require_same_units(other)
        return replace(self, subtracted=other)

    def values(self, average: Average) -> Floats:
        """See `UnitScores`."""
        value: Floats = self._averaged(average, None)[0]
        return value

    def resampled(self, average: Average, times: Floats) -> Floats:
        """See `UnitScores`."""
        return self._averaged(average, times)

    def without_a_patient(self, average: Average) -> Floats:
        """See `UnitScores`."""
        return self._averaged(average, 1 - np.eye(self.num_patients), is_kept=False)

    def _averaged(self, average: Average, times: Floats | None, *, is_kept: bool = True) -> Floats:
        """Returns the average over the findings of which the metric is defined, [samples, seeds]."""
        is_pooled = average == WEIGHTED and self.measure.is_pooled and len(self._members) > 1
        names = [_ALL] if is_pooled else list(self._members)
        found = [self._of_finding(name, times, is_kept=is_kept) for name in names]
        values = np.stack([value for value, _ in found])
        counts = np.stack([count for _, count in found])[..., None]
        is_defined = ~np.isnan(values)
        mass = is_defined * (counts if average == WEIGHTED else 1)
        averaged: Floats = np.where(is_defined, values * mass, 0).sum(axis=0) / mass.sum(axis=0)
        if self.subtracted is None:
            return averaged
        return averaged - self.subtracted._averaged(average, times, is_kept=is_kept)

    def _of_finding(self, name: object, times: Floats | None, *, is_kept: bool) -> tuple[Floats, Floats]:
        """Returns the metric of a finding, [samples, seeds], and how much the finding counts, [samples].

        Args:
            name: of the finding, or `_ALL`.
            times: see `resampled`; None is every unit once, exactly.
            is_kept: whether it is asked for again, by the same `times`.
        """
        key = (name, times is None)
        if key in self.known and self.known[key].times is times:
            return self.known[key].found
        own = np.arange(len(self.statistics)) if name is _ALL else self._members[name]
        statistics, groups = self.statistics[own], self._patients[1][own]
        each = self.measure.counts(statistics[:, 0])
        if times is None:
            ones = np.ones((1, len(own)))
            values = [self.measure.reduce(statistics[:, seed], ones) for seed in range(self.num_seeds)]
            counts = each.sum(keepdims=True)
        else:
            values = [self.measure.resample(statistics[:, i], groups, times) for i in range(self.num_seeds)]
            counts = times @ np.bincount(groups, each, times.shape[1])
        found = np.stack(values, axis=1), counts
        if is_kept:
            self.known[key] = _Known(times, found)
        return found


def scores_of(tables: Sequence[pd.DataFrame], measure: Measure) -> UnitScores:
    """Returns the scores of one model from its tables of units, one for each seed, by image and finding.

    Args:
        tables: with image, patient, finding and the measure's columns, rows in any order.
        measure: computes the metric.

    Raises:
        ValueError: no table, a unit twice, or seeds with different units.
    """
    if not tables:
        raise ValueError("scores need the table of units of at least one seed")
    first, order = tables[0], _order(tables[0])
    units = Units(*(first[column].to_numpy()[order] for column in NAMES))
    if first.duplicated(["image", "finding"]).any():
        raise ValueError("a table of units has a unit (image and finding) twice")
    found = []
    for table in tables:
        is_alike = table[NAMES].equals(first[NAMES])
        own = order if is_alike else _order(table)
        if not is_alike and not all(
            np.array_equal(table[column].to_numpy()[own], of_units)
            for column, of_units in zip(NAMES, units, strict=True)
        ):
            raise ValueError("the tables of units of the seeds do not have the same units")
        found.append(measure.statistic(table)[own])
    return _scores(np.stack(found, axis=1), units, measure)


def scores_of_statistic(names: pd.DataFrame, statistic: Floats, measure: Measure) -> UnitScores:
    """Returns the scores of what has no seeds, such as a control, as by a single one.

    Args:
        names: n units with image, patient and finding.
        statistic: of each unit, [n, k].
        measure: computes the metric of them.
    """
    order = _order(names)
    units = Units(*(names[column].to_numpy()[order] for column in NAMES))
    return _scores(statistic[order][:, None], units, measure)


def _scores(statistics: Floats, units: Units, measure: Measure) -> UnitScores:
    """Returns scores of statistics [units, seeds, k]."""
    if isinstance(measure, ColumnMean):
        return MeanScores(statistics[..., 0], units)
    return ReducedScores(statistics, units, measure)


def _order(table: pd.DataFrame) -> NDArray[np.int64]:
    """Returns the order of images and, within one, of findings; numbers are sorted faster than names."""
    image, finding = (pd.factorize(table[column], sort=True)[0] for column in ("image", "finding"))
    return np.lexsort((finding, image))
