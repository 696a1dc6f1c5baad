"""The results of a grid as tables: the only reader of trials' results above this package.

`Results.trials` has a row for each trial, map, metric and column of it; `units`, `maxima`, `logits` and
`maps` what these values are computed from. Tables, claims, comparisons and figures filter, group and format
them. Every file but maxima, logits and maps is read once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.errors import MOST_NAMED, listing
from bench.results.failures import blocked_sentences
from bench.results.record import CamEvaluation, Record, joined_metrics
from bench.results.store import ResultsStore, State
from bench.results.units import UNIT_NAMES, read_maps, read_maps_of, read_table
from bench.suite.cam import NATIVE, CamMethod, with_cam
from bench.suite.dataset_specs import DatasetSpec, title_of
from bench.suite.grid import Grid, Part, Point
from bench.suite.identity import DIGEST_PREFIX, short_hash
from bench.suite.metrics import METRICS, Metric, UnitTable


class Value(NamedTuple):
    """The score of a trial in a column of a metric."""

    value: float
    trial_id: str


@dataclass(frozen=True)
class Place:
    """The points of a grid that share a table: they have one data set and resolution.

    Attributes:
        dataset: what tables call the data set.
        resolution: side of the input, px.
        points: in the order of the grid.
    """

    dataset: str
    resolution: int
    points: tuple[Point, ...]

    def rows(self, metric: Metric) -> dict[str, tuple[Point, ...]]:
        """Returns the points by their row in the metric's table: one for each map, or for each model."""
        points = tuple(map(native, self.points)) if metric.is_of_model else self.points
        rows: dict[str, dict[str, Point]] = {}
        for point in points:
            rows.setdefault(point.row, {})[point.trial.id] = point
        return {label: tuple(own.values()) for label, own in rows.items()}


def native(point: Point) -> Point:
    """Returns the same trial, scored on its native map."""
    return point if point.cam == NATIVE else replace(point, cam=NATIVE)


