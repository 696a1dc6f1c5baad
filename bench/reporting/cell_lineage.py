"""Traces a cell of a written table to the trials behind it, and computes its value again from them."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import ResultsError, listing
from bench.metrics.measure import measure_of, measured
from bench.reporting.tables.table import Quantity
from bench.reporting.writers.csv_cells import COLUMNS
from bench.results.differences import difference_notes, points_of
from bench.results.invocation import owner_of
from bench.results.store import ResultsStore, State
from bench.results.units import read_table
from bench.statistics.student import MeanInterval, mean_interval
from bench.suite.cam import NATIVE, CamMethod
from bench.suite.load import take_metrics_of
from bench.suite.metrics import METRICS

_OURS = ("model", "ours")
"""Kinds of rows that trials of ours stand behind."""

_TOLERANCE = 1e-12
"""Relative and absolute: the last digit may differ between processors."""

_NUMBERS = ("mean", "half_width_95", "low_95", "high_95")
"""Columns of a report's CSV files that say what a cell shows."""


@dataclass(frozen=True)
class TrialValue:
    """One trial's value of a cell.

    Attributes:
        trial_id: which.
        state: its state here.
        value: by its record; None if it has none.
        from_units: the same, computed from its table of units or logits; None where there is none.
    """

    trial_id: str
    state: State
    value: float | None
    from_units: float | None

    @property
    def agrees(self) -> bool:
        """Whether record and units do not contradict each other."""
        return self.from_units is None or (self.value is not None and _close(self.value, self.from_units))


@dataclass(frozen=True)
class CellLineage:
    """A cell and the trials behind it.

    Attributes:
        table: key of the table.
        row: label.
        column: heading.
        kind: model or ours; reference, published or difference.
        mean: as written; None for an empty cell.
        half_width: as written.
        low: lower end of the interval, as written, where it has ends.
        high: upper end of it.
        n: seeds behind the mean.
        expected: seeds that the suite asks for.
        trials: those behind the mean.
        is_recorded: whether a single record has such a value; false for a value of several trials together.
        again: mean and interval from the trials' records; None if there is no trial, or a value is missing.
        differences: sentences on recorded facts that are not the same for all of the trials.
    """

    table: str
    row: str
    column: str
    kind: str
    mean: float | None
    half_width: float | None
    low: float | None
    high: float | None
    n: int
    expected: int
    trials: tuple[TrialValue, ...]
    is_recorded: bool
    again: MeanInterval | None
    differences: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether trials of ours could stand behind it."""
        return self.kind in _OURS

    @property
    def agrees(self) -> bool | None:
        """Whether the trials give the cell's value again; None if that cannot be checked."""
        if self.again is None or self.mean is None:
            return None
        same = _close(self.mean, self.again.mean) and self.n == self.again.n
        widths = (self.half_width, self.again.half_width)
        if None in widths:
            return same and widths == (None, None)
        return same and _close(*(width for width in widths if width is not None))

    @property
    def is_contradicted(self) -> bool:
        """Whether the trials' records, or their units, say something else than the cell."""
        return self.agrees is False or not all(trial.agrees for trial in self.trials)


