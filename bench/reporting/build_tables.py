"""Builds a suite's tables from records: per data set and resolution one for each metric and what backs it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from bench.errors import listing
from bench.reporting.comparison_table import comparison_table
from bench.reporting.control_rows import (
    CONSTANT,
    CONTROL_CAPTION,
    GAIN,
    area_row,
    control_row,
    gain_over,
    rows_of_controls,
)
from bench.reporting.differences import noted
from bench.reporting.interval_table import interval_table
from bench.reporting.reference_rows import with_references
from bench.reporting.references import Reference
from bench.reporting.row_hits import RowHits, rows_of_hits
from bench.reporting.sides import METRICS
from bench.reporting.slices import Slice, slices
from bench.reporting.standing import Standing, standing_caption, standings
from bench.reporting.table import DIGITS, Cell, Column, Row, Table
from bench.results.blocked import blocked_sentences
from bench.results.store import ResultsStore
from bench.results.units import read_table
from bench.statistics.spread import SEEDS_ALONE, SEEDS_AND_PATIENTS
from bench.statistics.student import mean_interval
from bench.suite.cam import with_cam
from bench.suite.grid import Grid
from bench.suite.metrics import PRIMARY

_PROTOCOLS = {
    "point_accuracy": (
        "Point localization accuracy",
        "Share of (image, finding) units whose heatmap peak lies in a box of the finding.",
    ),
    "auroc": ("AUROC", "Area under the ROC curve on the test split."),
    "iobb_accuracy": (
        "IoBB > 0.5 or IoU > 0.5",
        "Share of (image, finding) units whose heatmap, where it is above half of its maximum, has more than "
        "half of its area in boxes of the finding: IoBB is the intersection over that area, IoU over the "
        "union of both. A union is no smaller, so that IoU never exceeds IoBB and never decides; the thesis "
        "names both.",
    ),
}

_DECIMALS = {"auroc": 3}
"""Fewest that a metric is printed with, where they are not two."""

_CAPTION = f"Mean ± half-width of the 95% Student-t interval: other seeds, these images. {DIGITS}"

_AREA_CAPTION = " Below the line, in brackets: the boxes' mean share of the image."

_CAM_CAPTION = (
    " In square brackets: not the map that the model returns but that of the method, computed by "
    "pytorch-grad-cam from the features that the model's head reads."
)


_NAMED = 8
"""Trials that a note names before it counts the rest."""


def build_tables(grid: Grid, store: ResultsStore, references: Sequence[Reference] = ()) -> tuple[Table, ...]:
    """Returns tables for each data set and resolution.

    Localization by peak, AUROC and localization by overlap; then how sure the first one is, and its paired
    comparisons. Localization has a row for each map of a model, AUROC one for each model. Rows without a
    finished trial, or without the metric in older records, are holes; metrics that no trial has make no
    table.

    Args:
        grid: the suite's points.
        store: where their results are.
        references: runs of others, which stand in the tables of their data set, resolution and metrics.

    Raises:
        ResultsError: a record or a per-unit table cannot be read, or two are of different units.
    """
    return tuple(
        table
        for piece in slices(grid, store)
        for table in noted(_tables_of(piece, store, references), piece.points, store)
    )


def _tables_of(piece: Slice, store: ResultsStore, references: Sequence[Reference]) -> Iterator[Table]:
    hits: dict[str, dict[str, RowHits]] = {
        metric: rows_of_hits(piece.rows_with(metric), store, metric) for metric in METRICS
    }
    rows = tuple(hits["point_accuracy"].values())
    folder = store.folder(next(iter(piece.finished))) if piece.finished else None
    controls = rows_of_controls(folder, piece.resolution) if folder is not None and rows else ()
    for metric in _PROTOCOLS:
        columns = _columns(piece, metric)
        if not columns:
            continue
        table = _table(piece.for_metric(metric), metric, columns, store, hits.get(metric))
        if folder is not None and metric != "auroc":
            table = _with_areas(table, read_table(folder.boxes), columns, piece.resolution)
        if controls and metric == "point_accuracy":
            table = _with_controls(table, rows, controls, columns)
        yield with_references(table, piece, metric, columns, store, references)
    if not rows:
        return
    subject = piece.subject("intervals", PRIMARY.name)
    title = f"How sure the weighted average is, {subject.place}"
    yield interval_table(subject, title, rows, controls, {point.row: point.cam for point in piece.points})
    title = f"Paired comparisons, {subject.place}"
    comparisons = comparison_table(replace(subject, kind="comparisons"), title, rows)
    if comparisons is not None:
        yield comparisons


def _columns(piece: Slice, metric: str) -> tuple[str, ...]:
    """The names of a metric's values, in the order of the first record that has most of them."""
    prefix = f"{metric}/"
    named = [
        tuple(key.removeprefix(prefix) for key in record.outcome.metrics if key.startswith(prefix))
        for record in piece.finished.values()
        if record.outcome is not None
    ]
    return max(named, key=len, default=())


