"""What the trials of the thesis' suites say of a cell of its tables, or why they say nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from bench.errors import listing
from bench.reporting.control_rows import mean_areas
from bench.reporting.thesis.layout import Slot, ThesisTable
from bench.results.record import Record
from bench.results.store import ResultsStore
from bench.results.units import read_table
from bench.suite.claims import Margins, Metric
from bench.suite.grid import Grid
from bench.suite.load import LoadedSuite, load_suite

_NAMED = 5
"""Trials that a footnote names before it counts the rest."""


@dataclass(frozen=True)
class Measured:
    """Values of a cell.

    Attributes:
        by_seed: value and trial id by seed.
        area: the value of a fact of boxes.
        hole: why there is no value, as a sentence; empty if there is one.
        margins: what the suite declares as no difference.
    """

    by_seed: Mapping[int, tuple[float, str]] = field(default_factory=dict)
    area: float | None = None
    hole: str = ""
    margins: Margins = field(default_factory=Margins)

    @property
    def values(self) -> list[float]:
        """Of the seeds, in their order."""
        return [self.by_seed[seed][0] for seed in sorted(self.by_seed)]


class _Trial(NamedTuple):
    """What is needed of a trial: ids are hashes, which are not taken anew for each cell."""

    id: str
    seed: int
    resolution: int


class Measurements:
    """Looks up cells in the results folder; reads each suite, record and table of boxes once."""

    def __init__(self, suites_dir: Path, store: ResultsStore) -> None:
        self._suites_dir = suites_dir
        self._store = store
        self._rows: dict[str, Mapping[tuple[str, int], list[_Trial]] | None] = {}
        self._margins: dict[str | None, Margins] = {}
        self._suites: dict[str, LoadedSuite] = {}
        self._records: dict[str, Record | None] = {}
        self._areas: dict[str, Mapping[str, float] | None] = {}

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

    def _of_suite(self, slot: Slot, suite: str, rows: Mapping[tuple[str, int], list[_Trial]]) -> Measured:
        if slot.source.kind == "area":
            return self._area(suite, [trial for row in rows.values() for trial in row], slot.quantity.name)
        label = slot.source.model or slot.source.label
        trials = rows.get((label, slot.resolution))
        if trials is None:
            return Measured(hole=f"Suite {suite} has no row {label} at {slot.resolution} px.")
        metric = f"{slot.quantity.metric}/{slot.quantity.name}"
        metrics = ((trial, self._metrics(trial.id)) for trial in trials)
        found = {trial.seed: (values[metric], trial.id) for trial, values in metrics if metric in values}
        return Measured(found) if found else Measured(hole=self._hole(suite, trials))

    def _rows_of(self, suite: str) -> Mapping[tuple[str, int], list[_Trial]] | None:
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

    def _area(self, suite: str, trials: Sequence[_Trial], finding: str) -> Measured:
        """Returns the mean share of the image of the boxes that the suite's first finished trial had."""
        if suite not in self._areas:
            finished = next((trial for trial in trials if self._metrics(trial.id)), None)
            self._areas[suite] = None if finished is None else self._mean_areas(finished)
        areas = self._areas[suite]
        if areas is None:
            return Measured(hole=f"No finished trial of suite {suite} whose boxes could be measured.")
        if finding not in areas:
            return Measured(hole="No box of the finding.")
        return Measured(area=areas[finding])

    def _mean_areas(self, trial: _Trial) -> Mapping[str, float]:
        boxes = read_table(self._store.folder(trial.id).boxes)
        return mean_areas(boxes, trial.resolution)

    def _hole(self, suite: str, trials: Sequence[_Trial]) -> str:
        records = [self._record(trial.id) for trial in trials]
        failed = [record.trial.id for record in records if record is not None and record.status == "failed"]
        if failed:
            return f"Failed: {listing(failed, _NAMED)} of suite {suite}."
        if not any(record is not None for record in records):
            return f"Suite {suite} has not run it."
        return f"Scored without this metric in suite {suite}."


def _rows(grid: Grid) -> Mapping[tuple[str, int], list[_Trial]]:
    rows: dict[tuple[str, int], list[_Trial]] = {}
    for point in grid.points:
        trial = point.trial
        rows.setdefault((point.row, trial.resolution), []).append(
            _Trial(trial.id, trial.seed, trial.resolution)
        )
    return rows
