"""What the trials of the thesis' suites say of a cell of its tables, or why they say nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.errors import listing
from bench.reporting.control_rows import mean_areas
from bench.reporting.row_hits import RowHits, have_units, rows_of_hits
from bench.reporting.sides import METRICS
from bench.reporting.standing import Standing, standings
from bench.reporting.thesis.layout import Slot, ThesisTable
from bench.results.record import Record
from bench.results.store import ResultsStore
from bench.results.units import read_table
from bench.suite.claims import Margins, Metric
from bench.suite.grid import Grid, Point
from bench.suite.load import LoadedSuite, load_suite

_NAMED = 5
"""Trials that a footnote names before it counts the rest."""


@dataclass(frozen=True)
class Measured:
    """Values of a cell.

    Attributes:
        by_seed: value and trial id by seed.
        points: of the seeds, in their order.
        area: the value of a fact of boxes.
        hole: why there is no value, as a sentence; empty if there is one.
        margins: what the suite declares as no difference.
    """

    by_seed: Mapping[int, tuple[float, str]] = field(default_factory=dict)
    points: tuple[Point, ...] = ()
    area: float | None = None
    hole: str = ""
    margins: Margins = field(default_factory=Margins)

    @property
    def values(self) -> list[float]:
        """Of the seeds, in their order."""
        return [self.by_seed[seed][0] for seed in sorted(self.by_seed)]


class Measurements:
    """Looks up cells in the results folder; reads each suite, record and table of boxes once."""

    def __init__(self, suites_dir: Path, store: ResultsStore) -> None:
        self._suites_dir = suites_dir
        self._store = store
        self._rows: dict[str, Mapping[tuple[str, int], list[Point]] | None] = {}
        self._margins: dict[str | None, Margins] = {}
        self._suites: dict[str, LoadedSuite] = {}
        self._records: dict[str, Record | None] = {}
        self._areas: dict[str, Mapping[str, float] | None] = {}
        self._hits: dict[tuple[str, ...], RowHits] = {}
        self._standings: dict[tuple[object, ...], Mapping[str, Standing]] = {}

    @property
    def suites(self) -> tuple[LoadedSuite, ...]:
        """Those that were read so far, by name."""
        return tuple(self._suites[name] for name in sorted(self._suites))

    def of(self, slot: Slot) -> Measured:
        """Returns the values of the slot's finished trials.

        Raises:
            SuiteError: the suite is there and is not usable.
            ResultsError: a record or a table of boxes cannot be read.
        """
        suite = slot.source.suites.get(slot.resolution)
        if suite is None:
            return Measured(hole="Reported by others; no suite measures it.")
        rows = self._rows_of(suite)
        if rows is None:
            return Measured(hole=f"There is no suite {suite}.")
        return replace(self._of_suite(slot, suite, rows), margins=self._margins[suite])

    def standings(self, rivals: Mapping[str, Slot]) -> Mapping[str, Standing]:
        """Returns the standing of each slot that has a value among its rivals, by the names given.

        Raises:
            SuiteError: a suite is there and is not usable.
            ResultsError: a record or a table of units cannot be read.
        """
        key = tuple((name, slot.table, slot.quantity, slot.resolution) for name, slot in rivals.items())
        if key not in self._standings:
            values = {
                name: {seed: value for seed, (value, _) in self.of(slot).by_seed.items()}
                for name, slot in rivals.items()
            }
            self._standings[key] = standings(values, lambda name: self.hits_of(rivals[name]))
        return self._standings[key]

    def hits_of(self, slot: Slot) -> RowHits | None:
        """Returns the hits behind the slot's values; None where there are no units.

        Raises:
            SuiteError: the suite is there and is not usable.
            ResultsError: a record or a table of units cannot be read.
        """
        metric = next((name for name in METRICS if name == slot.quantity.metric), None)
        points = self.of(slot).points
        if metric is None or not have_units(points, self._store):
            return None
        key = (metric, *(point.trial.id for point in points))
        if key not in self._hits:
            self._hits[key] = rows_of_hits({slot.source.label: points}, self._store, metric)[
                slot.source.label
            ]
        return self._hits[key].in_column(slot.quantity.name)

    def margins_of(self, table: ThesisTable, metric: Metric) -> tuple[float, ...]:
        """Returns the margins that the table's suites declare for the metric, the smallest first.

        Raises:
            SuiteError: a suite is there and is not usable.
        """
        suites = {slot.source.suites.get(slot.resolution) for slot in table.slots()}
        for suite in suites - {None}:
            self._rows_of(str(suite))
        declared = [self._margins[suite] for suite in suites if suite in self._margins] or [Margins()]
        return tuple(sorted({margins.of(metric) for margins in declared}))

    def _of_suite(self, slot: Slot, suite: str, rows: Mapping[tuple[str, int], list[Point]]) -> Measured:
        if slot.source.kind == "area":
            return self._area(suite, [point for row in rows.values() for point in row], slot.quantity.name)
        label = slot.source.model or slot.source.label
        points = rows.get((label, slot.resolution))
        if points is None:
            return Measured(hole=f"Suite {suite} has no row {label} at {slot.resolution} px.")
        metric = f"{slot.quantity.metric}/{slot.quantity.name}"
        values = {point.trial.seed: (self._metrics(point.trial.id), point) for point in points}
        scored = {seed: values[seed] for seed in sorted(values) if metric in values[seed][0]}
        if not scored:
            return Measured(hole=self._hole(suite, points))
        return Measured(
            {seed: (metrics[metric], point.trial.id) for seed, (metrics, point) in scored.items()},
            tuple(point for _, point in scored.values()),
        )

    def _rows_of(self, suite: str) -> Mapping[tuple[str, int], list[Point]] | None:
        """The suite's trials by label and resolution; None if there is no such suite."""
        if suite not in self._rows:
            path = self._suites_dir / f"{suite}.yaml"
            loaded = load_suite(path) if path.exists() else None
            self._rows[suite] = None if loaded is None else _rows(loaded.grid)
            if loaded is not None:
                self._margins[suite] = loaded.suite.margins
                self._suites[suite] = loaded
        return self._rows[suite]

    def _record(self, trial_id: str) -> Record | None:
        if trial_id not in self._records:
            self._records[trial_id] = self._store.record(trial_id)
        return self._records[trial_id]

    def _metrics(self, trial_id: str) -> Mapping[str, float]:
        record = self._record(trial_id)
        return {} if record is None or record.outcome is None else record.outcome.metrics

    def _area(self, suite: str, points: Sequence[Point], finding: str) -> Measured:
        """Returns the mean share of the image of the boxes that the suite's first finished trial had."""
        if suite not in self._areas:
            finished = next((point for point in points if self._metrics(point.trial.id)), None)
            self._areas[suite] = None if finished is None else self._mean_areas(finished)
        areas = self._areas[suite]
        if areas is None:
            return Measured(hole=f"No finished trial of suite {suite} whose boxes could be measured.")
        if finding not in areas:
            return Measured(hole="No box of the finding.")
        return Measured(area=areas[finding])

    def _mean_areas(self, point: Point) -> Mapping[str, float]:
        boxes = read_table(self._store.folder(point.trial.id).boxes)
        return mean_areas(boxes, point.trial.resolution)

    def _hole(self, suite: str, points: Sequence[Point]) -> str:
        records = [self._record(point.trial.id) for point in points]
        failed = [record.trial.id for record in records if record is not None and record.status == "failed"]
        if failed:
            return f"Failed: {listing(failed, _NAMED)} of suite {suite}."
        if not any(record is not None for record in records):
            return f"Suite {suite} has not run it."
        return f"Scored without this metric in suite {suite}."


def _rows(grid: Grid) -> Mapping[tuple[str, int], list[Point]]:
    rows: dict[tuple[str, int], list[Point]] = {}
    for point in grid.points:
        rows.setdefault((point.row, point.trial.resolution), []).append(point)
    return rows
