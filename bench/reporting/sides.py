"""What can be compared unit by unit: a row of a suite, or a reference run, with the hits of its units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from bench.errors import ResultsError, SuiteError, listing, nearest
from bench.metrics.overlap import is_hit
from bench.reporting.references import Reference, known_references, load_reference
from bench.results.store import ResultsStore
from bench.results.units import read_table
from bench.suite.grid import Grid, Point
from bench.suite.schema import title_of

Metric = Literal["point_accuracy", "iobb_accuracy"]
METRICS: tuple[Metric, ...] = ("point_accuracy", "iobb_accuracy")
"""Those that single units have."""


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two that are compared. Equal to itself only.

    Attributes:
        label: what it is called.
        tables: by seed, its units: image, patient, finding, hit.
        is_reference: whether it is a reference run.
        remarks: what sets its protocol apart.
    """

    label: str
    tables: Mapping[int, pd.DataFrame]
    is_reference: bool
    remarks: tuple[str, ...]


def find_side(name: str, grid: Grid, store: ResultsStore, metric: Metric) -> Side:
    """Returns the row of the suite, or the reference run, that is called `name`.

    Args:
        name: a label of a row, a model that only one row has, or a reference.
        grid: of one data set and resolution.
        store: where results are.
        metric: whose hits.

    Raises:
        SuiteError: there is no such row or reference, or several.
        ResultsError: the row has no finished trial, or a table cannot be read.
    """
    rows = list(dict.fromkeys(point.row for point in grid.points))
    own = [row for row in rows if row == name] or list(
        dict.fromkeys(point.row for point in grid.points if name in point.value_of("model"))
    )
    if len(own) == 1:
        return _row_side(own[0], [point for point in grid.points if point.row == own[0]], store, metric)
    if own:
        raise SuiteError(f"{len(own)} rows are of model {name!r}; say which: {listing(own)}")
    references = known_references(store.root)
    if name in references:
        return _reference_side(load_reference(name, store.root), grid, metric)
    known = (*rows, *references)
    raise SuiteError(
        f"no row or reference {name!r}; rows: {listing(rows)}; references: {listing(references)}"
        f"{nearest(name, known)}"
    )


def require_one_table(grid: Grid) -> None:
    """Checks that the grid is of one data set and resolution, within which rows can be compared.

    Raises:
        SuiteError: it is of several.
    """
    datasets = {p.trial.dataset.model_dump_json(): title_of(p.trial.dataset) for p in grid.points}
    resolutions = list(dict.fromkeys(str(p.trial.resolution) for p in grid.points))
    for axis, values in (("dataset", list(datasets.values())), ("resolution", resolutions)):
        if len(values) > 1:
            raise SuiteError(f"the suite has several: {listing(values)}; say which with --only {axis}=…")


def _row_side(label: str, points: Sequence[Point], store: ResultsStore, metric: Metric) -> Side:
    tables, unfinished = {}, []
    for point in points:
        if store.state(point.trial.id, point.cam) != "finished":
            unfinished.append(str(point.trial.seed))
            continue
        path = store.folder(point.trial.id).cam_units(point.cam)
        tables[point.trial.seed] = with_hits(read_table(path), metric, str(path))
    if not tables:
        raise ResultsError(f"{label}: no finished trial in {store.root}; bench run makes them")
    remarks = (f"seeds that are not finished: {listing(unfinished)}",) if unfinished else ()
    return Side(label, tables, is_reference=False, remarks=remarks)


def _reference_side(reference: Reference, grid: Grid, metric: Metric) -> Side:
    record, trial = reference.record, grid.points[0].trial
    theirs, ours = (record.dataset, record.resolution), (trial.dataset.name, trial.resolution)
    if theirs != ours:
        raise SuiteError(
            f"reference {record.name!r} is of {theirs[0]} at {theirs[1]} px, the suite's rows of {ours[0]} "
            f"at {ours[1]} px"
        )
    if reference.units is None or record.units_seed is None:
        raise SuiteError(f"reference {record.name!r} has no single units to compare")
    units = with_hits(reference.units, metric, f"reference {record.name}")
    return Side(
        record.title,
        {record.units_seed: units},
        is_reference=True,
        remarks=tuple(filter(None, (record.differs, record.units_differ))),
    )


def with_hits(units: pd.DataFrame, metric: Metric, where: str) -> pd.DataFrame:
    """Returns image, patient, finding and hit of each unit, hit by the metric.

    Args:
        units: a trial's table of units.
        metric: whose hits.
        where: the table is from.

    Raises:
        ResultsError: units from before the metric was scored.
    """
    if metric == "iobb_accuracy":
        if "iobb" not in units.columns:
            raise ResultsError(f"{where}: has no overlap with boxes, only peaks")
        units = units.assign(hit=is_hit(units["iobb"].to_numpy(), units["iou"].to_numpy()))
    return units[["image", "patient", "finding", "hit"]]
