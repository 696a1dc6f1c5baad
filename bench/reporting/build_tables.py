"""Builds a suite's tables from records: one per metric, data set and resolution."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from bench.errors import listing
from bench.metrics.controls import CONTROLS, control_hits
from bench.metrics.localization import MACRO, WEIGHTED, point_accuracy
from bench.reporting.table import Cell, Row, Table
from bench.results.blocked import blocked_sentences
from bench.results.record import CamEvaluation, Record
from bench.results.store import ResultsStore
from bench.results.units import read_table
from bench.statistics.paired import is_tied
from bench.statistics.student import mean_interval
from bench.suite.cam import CamMethod, with_cam
from bench.suite.grid import Grid, Point
from bench.suite.identity import DIGEST_PREFIX, short_hash
from bench.suite.schema import DatasetSpec, title_of

_HEADINGS = {WEIGHTED: "Weighted avg.", MACRO: "Macro avg."}

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

_CAPTION = (
    "Mean ± half-width of the 95% Student-t interval over seeds. "
    "Bold: the best mean of a column, and every model whose paired difference to it, seed by seed, has a 95% "
    "interval that contains 0."
)

_REFERENCE_CAPTION = (
    " Below the line, what is reached without looking at the image: a uniform random point (expected value), "
    "the image centre, and each finding's best point fitted on other patients; and the boxes' mean share of "
    "the image."
)

_AREA_CAPTION = " Below the line the boxes' mean share of the image."

_CAM_CAPTION = (
    " In square brackets: not the map that the model returns but that of the method, computed by "
    "pytorch-grad-cam from the features that the model's head reads."
)


_NAMED = 8
"""Trials that a note names before it counts the rest."""


@dataclass(frozen=True)
class _Slice:
    """The points of a grid that share data set and resolution, with what is known of them."""

    dataset: str
    resolution: int
    points: tuple[Point, ...]
    records: Mapping[str, Record]
    evaluations: Mapping[tuple[str, CamMethod], CamEvaluation]

    @property
    def finished(self) -> dict[str, Record]:
        return {key: record for key, record in self.records.items() if record.status == "finished"}

    def result_of(self, point: Point) -> Record | CamEvaluation | None:
        """What is known of the point: its trial's record, or its map's evaluation if that is finished."""
        if point.cam == "native" or point.trial.id not in self.finished:
            return self.records.get(point.trial.id)
        return self.evaluations.get((point.trial.id, point.cam))

    def metrics_of(self, point: Point) -> Mapping[str, float]:
        """The metrics of a finished point; none of others."""
        result = self.result_of(point)
        if isinstance(result, Record):
            return result.outcome.metrics if result.outcome is not None else {}
        return result.metrics if result is not None else {}

    def for_metric(self, metric: str) -> "_Slice":
        """The slice whose points are rows of the metric's table: AUROC is the trial's, whatever its maps."""
        if metric != "auroc":
            return self
        native = {point.trial.id: Point(point.trial, point.label) for point in self.points}
        return replace(self, points=tuple(native.values()))


def build_tables(grid: Grid, store: ResultsStore) -> tuple[Table, ...]:
    """Returns tables for each data set and resolution: localization by peak, AUROC, localization by overlap.

    Localization has a row for each map of a model, AUROC one for each model. Rows without a finished trial,
    or without the metric in older records, are holes; metrics that no trial has make no table.

    Raises:
        ResultsError: a record or a per-unit table cannot be read.
    """
    tables = []
    for piece in _slices(grid, store):
        for metric in _PROTOCOLS:
            columns = _columns(piece, metric)
            if columns:
                tables.append(_table(piece.for_metric(metric), metric, columns, store))
    return tuple(tables)


def _slices(grid: Grid, store: ResultsStore) -> Sequence[_Slice]:
    groups: dict[tuple[str, int], list[Point]] = {}
    for point in grid.points:
        key = (point.trial.dataset.model_dump_json(), point.trial.resolution)
        groups.setdefault(key, []).append(point)
    specs = {dataset: group[0].trial.dataset for (dataset, _), group in groups.items()}
    names = _dataset_names(specs)
    slices = []
    for (dataset, resolution), points in groups.items():
        records = {p.trial.id: record for p in points if (record := store.record(p.trial.id)) is not None}
        evaluations: dict[tuple[str, CamMethod], CamEvaluation] = {
            (p.trial.id, p.cam): evaluation
            for p in points
            if p.cam != "native" and (evaluation := store.evaluation(p.trial.id, p.cam)) is not None
        }
        slices.append(_Slice(names[dataset], resolution, tuple(points), records, evaluations))
    return slices


def _dataset_names(specs: Mapping[str, DatasetSpec]) -> dict[str, str]:
    """What tables call each data set: its name, and what is special about it where several share one."""
    shared = Counter(map(title_of, specs.values()))
    names = {}
    for key, spec in specs.items():
        title = title_of(spec)
        known = {"name", "title", "images"}  # the last goes with the labels
        special = spec.model_dump(exclude_defaults=True, exclude=known) if shared[title] > 1 else {}
        parts = [f"{k} {short_hash(v) if _stands_for_files(v) else v}" for k, v in special.items()]
        names[key] = " ".join([title, *([f"({', '.join(parts)})"] if parts else [])])
    return names


def _stands_for_files(value: object) -> bool:
    return isinstance(value, dict) or str(value).startswith(DIGEST_PREFIX)


def _columns(piece: _Slice, metric: str) -> tuple[str, ...]:
    """The names of a metric's values, in the order of the first record that has most of them."""
    prefix = f"{metric}/"
    named = [
        tuple(key.removeprefix(prefix) for key in record.outcome.metrics if key.startswith(prefix))
        for record in piece.finished.values()
        if record.outcome is not None
    ]
    return max(named, key=len, default=())