class Results:
    """The results of the trials of a grid, and their maps.

    Attributes:
        points: trials and maps that are asked for.
        store: where their results are.
    """

    def __init__(self, grid: Grid | Iterable[Point], store: ResultsStore) -> None:
        """Reads nothing yet."""
        self.points = tuple(grid.points if isinstance(grid, Grid) else grid)
        self.store = store
        self._records: dict[str, Record | None] = {}
        self._evaluations: dict[tuple[str, CamMethod, Part], CamEvaluation | None] = {}
        self._tables: dict[Path, pd.DataFrame] = {}

    @cached_property
    def trials(self) -> pd.DataFrame:
        """A row for each finished trial, map, metric and column, in the order of the grid.

        Columns: dataset (text, as tables call it), resolution (int, px), model (text, as the suite calls it),
        seed (int), cam (text: the map), metric (text), column (text: weighted, macro or a finding), value
        (float, in the metric's range), trial_id (text). A metric of the model is there once, with its native
        map.
        """
        rows = [
            (
                *(place.dataset, place.resolution, point.label, point.trial.seed, point.cam, metric.name),
                *(column, values[metric.key(column)], point.trial.id),
            )
            for place in self.places
            for metric in METRICS.values()
            for points in place.rows(metric).values()
            for point in points
            for values in [self.metrics(point)]
            for column in metric.columns_in(values)
        ]
        names = ["dataset", "resolution", "model", "seed", "cam", "metric", "column", "value", "trial_id"]
        return pd.DataFrame(rows, columns=names)

    @cached_property
    def units(self) -> pd.DataFrame:
        """A row for each unit of each finished trial and map: trial_id, cam, and the columns of its table."""
        found = [
            self.units_of(point).assign(trial_id=point.trial.id, cam=point.cam)
            for point in self.points
            if self.has_units(point)
        ]
        return _joined(found, ["trial_id", "cam", *UNIT_NAMES])

    @cached_property
    def logits(self) -> pd.DataFrame:
        """A row for each test image and finding of each finished trial: trial_id, and its table's columns."""
        return self._of_all_images("logits")

    @cached_property
    def maxima(self) -> pd.DataFrame:
        """The same with the local maxima of native maps in place of logits."""
        return self._of_all_images("maxima")

    def _of_all_images(self, kind: UnitTable) -> pd.DataFrame:
        points = {point.trial.id: native(point) for point in self.points}.values()
        found = [
            read_table(path).assign(trial_id=point.trial.id)
            for point in points
            if self.metrics(point)
            and (path := self.store.folder(point.trial.id).table(kind, NATIVE)).exists()
        ]
        return _joined(found, ["trial_id", *UNIT_NAMES])

    def maps(self, trial_id: str, cam: CamMethod = NATIVE) -> Iterator[npt.NDArray[np.float32]]:
        """Yields the maps [h, w] of a trial's units, in order: logits of the native map, else in [0, 1].

        Raises:
            ResultsError: the file is missing or damaged.
        """
        for chunk in read_maps(self.store.folder(trial_id).cam_maps(cam)):
            yield from chunk

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The points by data set and resolution, in the order in which the grid comes to them."""
        groups: dict[tuple[str, int], list[Point]] = {}
        for point in self.points:
            key = (point.trial.dataset.model_dump_json(), point.trial.resolution)
            groups.setdefault(key, []).append(point)
        names = _dataset_names({dataset: group[0].trial.dataset for (dataset, _), group in groups.items()})
        return tuple(Place(names[dataset], px, tuple(group)) for (dataset, px), group in groups.items())

    def record(self, trial_id: str) -> Record | None:
        """Returns the trial's record, or None if it has none that can be read."""
        if trial_id not in self._records:
            self._records[trial_id] = self.store.record(trial_id)
        return self._records[trial_id]

    def is_finished(self, trial_id: str) -> bool:
        """Returns whether the trial is."""
        record = self.record(trial_id)
        return record is not None and record.status == "finished"

    def result(self, point: Point) -> Record | CamEvaluation | None:
        """Returns the record of a point's trial or, where that is finished, the evaluation of its map."""
        record = self.record(point.trial.id)
        if record is None or record.status != "finished" or point.cam == NATIVE:
            return record
        return self._evaluation(point)

    def metrics(self, point: Point) -> Mapping[str, float]:
        """Returns the metrics of a finished point, its model's too, by name; none of others.

        Those of sanity checks are there where the point asks for them.
        """
        checks = self._evaluation(point, "sanity") if point.is_checked else None
        return joined_metrics(self.record(point.trial.id), self._evaluation(point), checks)

    def _evaluation(self, point: Point, part: Part = "scores") -> CamEvaluation | None:
        key = (point.trial.id, point.cam, part)
        if key not in self._evaluations:
            self._evaluations[key] = self.store.evaluation(*key)
        return self._evaluations[key]

    def has(self, point: Point, metric: Metric) -> bool:
        """Returns whether the point is finished and has the metric."""
        return bool(metric.columns_in(self.metrics(point)))

    def state(self, point: Point) -> State:
        """Returns where the point stands."""
        return self.store.state(point.trial.id, point.cam)

    def columns(self, points: Iterable[Point], metric: Metric) -> tuple[str, ...]:
        """Returns the metric's columns, in the order of the first of the points that has most of them."""
        return max((metric.columns_in(self.metrics(point)) for point in points), key=len, default=())

    def values(self, points: Iterable[Point], metric: Metric, column: str) -> dict[int, Value]:
        """Returns by seed what the points that have a value score, in their order."""
        name = metric.key(column)
        metrics = ((point, self.metrics(point)) for point in points)
        return {
            point.trial.seed: Value(found[name], point.trial.id) for point, found in metrics if name in found
        }

    def has_units(self, point: Point, metric: Metric | None = None) -> bool:
        """Returns whether there is a table of units of a point, or of what the metric is computed from."""
        return bool(self.metrics(point)) and self._path(point, metric).exists()

    def units_of(self, point: Point, metric: Metric | None = None) -> pd.DataFrame:
        """Returns the table of units of a point, or of what the metric is computed from.

        Raises:
            ResultsError: it is missing or not readable.
        """
        path = self._path(point, metric)
        if metric is None or metric.table == "units":
            return self._table(path)
        return read_table(path)  # too large to be kept

    def _path(self, point: Point, metric: Metric | None) -> Path:
        kind = "units" if metric is None else metric.table
        return self.store.folder(point.trial.id).table(kind, point.cam)

    def has_maps(self, point: Point) -> bool:
        """Returns whether there are maps of a point's units."""
        return self.store.folder(point.trial.id).cam_maps(point.cam).exists()

    def maps_of(self, point: Point, rows: Sequence[int]) -> tuple[npt.NDArray[np.float32], ...]:
        """Returns the maps [h, w] of the units at some rows of the point's table; no others are read.

        Raises:
            ResultsError: the file is missing or damaged.
        """
        return read_maps_of(self.store.folder(point.trial.id).cam_maps(point.cam), rows)

    def boxes_of(self, trial_id: str) -> pd.DataFrame:
        """Returns the boxes that a finished trial was scored with.

        Raises:
            ResultsError: they are missing or not readable.
        """
        return self._table(self.store.folder(trial_id).boxes)

    def _table(self, path: Path) -> pd.DataFrame:
        if path not in self._tables:
            self._tables[path] = read_table(path)
        return self._tables[path]

    def areas_of(self, point: Point) -> dict[str, float]:
        """Returns by finding the mean share of the image that boxes cover that a trial was scored with.

        Raises:
            ResultsError: they are missing or not readable.
        """
        boxes = self.boxes_of(point.trial.id)
        shares = boxes["w"] * boxes["h"] / point.trial.resolution**2
        return {str(name): float(mean) for name, mean in shares.groupby(boxes["finding"]).mean().items()}

    def gaps(self, points: Iterable[Point]) -> tuple[str, ...]:
        """Returns in sentences which points have no results, and why: failed, not finished, or blocked."""
        failed, missing, blocked = [], [], []
        for point in points:
            result = self.result(point)
            name = with_cam(point.trial.id, point.cam if self.is_finished(point.trial.id) else NATIVE)
            if result is None and self.store.blocker(point.trial) is not None:
                blocked.append(point.trial)
            elif result is None:
                missing.append(name)
            elif result.status == "failed":
                failed.append(name)
        named = {"Failed": failed, "Not finished": missing}
        notes = [f"{why}: {listing(dict.fromkeys(ids), MOST_NAMED)}." for why, ids in named.items() if ids]
        return (*notes, *(f"Blocked: {sentence}." for sentence in blocked_sentences(blocked, self.store)))

    def first_finished(self, points: Sequence[Point]) -> Point | None:
        """Returns the first of the points whose trial is finished, as its native point; None if none is."""
        return next((native(point) for point in points if self.is_finished(point.trial.id)), None)


def _joined(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _dataset_names(specs: Mapping[str, DatasetSpec]) -> dict[str, str]:
    """Returns the name of each data set in tables, with what is special about it where several share one."""
    shared = Counter(map(title_of, specs.values()))
    names = {}
    for key, spec in specs.items():
        names[key] = title = title_of(spec)
        if shared[title] > 1:
            known = {"name", "title", "images"}  # the last goes with the labels
            special = spec.model_dump(exclude_defaults=True, exclude=known)
            parts = [f"{name} {_short(value)}" for name, value in special.items()]
            names[key] += f" ({', '.join(parts)})" if parts else ""
    return names


def _short(value: object) -> object:
    stands_for_files = isinstance(value, dict) or str(value).startswith(DIGEST_PREFIX)
    return short_hash(value) if stands_for_files else value
