"""From a cell of a written table to the trials behind it, and to its value computed again from them."""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import ResultsError, listing, nearest
from bench.metrics.localization import MACRO, WEIGHTED, point_accuracy
from bench.metrics.overlap import is_hit
from bench.reporting.control_rows import GAIN
from bench.reporting.headings import heading_of
from bench.results.store import ResultsStore, State
from bench.results.units import read_table
from bench.statistics.student import MeanInterval, mean_interval
from bench.suite.cam import CAM_NAMES, CamMethod

METRICS = ("point_accuracy", "iobb_accuracy", "auroc")
"""Those of records, with which the names of their tables begin."""

_TOLERANCE = 1e-12
"""Relative and absolute: the last digit may differ between processors."""


@dataclass(frozen=True)
class TrialValue:
    """What one trial says of a cell.

    Attributes:
        trial_id: which.
        state: where it stands here.
        value: by its record; None if it has none.
        from_units: the same from its per-unit table; None where there is none, and for AUROC.
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
    """A cell and what stands behind it.

    Attributes:
        table: key of the table.
        row: label.
        column: heading.
        kind: model or reference.
        mean: as written; None is a hole.
        half_width: as written.
        n: seeds behind the mean.
        expected: seeds that the suite asks for.
        trials: those behind the mean.
        is_recorded: whether records have such a value at all; not of what is computed from several of them.
        again: mean and interval from the trials' records; None if there is no trial, or a value is missing.
    """

    table: str
    row: str
    column: str
    kind: str
    mean: float | None
    half_width: float | None
    n: int
    expected: int
    trials: tuple[TrialValue, ...]
    is_recorded: bool
    again: MeanInterval | None

    @property
    def agrees(self) -> bool | None:
        """Whether the trials give the cell's value again; None if that cannot be told."""
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


def trace_cell(path: Path, row: str, column: str, store: ResultsStore) -> CellLineage:
    """Returns a cell of the table in a report's CSV file, with its trials and its value from their records.

    Args:
        path: a CSV file of a report.
        row: label of the row; case does not matter.
        column: heading, or name such as ``weighted`` or ``Pleural_Thickening``; case does not matter.
        store: where the trials are.

    Raises:
        ResultsError: the file is no table of a report, it has no such row or column, or a record cannot be
            read.
    """
    cells = _read(path)
    rows = list(dict.fromkeys(cell["row"] for cell in cells))
    chosen_row = _choose(row, {label: label for label in rows}, f"{path}: no row")
    own = [cell for cell in cells if cell["row"] == chosen_row]
    headings = {cell["column"]: cell["column"] for cell in own}
    by_name = {name: heading_of(name) for name in (WEIGHTED, MACRO) if heading_of(name) in headings}
    chosen = _choose(heading_of(column), headings | by_name, f"{path}: no column")
    cell = next(cell for cell in own if cell["column"] == chosen)
    metric = cell["table"].partition("-")[0]
    trials = tuple(
        _value(trial_id, metric, chosen, _cam_of(chosen_row), store) for trial_id in cell["trial_ids"].split()
    )
    values = [trial.value for trial in trials if trial.value is not None]
    try:
        mean, half_width = (float(cell[key]) if cell[key] else None for key in ("mean", "half_width_95"))
        n, expected = (int(cell[key]) for key in ("n", "expected"))
    except ValueError as error:
        raise ResultsError(f"{path}: row {chosen_row!r}, column {chosen!r}: {error}") from None
    return CellLineage(
        table=cell["table"],
        row=chosen_row,
        column=chosen,
        kind=cell["kind"],
        mean=mean,
        half_width=half_width,
        n=n,
        expected=expected,
        trials=trials,
        is_recorded=metric in METRICS and chosen != GAIN,
        again=mean_interval(values) if values and len(values) == len(trials) else None,
    )


def _read(path: Path) -> list[dict[str, str]]:
    needed = {"table", "row", "kind", "column", "mean", "half_width_95", "n", "expected", "trial_ids"}
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            cells = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    missing = sorted(needed - set(reader.fieldnames or ()))
    if missing or not cells:
        what = f"lacks {listing(missing)}" if missing else "has no cell"
        raise ResultsError(f"{path}: is no table of a report ({what}); bench report writes such")
    return cells


def _choose(word: str, known: Mapping[str, str], what: str) -> str:
    if word in known:
        return known[word]
    by_lower = {name.lower(): value for name, value in known.items()}
    if word.lower() not in by_lower:
        names = list(dict.fromkeys(known.values()))
        raise ResultsError(f"{what} {word!r}; there are: {listing(names)}{nearest(word, known)}")
    return by_lower[word.lower()]


def _cam_of(row: str) -> CamMethod:
    """The map that a row is scored on, which its label ends with (see `bench.suite.cam.with_cam`)."""
    found: Iterable[CamMethod] = (cam for cam, name in CAM_NAMES.items() if row.endswith(f" [{name}]"))
    return next(iter(found), "native")


def _value(trial_id: str, metric: str, heading: str, cam: CamMethod, store: ResultsStore) -> TrialValue:
    state = store.state(trial_id, cam)
    record = store.record(trial_id)
    metrics: Mapping[str, float] = {}
    if cam != "native" and metric != "auroc":
        evaluation = store.evaluation(trial_id, cam)
        metrics = evaluation.metrics if evaluation is not None else {}
    elif record is not None and record.outcome is not None:
        metrics = record.outcome.metrics
    prefix = f"{metric}/"
    names = [key.removeprefix(prefix) for key in metrics if key.startswith(prefix)]
    name = next((name for name in names if heading_of(name) == heading), None)
    if name is None:
        return TrialValue(trial_id, state, None, None)
    folder = store.folder(trial_id)
    units = folder.units if cam == "native" else folder.cam_units(cam)
    return TrialValue(trial_id, state, metrics[prefix + name], _from_units(units, metric, name))


def _from_units(path: Path, metric: str, name: str) -> float | None:
    if metric == "auroc" or not path.is_file():
        return None
    units = read_table(path)
    if metric == "iobb_accuracy":
        if "iobb" not in units.columns:
            return None
        units = units.assign(hit=is_hit(units["iobb"].to_numpy(), units["iou"].to_numpy()))
    findings = tuple(units["finding"].unique())
    return point_accuracy(units, findings).get(name)


def _close(first: float, second: float) -> bool:
    return math.isclose(first, second, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