def _table(piece: _Slice, metric: str, columns: tuple[str, ...], store: ResultsStore) -> Table:
    title, protocol = _PROTOCOLS[metric]
    labels = tuple(dict.fromkeys(point.row for point in piece.points))
    values = {label: _values(piece, label, metric, columns) for label in labels}
    models = tuple(_model_row(piece, label, columns, values) for label in labels)
    references, explained = _references(piece, metric, columns, store)
    has_cams = any(point.cam != "native" for point in piece.points)
    return Table(
        key=f"{metric}-{re.sub(r'[^A-Za-z0-9.]+', '-', piece.dataset).strip('-')}-{piece.resolution}px",
        title=f"{title}, {piece.dataset}, {piece.resolution} px",
        columns=tuple(_HEADINGS.get(name, name.replace("_", " ")) for name in columns),
        models=models,
        references=references,
        caption=f"{protocol} {_CAPTION}{_CAM_CAPTION if has_cams else ''}{explained}",
        notes=(*_notes(piece, store), *_note_on_older(piece, metric)),
    )


def _values(
    piece: _Slice, label: str, metric: str, columns: tuple[str, ...]
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
    piece: _Slice,
    label: str,
    columns: tuple[str, ...],
    values: Mapping[str, Mapping[str, Mapping[int, tuple[float, str]]]],
) -> Row:
    expected = sum(point.row == label for point in piece.points)
    cells = []
    for column in columns:
        seeds = values[label][column]
        if not seeds:
            cells.append(Cell(None, expected=expected))
            continue
        interval = mean_interval([value for value, _ in seeds.values()])
        ids = tuple(trial_id for _, trial_id in seeds.values())
        best = _is_best(label, {name: row[column] for name, row in values.items()})
        cells.append(Cell(interval.mean, interval.half_width, interval.n, expected, ids, best))
    return Row(label, tuple(cells))


def _is_best(label: str, column: Mapping[str, Mapping[int, tuple[float, str]]]) -> bool:
    """Whether the row has the column's best mean, or is tied with the row that has it."""
    by_seed = {
        name: {seed: value for seed, (value, _) in seeds.items()} for name, seeds in column.items() if seeds
    }
    means = {name: mean_interval(list(seeds.values())).mean for name, seeds in by_seed.items()}
    best = max(means, key=lambda name: means[name])
    return means[label] == means[best] or is_tied(by_seed[label], by_seed[best])


def _references(
    piece: _Slice, metric: str, columns: tuple[str, ...], store: ResultsStore
) -> tuple[tuple[Row, ...], str]:
    """The rows below a metric's models, and the caption's words on them.

    Box areas, and controls of peaks, are of the boxes that the first finished trial was scored with.
    """
    if metric == "auroc":
        return (), ""
    folder = store.folder(next(iter(piece.finished)))
    boxes = read_table(folder.boxes)
    area = _area_row(boxes, columns, piece.resolution)
    if metric != "point_accuracy":
        return (area,), _AREA_CAPTION
    controls = _control_rows(boxes, read_table(folder.units), columns, piece.resolution)
    return (*controls, area), _REFERENCE_CAPTION


def _control_rows(
    boxes: pd.DataFrame, units: pd.DataFrame, columns: tuple[str, ...], resolution: int
) -> tuple[Row, ...]:
    images = {name: i for i, name in enumerate(units["image"].unique())}
    findings = {name: i for i, name in enumerate(boxes["finding"].unique())}
    table = boxes.assign(image_index=boxes["image"].map(images), class_index=boxes["finding"].map(findings))
    patients = units.drop_duplicates("image").set_index(units["image"].drop_duplicates().map(images))[
        "patient"
    ]
    hits = control_hits(table, patients, resolution)
    hits["finding"] = hits["class_index"].map({i: name for name, i in findings.items()})
    rows = []
    for control, label in CONTROLS.items():
        accuracies = point_accuracy(hits.assign(hit=hits[control]), tuple(findings))
        rows.append(Row(label, tuple(Cell(accuracies.get(column)) for column in columns)))
    return tuple(rows)


def _area_row(boxes: pd.DataFrame, columns: tuple[str, ...], resolution: int) -> Row:
    area = boxes["w"] * boxes["h"] / resolution**2
    means = area.groupby(boxes["finding"]).mean()
    cells = [Cell(float(means[column])) if column in means.index else Cell(None) for column in columns]
    return Row("(Avg. box area)", tuple(cells))


def _notes(piece: _Slice, store: ResultsStore) -> tuple[str, ...]:
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


def _note_on_older(piece: _Slice, metric: str) -> tuple[str, ...]:
    """Which finished points were scored before there was this metric, if there are any."""
    lacking = [
        with_cam(point.trial.id, point.cam)
        for point in piece.points
        if (metrics := piece.metrics_of(point)) and not any(key.startswith(f"{metric}/") for key in metrics)
    ]
    return (f"Scored without this metric: {listing(dict.fromkeys(lacking), _NAMED)}.",) if lacking else ()
