"""Looks up in the results of the thesis' suites what a cell of its tables shows, or why it shows nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.errors import listing
from bench.reporting.tables.metric_rows import RowScores, population_of
from bench.reporting.tables.standing import Standing, standings
from bench.reporting.thesis.layout import Slot, ThesisTable
from bench.results.grid_results import Results
from bench.results.store import ResultsStore
from bench.statistics.scores import ColumnScores
from bench.statistics.spread import Population
from bench.suite.claims import Margins
from bench.suite.grid import Point
from bench.suite.load import load_suite
from bench.suite.metrics import METRICS, Metric

_NAMED = 5
"""Trials that a footnote names before it counts the rest."""


@dataclass(frozen=True)
class SlotMeasurement:
    """Our values of a cell.

    Attributes:
        scores: of its seeds; None where there is no value, and of a fact of boxes.
        area: the value of a fact of boxes.
        hole: why there is no value, as a sentence; empty if there is one.
        margin: what the suite declares as no difference in the cell's metric.
    """

    scores: ColumnScores | None = None
    area: float | None = None
    hole: str = ""
    margin: float = 0.0

    @property
    def values(self) -> list[float]:
        """One for each seed, in their order."""
        return [] if self.scores is None else self.scores.values


class MeasuredSuite:
    """A suite of the thesis and its results; each row is read once."""

    def __init__(self, path: Path, store: ResultsStore) -> None:
        self.loaded = load_suite(path)
        self._results = Results(self.loaded.grid, store)
        self._rows: dict[tuple[str, int, str], RowScores | None] = {}

    def row(self, slot: Slot) -> RowScores | None:
        """Returns the row that the slot is of, its seeds ascending; None where the suite has no such row."""
        label, metric = slot.source.suite_row, METRICS[slot.quantity.metric]
        key = (label, slot.resolution, metric.name)
        if key not in self._rows:
            own = (p for p in self._results.points if (p.row, p.trial.resolution) == key[:2])
            points = tuple(sorted(own, key=lambda point: point.trial.seed))
            self._rows[key] = RowScores(label, metric, points, self._results) if points else None
        return self._rows[key]

    def measurement(self, slot: Slot) -> SlotMeasurement:
        """Returns the values of the slot's finished trials, or the mean area of the boxes that they had."""
        name = self.loaded.suite.name
        if slot.source.kind == "area":
            if self._areas is None:
                return SlotMeasurement(
                    hole=f"No finished trial of suite {name} whose boxes could be measured."
                )
            area = self._areas.get(slot.quantity.name)
            return SlotMeasurement(area=area, hole="" if area is not None else "No box of the finding.")
        row = self.row(slot)
        if row is None:
            return SlotMeasurement(
                hole=f"Suite {name} has no row {slot.source.suite_row} at {slot.resolution} px."
            )
        scores = row.in_column(slot.quantity.name)
        if not scores.by_seed:
            return SlotMeasurement(hole=self._hole(row.points))
        return SlotMeasurement(scores, margin=self.loaded.suite.margins.of(slot.quantity.metric))

    @cached_property
    def _areas(self) -> Mapping[str, float] | None:
        """The average share of the image by finding of the boxes that the first finished trial had."""
        point = self._results.first_finished(self._results.points)
        return None if point is None else self._results.areas_of(point)

    def _hole(self, points: Sequence[Point]) -> str:
        name = self.loaded.suite.name
        records = [self._results.record(point.trial.id) for point in points]
        failed = [record.trial.id for record in records if record is not None and record.status == "failed"]
        if failed:
            return f"Failed: {listing(failed, _NAMED)} of suite {name}."
        if not any(record is not None for record in records):
            return f"Suite {name} has not run it."
        return f"Scored without this metric in suite {name}."


class Measurements:
    """Looks up cells in the results folder; reads each suite and each file of results once."""

    def __init__(self, suites: Mapping[str, Path], store: ResultsStore) -> None:
        self._files = suites
        self._store = store
        self._suites: dict[str, MeasuredSuite | None] = {}
        self._standings: dict[tuple[object, ...], Mapping[str, Standing]] = {}

    @property
    def suites(self) -> tuple[MeasuredSuite, ...]:
        """Those that were read so far, by name."""
        return tuple(suite for _, suite in sorted(self._suites.items()) if suite is not None)

    def of(self, slot: Slot) -> SlotMeasurement:
        """Returns the values of the slot's finished trials.

        Raises:
            SuiteError: the suite is there and is not usable.
            ResultsError: a record or a table of boxes cannot be read.
        """
        if slot.suite is None:
            return SlotMeasurement(hole="Reported by others; no suite measures it.")
        suite = self._suite(slot)
        if suite is None:
            return SlotMeasurement(hole=f"There is no suite {slot.suite}.")
        return suite.measurement(slot)

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
        slots = [slot for slot in table.slots() if slot.quantity.metric == metric.name]
        found = [(slot, self._suite(slot)) for slot in slots]
        rows = (suite.row(slot) for slot, suite in found if suite is not None)
        return population_of(row for row in rows if row is not None)

    def margins(self, table: ThesisTable, metric: Metric) -> list[float]:
        """Returns the different margins that the table's suites declare for the metric, ascending.

        Raises:
            SuiteError: a suite is there and is not usable.
        """
        suites = [suite for slot in table.slots() if (suite := self._suite(slot)) is not None]
        declared = [suite.loaded.suite.margins for suite in suites] or [Margins()]
        return sorted({margins.of(metric.name) for margins in declared})

    def _suite(self, slot: Slot) -> MeasuredSuite | None:
        """Returns the suite that has the slot's trials; None if there is no such suite."""
        name = slot.suite
        if name is None:
            return None
        if name not in self._suites:
            path = self._files.get(name)
            self._suites[name] = None if path is None else MeasuredSuite(path, self._store)
        return self._suites[name]
