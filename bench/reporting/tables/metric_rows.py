"""The scores of a metric's rows on one data set and resolution, its controls, areas and gaps."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.errors import MOST_NAMED, ResultsError, listing
from bench.metrics.measure import Measure, measure_of
from bench.reporting.references import Reference
from bench.reporting.tables.controls import Control, best_of, controls_of, is_beaten
from bench.reporting.tables.table import Subject, TableKind
from bench.results.grid_results import Place, Results, native
from bench.statistics.scores import ColumnScores
from bench.statistics.spread import SEEDS_ALONE, SEEDS_AND_PATIENTS, Population
from bench.statistics.unit_scores import UnitScores, scores_of
from bench.suite.cam import NATIVE, CamMethod, with_cam
from bench.suite.grid import Point
from bench.suite.metrics import AVERAGES, METRICS, WEIGHTED, Metric, average_of


@dataclass(frozen=True, eq=False)
class RowScores:
    """A row in the table of a metric.

    Attributes:
        label: the row.
        metric: that it is scored by.
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

    @property
    def is_subject(self) -> bool:
        """Whether it was trained elsewhere: it has one trial and no seeds."""
        return any(point.trial.subject is not None for point in self.points)

    @cached_property
    def scored(self) -> tuple[Point, ...]:
        """The points that are finished and have the metric."""
        return tuple(point for point in self.points if self.results.has(point, self.metric))

    def in_column(self, column: str) -> ColumnScores:
        """Returns what the row scores in a column: weighted, macro or a finding; nothing by no seed."""
        values = self.results.values(self.scored, self.metric, column)

        def units() -> UnitScores | None:
            if self.units is None:
                return None
            seeds = [point.trial.seed for point in self.scored]
            return self.units.of_seeds([seeds.index(seed) for seed in values]).in_column(column)

        by_seed = {seed: one.value for seed, one in values.items()}
        ids = tuple(one.trial_id for one in values.values())
        return ColumnScores(
            self.label, by_seed, ids, units, average_of(column), has_seeds=not self.is_subject
        )

    @cached_property
    def has_units(self) -> bool:
        """Whether there are tables of units of all that is scored."""
        return bool(self.scored) and all(self.results.has_units(point, self.metric) for point in self.scored)

    @property
    def has_average(self) -> bool:
        """Whether it has units, and averages of them: a subject that lacks a finding has none."""
        return self.has_units and bool(self.in_column(WEIGHTED).by_seed)

    @cached_property
    def units(self) -> UnitScores | None:
        """The units of the scored points, one after the other; None where tables of units are missing.

        Raises:
            ResultsError: a table of units is not readable, or two are of different units.
        """
        return self.units_by(measure_of(self.metric.name))

    def units_by(self, measure: Measure) -> UnitScores | None:
        """Returns the same by another measure of the same columns."""
        if not self.has_units:
            return None
        tables = [self.results.units_of(point, self.metric) for point in self.scored]
        try:
            return scores_of(tables, measure)
        except ValueError as error:
            ids = listing((point.trial.id for point in self.scored), MOST_NAMED)
            raise ResultsError(
                f"{ids} were scored on different units ({error}), so the data set changed between them; move "
                "the folders of the outdated ones away and run them again",
                place=self.label,
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
        columns: averages, then findings, that a trial has; at least one.
        results: where they are.
        beside: metrics whose controls are computed with those of this one, since they will be asked for.
    """

    place: Place
    metric: Metric
    columns: tuple[str, ...]
    results: Results
    beside: tuple[Metric, ...] = ()

    @cached_property
    def rows(self) -> tuple[RowScores, ...]:
        """Finished or not, in the order of the suite."""
        rows = self.place.rows(self.metric).items()
        return tuple(RowScores(label, self.metric, points, self.results) for label, points in rows)

    def subject(self, kind: TableKind) -> Subject:
        """Returns the subject of a table of the rows."""
        return Subject(kind, self.metric.name, self.place.dataset, self.place.resolution)

    def in_column(self, column: str) -> dict[str, ColumnScores]:
        """Returns by row what is scored in a column."""
        return {row.label: row.in_column(column) for row in self.rows}

    @cached_property
    def with_units(self) -> list[ColumnScores]:
        """The weighted averages of the rows that have units."""
        return [row.in_column(WEIGHTED) for row in self.rows if row.has_average]

    @property
    def population(self) -> Population:
        """Whom tests among the rows speak of."""
        return population_of(self.rows)

    @property
    def has_cams(self) -> bool:
        """Whether the suite asks for maps beside the native one."""
        return any(point.cam != NATIVE for point in self.place.points)

    def has_reference(self, reference: Reference) -> bool:
        """Whether a reference run has the metric on the data set at the resolution."""
        return self.is_of_place(reference) and any(
            self.metric.columns_in(seed.metrics) for seed in reference.record.seeds
        )

    def is_of_place(self, reference: Reference) -> bool:
        """Whether a reference run is of the data set and the resolution."""
        record, trial = reference.record, self.finished.trial
        return (record.dataset, record.resolution) == (trial.dataset.name, trial.resolution)

    @cached_property
    def finished(self) -> Point:
        """The first point whose trial is finished."""
        point = self._widest or self.results.first_finished(self.place.points)
        assert point is not None, "a trial has the metric"
        return point

    @cached_property
    def areas(self) -> Mapping[str, float]:
        """By finding, the mean share of the image that its boxes cover."""
        return self.results.areas_of(self.finished)

    @property
    def num_boxes(self) -> int:
        """Boxes and masks that the first finished trial was scored on."""
        return len(self.results.boxes_of(self.finished.trial.id))

    @property
    def units(self) -> pd.DataFrame | None:
        """The units that the first finished trial was scored on; None of a metric of the model."""
        return None if self.metric.is_of_model else self.results.units_of(self.finished)

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        """What does not depend on the image; none of a metric that needs more than maps."""
        first = self._widest if self.metric.has_controls else None
        if first is None:
            return ()
        boxes, units = self.results.boxes_of(first.trial.id), self.results.units_of(first)
        metrics = (self.metric, *self.beside)
        return controls_of(boxes, units, self.place.resolution, metrics).get(self.metric.name, ())

    @cached_property
    def _widest(self) -> Point | None:
        """The first of the scored points with units that have most findings: a subject may lack some."""
        points = [point for row in self.rows for point in row.scored if row.has_units]
        columns = [len(self.metric.columns_in(self.results.metrics(point))) for point in points]
        return points[columns.index(max(columns))] if points else None

    @cached_property
    def best_control(self) -> Control | None:
        """The control of the best weighted average; None of a metric without controls."""
        return best_of(self.controls, self.metric) if self.controls else None

    @cached_property
    def is_undecided(self) -> bool:
        """Whether rows could be tested against the best control, and none is shown to be better."""
        control = self.best_control if self.with_units else None
        return control is not None and is_beaten(control, self.with_units, self.metric) is False

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on trials that are missing or lack the metric, and on values that are not defined."""
        points = [point for row in self.rows for point in row.points]
        records = [self.results.record(point.trial.id) for point in self.place.points]
        recorded = {note for one in records if one and one.outcome for note in one.outcome.notes}
        undefined = [f"{note}." for note in sorted(recorded) if "undefined" in note]
        lacking = dict.fromkeys(
            with_cam(point.trial.id, point.cam)
            for point in points
            if not self.results.has(point, self.metric) and self.results.metrics(point)
        )
        without = [f"Scored without this metric: {listing(lacking, MOST_NAMED)}."] if lacking else []
        return (*self.results.gaps(points), *undefined, *self._of_subjects, *without)

    @property
    def _of_subjects(self) -> Iterator[str]:
        """Yields sentences on rows that were trained elsewhere, and on the findings that they lack."""
        names = {row.points[0].trial.id: row.points[0].label for row in self.rows if row.is_subject}
        if names:
            rows = listing(dict.fromkeys(names.values()))
            yield f"Trained elsewhere: {rows}. Seeds do not apply: one trial each, no interval over seeds."
        without: dict[tuple[str, ...], list[str]] = {}
        for trial_id, label in names.items():
            record = self.results.record(trial_id)
            if record is not None and record.outcome is not None and record.outcome.lacks:
                without.setdefault(record.outcome.lacks, []).append(label)
        for lacks, labels in without.items():
            yield (
                f"Without a class for {listing(lacks)}: {listing(labels)}. Neither these findings are scored "
                "there, nor averages over them."
            )


def rows_by_metric(place: Place, results: Results) -> list[MetricRows]:
    """Returns the rows of each metric that a trial of the place has."""
    found = {m: results.columns(map(native, place.points), m) for m in METRICS.values()}
    known = {metric: _with_averages(columns) for metric, columns in found.items() if columns}
    return [MetricRows(place, metric, columns, results, tuple(known)) for metric, columns in known.items()]


def _with_averages(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the columns, with those of averages where every row is a subject that lacks a finding."""
    return columns if WEIGHTED in columns else (*AVERAGES, *columns)