def _table(
    piece: Slice,
    metric: str,
    columns: tuple[str, ...],
    store: ResultsStore,
    hits: Mapping[str, RowHits] | None,
) -> Table:
    title, protocol = _PROTOCOLS[metric]
    subject = piece.subject("metric", metric)
    labels = {point.row: point.cam for point in piece.points}
    values = {label: _values(piece, label, metric, columns) for label in labels}
    places = {
        column: _standings({label: values[label][column] for label in labels}, hits, column)
        for column in columns
    }
    decimals = _DECIMALS.get(metric, 2)
    models = tuple(
        replace(_model_row(piece, label, values[label], places, decimals), cam=cam)
        for label, cam in labels.items()
    )
    best = standing_caption("a column", SEEDS_ALONE if hits is None else SEEDS_AND_PATIENTS)
    has_cams = any(point.cam != "native" for point in piece.points)
    return Table(
        key=f"{metric}-{subject.place_key}",
        subject=subject,
        title=f"{title}, {subject.place}",
        columns=tuple(Column.of_metric(metric, column) for column in columns),
        models=models,
        references=(),
        caption=f"{protocol} {_CAPTION} {best}{_CAM_CAPTION if has_cams else ''}",
        notes=(*_notes(piece, store), *_note_on_older(piece, metric)),
    )


def _with_areas(table: Table, boxes: pd.DataFrame, columns: tuple[str, ...], resolution: int) -> Table:
    row = area_row(boxes, columns, resolution)
    return replace(table, references=(row,), caption=table.caption + _AREA_CAPTION)


def _with_controls(
    table: Table, hits: Sequence[RowHits], controls: Sequence[RowHits], columns: tuple[str, ...]
) -> Table:
    """Returns the table with the controls below its models, and each row's gain over the best of them."""
    constant = next(control for control in controls if control.label == CONSTANT)
    by_label = {row.label: row for row in hits}
    models = tuple(
        replace(row, cells=(*row.cells, gain_over(constant, by_label.get(row.label), row.cells[0].expected)))
        for row in table.models
    )
    rows = tuple(control_row(control, constant, columns) for control in controls)
    areas = tuple(Row(row.label, (*row.cells, Cell(None))) for row in table.references)
    return replace(
        table,
        columns=(*table.columns, Column(GAIN)),
        models=models,
        references=(*rows, *areas),
        caption=table.caption + CONTROL_CAPTION,
    )


def _values(
    piece: Slice, label: str, metric: str, columns: tuple[str, ...]
) -> dict[str, dict[int, tuple[float, str]]]:
    """Column → seed → (value, trial id) of the finished trials of a row."""
    found: dict[str, dict[int, tuple[float, str]]] = {column: {} for column in columns}
    for point in piece.points:
        metrics = piece.metrics_of(point) if point.row == label else {}
        for column in columns:
            value = metrics.get(f"{metric}/{column}")
            if value is not None:
                found[column][point.trial.seed] = (value, point.trial.id)
    return found


def _model_row(
    piece: Slice,
    label: str,
    values: Mapping[str, Mapping[int, tuple[float, str]]],
    places: Mapping[str, Mapping[str, Standing]],
    decimals: int,
) -> Row:
    expected = sum(point.row == label for point in piece.points)
    cells = []
    for column, seeds in values.items():
        if not seeds:
            cells.append(Cell(None, expected=expected))
            continue
        interval = mean_interval([value for value, _ in seeds.values()])
        ids = tuple(trial_id for _, trial_id in seeds.values())
        place = places[column].get(label, Standing())
        cells.append(
            Cell(
                interval.mean,
                interval.half_width,
                interval.n,
                expected,
                ids,
                place.is_best,
                place.p_to_best,
                decimals=decimals,
            )
        )
    return Row(label, tuple(cells))


def _standings(
    column: Mapping[str, Mapping[int, tuple[float, str]]], hits: Mapping[str, RowHits] | None, name: str
) -> dict[str, Standing]:
    """Returns the rows' places in a column, from value and trial id by row and seed."""

    def hits_of(label: str) -> RowHits | None:
        return None if hits is None or label not in hits else hits[label].in_column(name)

    values = {label: {seed: value for seed, (value, _) in seeds.items()} for label, seeds in column.items()}
    return standings(values, hits_of)


def _notes(piece: Slice, store: ResultsStore) -> tuple[str, ...]:
    notes = []
    failed, missing, blocked = [], [], []
    for point in piece.points:
        result = piece.result_of(point)
        name = with_cam(point.trial.id, point.cam if point.trial.id in piece.finished else "native")
        if result is None and store.blocker(point.trial) is not None:
            blocked.append(point.trial)
        elif result is None:
            missing.append(name)
        elif result.status == "failed":
            failed.append(name)
    if failed:
        notes.append(f"Failed: {listing(dict.fromkeys(failed), _NAMED)}.")
    if missing:
        notes.append(f"Not finished: {listing(dict.fromkeys(missing), _NAMED)}.")
    notes += [f"Blocked: {sentence}." for sentence in blocked_sentences(blocked, store)]
    undefined = {
        note for r in piece.finished.values() if r.outcome for note in r.outcome.notes if "AUROC" in note
    }
    notes += [f"{note}." for note in sorted(undefined)]
    return tuple(notes)


def _note_on_older(piece: Slice, metric: str) -> tuple[str, ...]:
    """Which finished points were scored before there was this metric, if there are any."""
    lacking = [
        with_cam(point.trial.id, point.cam)
        for point in piece.points
        if (metrics := piece.metrics_of(point)) and not any(key.startswith(f"{metric}/") for key in metrics)
    ]
    return (f"Scored without this metric: {listing(dict.fromkeys(lacking), _NAMED)}.",) if lacking else ()
