"""What the tables of a metric are made of: the scores of their rows, controls, areas, and what is missing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.errors import ResultsError, listing
from bench.metrics.measure import measure_of
from bench.reporting.tables.control_rows import Control, controls_of
from bench.reporting.tables.table import Subject, TableKind
from bench.results.grid_results import Place, Results, native
from bench.statistics.scores import Scores
from bench.statistics.spread import SEEDS_ALONE, SEEDS_AND_PATIENTS, Population
from bench.statistics.unit_scores import UnitScores, scores_of
from bench.suite.cam import NATIVE, CamMethod, with_cam
from bench.suite.grid import Point
from bench.suite.metrics import METRICS, WEIGHTED, Metric, average_of

_NAMED = 8
"""Trials that a sentence names before it counts the rest."""


@dataclass(frozen=True, eq=False)
class RowScores:
    """A row in the table of a metric.

    Attributes:
        label: the row.
        metric: what is scored.
        points: all that the suite asks for, of one map.
        results: where they are.
    """

    label: str
    metric: Metric
    points: tuple[Point, ...]
    results: Results

    @property
    def cam(self) -> CamMethod:
        """The map."""
        return self.points[0].cam

    @cached_property
    def scored(self) -> tuple[Point, ...]:
        """The points that are finished and have the metric."""
        return tuple(point for point in self.points if self.results.has(point, self.metric))

    def in_column(self, column: str) -> Scores:
        """Returns what the row scores in a column: weighted, macro or a finding; nothing by no seed."""
        values = self.results.values(self.scored, self.metric, column)

        def units() -> UnitScores | None:
            if self.units is None:
                return None
            seeds = [point.trial.seed for point in self.scored]
            return self.units.of_seeds([seeds.index(seed) for seed in values]).in_column(column)

        by_seed = {seed: one.value for seed, one in values.items()}
        ids = tuple(one.trial_id for one in values.values())
        return Scores(self.label, by_seed, ids, units, average_of(column))

    @cached_property
    def has_units(self) -> bool:
        """Whether there are tables of units of all that is scored."""
        return bool(self.scored) and all(self.results.has_units(point, self.metric) for point in self.scored)

    @cached_property
    def units(self) -> UnitScores | None:
        """Of the scored points, one after the other; None where tables of units are missing.

        Raises:
            ResultsError: a table of units is not readable, or two are of different units.
        """
        if not self.has_units:
            return None
        tables = [self.results.units_of(point, self.metric) for point in self.scored]
        try:
            return scores_of(tables, measure_of(self.metric.name))
        except ValueError as error:
            ids = listing((point.trial.id for point in self.scored), _NAMED)
            raise ResultsError(
                f"{self.label}: {ids} were scored on different units ({error}), so the data set changed "
                "between them; move the folders of the outdated ones away and run them again"
            ) from None


def population_of(rows: Iterable[RowScores]) -> Population:
    """Returns whom tests among the rows speak of: other patients too, where all that is scored has units."""
    scored = [row for row in rows if row.scored]
    return SEEDS_AND_PATIENTS if scored and all(row.has_units for row in scored) else SEEDS_ALONE


@dataclass(frozen=True, eq=False)
class MetricRows:
    """The rows of a metric on one data set at one resolution.

    Attributes:
        place: data set and resolution.
        metric: what is scored.
        columns: averages, then findings, that a trial has.
        rows: finished or not, in the order of the suite.
        results: where they are.
    """

    place: Place
    metric: Metric
    columns: tuple[str, ...]
    rows: tuple[RowScores, ...]
    results: Results

    def subject(self, kind: TableKind) -> Subject:
        """Returns what a table of the rows is of."""
        return Subject(kind, self.metric.name, self.place.dataset, self.place.resolution)

    def in_column(self, column: str) -> dict[str, Scores]:
        """Returns by row what is scored in a column."""
        return {row.label: row.in_column(column) for row in self.rows}

    @property
    def with_units(self) -> list[Scores]:
        """The weighted averages of the rows that have units."""
        return [row.in_column(WEIGHTED) for row in self.rows if row.has_units]

    @property
    def population(self) -> Population:
        """Whom tests among the rows speak of."""
        return population_of(self.rows)

    @property
    def has_cams(self) -> bool:
        """Whether the suite asks for maps beside the native one."""
        return any(point.cam != NATIVE for point in self.place.points)

    @cached_property
    def finished(self) -> Point:
        """The first point whose trial is finished."""
        point = self.results.first_finished(self.place.points)
        assert point is not None, "a trial has the metric"
        return point

    @cached_property
    def areas(self) -> Mapping[str, float]:
        """By finding, the mean share of the image that its boxes cover."""
        return self.results.areas_of(self.finished)

    @property
    def units(self) -> pd.DataFrame | None:
        """The units that the first finished trial was scored on; None of a metric of the model."""
        return None if self.metric.is_of_model else self.results.units_of(self.finished)

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        """What is reached without looking at the image; none of a metric that is not of peaks alone."""
        if self.metric.needs != {"peaks"}:
            return ()
        boxes, units = self.results.boxes_of(self.finished.trial.id), self.results.units_of(self.finished)
        return controls_of(boxes, units, self.metric, self.place.resolution)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is missing or not defined, in sentences."""
        gaps = self.results.gaps(point for row in self.rows for point in row.points)
        return (*gaps, *self._undefined, *self._lacking)

    @property
    def _undefined(self) -> tuple[str, ...]:
        """What records note of values that are not defined, say of a finding with one label only."""
        records = (self.results.record(point.trial.id) for point in self.place.points)
        notes = (note for record in records if record and record.outcome for note in record.outcome.notes)
        return tuple(f"{note}." for note in sorted({note for note in notes if "undefined" in note}))

    @property
    def _lacking(self) -> tuple[str, ...]:
        """Which finished points were scored without the metric, if there are any."""
        lacking = [
            with_cam(point.trial.id, point.cam)
            for row in self.rows
            for point in row.points
            if not self.results.has(point, self.metric) and self.results.metrics(point)
        ]
        return (f"Scored without this metric: {listing(dict.fromkeys(lacking), _NAMED)}.",) if lacking else ()


def rows_by_metric(results: Results) -> tuple[MetricRows, ...]:
    """Returns the rows of each metric that a trial has, by data set and resolution."""
    return tuple(
        MetricRows(place, metric, columns, rows_of(place, metric, results), results)
        for place in results.places
        for metric in METRICS.values()
        if (columns := results.columns(map(native, place.points), metric))
    )


def rows_of(place: Place, metric: Metric, results: Results) -> tuple[RowScores, ...]:
    """Returns the rows of the metric's table, finished or not, in the order of the suite."""
    return tuple(RowScores(label, metric, points, results) for label, points in place.rows(metric).items())
