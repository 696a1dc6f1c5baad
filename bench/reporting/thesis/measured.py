"""What the trials of the thesis' suites say of a cell of its tables, or why they say nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.errors import listing
from bench.reporting.tables.metric_rows import RowScores, population_of
from bench.reporting.tables.standing import Standing, standings
from bench.reporting.thesis.layout import Slot, ThesisTable
from bench.results.grid_results import Results
from bench.results.store import ResultsStore
from bench.statistics.scores import Scores
from bench.statistics.spread import Population
from bench.suite.claims import Margins
from bench.suite.grid import Point
from bench.suite.load import LoadedSuite, load_suite
from bench.suite.metrics import METRICS, Metric

_NAMED = 5
"""Trials that a footnote names before it counts the rest."""


@dataclass(frozen=True)
class Measured:
    """Values of a cell.

    Attributes:
        scores: of its seeds; None where there is no value, and of a fact of boxes.
        area: the value of a fact of boxes.
        hole: why there is no value, as a sentence; empty if there is one.
        margins: what the suite declares as no difference.
    """

    scores: Scores | None = None
    area: float | None = None
    hole: str = ""
    margins: Margins = field(default_factory=Margins)

    @property
    def values(self) -> list[float]:
        """Of the seeds, in their order."""
        return [] if self.scores is None else self.scores.values


@dataclass(frozen=True, eq=False)
class _Suite:
    """A suite, its results, and its points by row and resolution."""

    loaded: LoadedSuite
    results: Results
    rows: Mapping[tuple[str, int], tuple[Point, ...]]


class Measurements:
    """Looks up cells in the results folder; reads each suite and each file of results once."""

    def __init__(self, suites_dir: Path, store: ResultsStore) -> None:
        self._suites_dir = suites_dir
        self._store = store
        self._suites: dict[str, _Suite | None] = {}
        self._areas: dict[str, Mapping[str, float] | None] = {}
        self._rows: dict[tuple[str, str, int, str], RowScores] = {}
        self._standings: dict[tuple[object, ...], Mapping[str, Standing]] = {}

    @property
    def suites(self) -> tuple[LoadedSuite, ...]:
        """Those that were read so far, by name."""
        return tuple(suite.loaded for _, suite in sorted(self._suites.items()) if suite is not None)

    def of(self, slot: Slot) -> Measured:
        """Returns the values of the slot's finished trials.

        Raises:
            SuiteError: the suite is there and is not usable.
            ResultsError: a record or a table of boxes cannot be read.
        """
        name = slot.source.suites.get(slot.resolution)
        if name is None:
            return Measured(hole="Reported by others; no suite measures it.")
        suite = self._suite(name)
        if suite is None:
            return Measured(hole=f"There is no suite {name}.")
        return replace(self._of_suite(slot, name, suite), margins=suite.loaded.suite.margins)

    def standings(self, rivals: Mapping[str, Slot]) -> Mapping[str, Standing]:
        """Returns the standing of each slot that has a value among its rivals, by the names given.

        Raises:
            SuiteError: a suite is there and is not usable.
            ResultsError: a record or a table of units cannot be read.
        """
        key = tuple((name, slot.table, slot.quantity, slot.resolution) for name, slot in rivals.items())
        if key not in self._standings:
            found = {name: self.of(slot).scores for name, slot in rivals.items()}
            scores = {name: one for name, one in found.items() if one is not None}
            sign = METRICS[next(iter(rivals.values())).quantity.metric].sign if rivals else 1
            self._standings[key] = standings(scores, sign)
        return self._standings[key]

    def population(self, table: ThesisTable, metric: Metric) -> Population:
        """Returns whom the tests among the table's cells of a metric speak of."""
        of_metric = [slot for slot in table.slots() if slot.quantity.metric == metric.name]
        return population_of(row for slot in of_metric if (row := self._row(slot)) is not None)

    def margins_of(self, table: ThesisTable, metric: str) -> tuple[float, ...]:
        """Returns the margins that the table's suites declare for the metric, the smallest first.

        Raises:
            SuiteError: a suite is there and is not usable.
        """
        names = {name for slot in table.slots() if (name := slot.source.suites.get(slot.resolution))}
        suites = [suite for name in names if (suite := self._suite(name)) is not None]
        declared = [suite.loaded.suite.margins for suite in suites] or [Margins()]
        return tuple(sorted({margins.of(metric) for margins in declared}))

    def _of_suite(self, slot: Slot, name: str, suite: _Suite) -> Measured:
        if slot.source.kind == "area":
            return self._area(name, suite, slot.quantity.name)
        row = self._row(slot)
        if row is None:
            label = slot.source.model or slot.source.label
            return Measured(hole=f"Suite {name} has no row {label} at {slot.resolution} px.")
        scores = row.in_column(slot.quantity.name)
        if not scores.by_seed:
            return Measured(hole=_hole(name, row.points, suite.results))
        return Measured(scores)

    def _row(self, slot: Slot) -> RowScores | None:
        """The row of a suite that the slot is of; None where there is none. Its seeds ascend."""
        name = slot.source.suites.get(slot.resolution)
        suite = None if name is None else self._suite(name)
        if name is None or suite is None:
            return None
        label = slot.source.model or slot.source.label
        points, key = (
            suite.rows.get((label, slot.resolution)),
            (name, label, slot.resolution, slot.quantity.metric),
        )
        if points is None:
            return None
        if key not in self._rows:
            ascending = tuple(sorted(points, key=lambda point: point.trial.seed))
            self._rows[key] = RowScores(label, METRICS[slot.quantity.metric], ascending, suite.results)
        return self._rows[key]

    def _suite(self, name: str) -> _Suite | None:
        """The suite of that name; None if there is no such suite."""
        if name not in self._suites:
            path = self._suites_dir / f"{name}.yaml"
            self._suites[name] = _read(path, self._store) if path.exists() else None
        return self._suites[name]

    def _area(self, name: str, suite: _Suite, finding: str) -> Measured:
        """Returns the mean share of the image of the boxes that the suite's first finished trial had."""
        if name not in self._areas:
            point = suite.results.first_finished(suite.results.points)
            self._areas[name] = None if point is None else suite.results.areas_of(point)
        areas = self._areas[name]
        if areas is None:
            return Measured(hole=f"No finished trial of suite {name} whose boxes could be measured.")
        if finding not in areas:
            return Measured(hole="No box of the finding.")
        return Measured(area=areas[finding])


def _read(path: Path, store: ResultsStore) -> _Suite:
    loaded = load_suite(path)
    rows: dict[tuple[str, int], tuple[Point, ...]] = {}
    for point in loaded.grid.points:
        key = (point.row, point.trial.resolution)
        rows[key] = (*rows.get(key, ()), point)
    return _Suite(loaded, Results(loaded.grid, store), rows)


def _hole(suite: str, points: Sequence[Point], results: Results) -> str:
    records = [results.record(point.trial.id) for point in points]
    failed = [record.trial.id for record in records if record is not None and record.status == "failed"]
    if failed:
        return f"Failed: {listing(failed, _NAMED)} of suite {suite}."
    if not any(record is not None for record in records):
        return f"Suite {suite} has not run it."
    return f"Scored without this metric in suite {suite}."