def trace_cell(
    path: Path,
    row: str,
    column: str,
    store: ResultsStore,
    section: str | None = None,
    group: str | None = None,
) -> CellLineage:
    """Returns a cell of the table in a report's CSV file, with its trials and its value from their records.

    Args:
        path: a CSV file of a report.
        row: label of the row; case does not matter.
        column: heading, or name such as ``weighted`` or ``Pleural_Thickening``; case does not matter.
        store: where the trials are.
        section: of rows, where several of the same label are in different ones.
        group: heading above columns, where several of the same heading are below different ones.

    Raises:
        ResultsError: the file is no table of a report, it has no such cell or several, or a record cannot be
            read.
    """
    cells = _read(path)
    suite = owner_of(path.parent)
    if suite is not None and suite.exists():
        take_metrics_of(suite)  # the table may be of a metric that the suite itself names
    for column_of_file, word in (("section", section), ("group", group)):
        if word is not None:
            cells = _matching(cells, word, (column_of_file,), path)
    cells = _matching(_matching(cells, row, ("row",), path), column, ("column", "average_or_finding"), path)
    cell = _only(cells, path)
    quantity = _quantity_of(cell, path)
    cam = cell["cam"] or NATIVE
    trials = tuple(_value(trial_id, quantity, cam, store) for trial_id in cell["trial_ids"].split())
    values = [trial.value for trial in trials if trial.value is not None]
    try:
        mean, half_width, low, high = (float(cell[name]) if cell.get(name) else None for name in _NUMBERS)
        n, expected = (int(cell[key]) for key in ("n", "expected"))
    except ValueError as error:
        raise ResultsError(f"row {cell['row']!r}, column {cell['column']!r}: {error}", place=path) from None
    return CellLineage(
        table=cell["table"],
        row=cell["row"],
        column=cell["column"],
        kind=cell["kind"],
        mean=mean,
        half_width=half_width,
        low=low,
        high=high,
        n=n,
        expected=expected,
        trials=trials,
        is_recorded=quantity is not None,
        again=mean_interval(values) if values and len(values) == len(trials) else None,
        differences=difference_notes(points_of((trial.trial_id for trial in trials), store, cam), store),
    )


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            cells = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ResultsError(f"cannot be read ({reason})", place=path) from None
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing or not cells:
        what = f"lacks {listing(missing)}" if missing else "has no cell"
        raise ResultsError(f"is no table of a report ({what}); bench report writes such", place=path)
    return cells


def _matching(
    cells: list[dict[str, str]], word: str, columns: tuple[str, ...], path: Path
) -> list[dict[str, str]]:
    """Returns the cells that have the word in one of the columns, in any case if none has it as it is."""
    known = dict.fromkeys(cell[column] for column in columns for cell in cells if cell[column])
    found = word if word in known else {name.lower(): name for name in known}.get(word.lower())
    if found is None:
        raise ResultsError(f"no {columns[0]} {word!r}", place=path, value=word, allowed=known)
    return [cell for cell in cells if found in [cell[column] for column in columns]]


def _only(cells: list[dict[str, str]], path: Path) -> dict[str, str]:
    """Returns the cell of ours, of those that share row and column with published ones and differences."""
    own = [cell for cell in cells if cell["kind"] in _OURS] or cells
    for option in ("section", "group"):
        words = dict.fromkeys(cell[option] for cell in own)
        if len(words) > 1:
            raise ResultsError(
                f"has the row and column {len(words)} times; say which with --{option}",
                place=path,
                allowed=words,
            )
    return own[0]


def _quantity_of(cell: Mapping[str, str], path: Path) -> Quantity | None:
    """Returns which value of records the cell shows; None if it is no single one."""
    metric, name = cell["metric"], cell["average_or_finding"]
    if name and metric not in METRICS:
        raise ResultsError(f"no metric {metric!r}", place=path, value=metric, allowed=METRICS)
    return Quantity(metric, name) if name else None


def _value(trial_id: str, quantity: Quantity | None, cam: CamMethod, store: ResultsStore) -> TrialValue:
    state = store.state(trial_id, cam)
    if quantity is None:
        return TrialValue(trial_id, state, None, None)
    metric, folder = METRICS[quantity.metric], store.folder(trial_id)
    metrics = store.metrics(trial_id, NATIVE if metric.is_of_model else cam)
    value = metrics.get(metric.key(quantity.name))
    units = folder.table(metric.table, cam)
    return TrialValue(trial_id, state, value, None if value is None else _from_units(units, quantity))


def _from_units(path: Path, quantity: Quantity) -> float | None:
    """Returns the value computed again from a table of units or logits, if it is there and has the metric."""
    measure = measure_of(quantity.metric)
    units = read_table(path) if path.is_file() else None
    if units is None or not set(measure.columns) <= set(units.columns):
        return None
    return measured(measure, units, tuple(units["finding"].unique())).get(quantity.name)


def _close(first: float, second: float) -> bool:
    return math.isclose(first, second, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
