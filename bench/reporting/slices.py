"""A grid cut into what shares a table: the points of one data set at one resolution, with their results."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bench.reporting.table import Subject, TableKind
from bench.results.record import CamEvaluation, Record
from bench.results.store import ResultsStore
from bench.suite.cam import CamMethod
from bench.suite.grid import Grid, Point
from bench.suite.identity import DIGEST_PREFIX, short_hash
from bench.suite.schema import DatasetSpec, title_of


@dataclass(frozen=True)
class Slice:
    """The points of a grid that share data set and resolution, with what is known of them."""

    dataset: str
    resolution: int
    points: tuple[Point, ...]
    records: Mapping[str, Record]
    evaluations: Mapping[tuple[str, CamMethod], CamEvaluation]

    @cached_property
    def finished(self) -> dict[str, Record]:
        """The records of finished trials, by id."""
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

    def rows_with(self, metric: str) -> dict[str, list[Point]]:
        """The points that are finished and have the metric, by row, in the order of the suite."""
        rows: dict[str, list[Point]] = {}
        for point in self.points:
            if self.has(point, metric):
                rows.setdefault(point.row, []).append(point)
        return rows

    def has(self, point: Point, metric: str) -> bool:
        """Whether the point is finished and has the metric."""
        return any(key.startswith(f"{metric}/") for key in self.metrics_of(point))

    def for_metric(self, metric: str) -> "Slice":
        """The slice whose points are rows of the metric's table: AUROC is the trial's, whatever its maps."""
        return self if metric != "auroc" else replace(self, points=self.native_points)

    def subject(self, kind: TableKind, metric: str = "") -> Subject:
        """Returns what a table of the slice is of."""
        return Subject(kind, metric, self.dataset, self.resolution)

    @property
    def native_points(self) -> tuple[Point, ...]:
        """Its trials, each once, whatever maps they are scored on."""
        native = {point.trial.id: Point(point.trial, point.label) for point in self.points}
        return tuple(native.values())


def slices(grid: Grid, store: ResultsStore) -> Sequence[Slice]:
    """Returns the grid's slices, in the order in which its points come to them.

    Raises:
        ResultsError: a record cannot be read.
    """
    groups: dict[tuple[str, int], list[Point]] = {}
    for point in grid.points:
        key = (point.trial.dataset.model_dump_json(), point.trial.resolution)
        groups.setdefault(key, []).append(point)
    specs = {dataset: group[0].trial.dataset for (dataset, _), group in groups.items()}
    names = _dataset_names(specs)
    found = []
    for (dataset, resolution), points in groups.items():
        records = {p.trial.id: record for p in points if (record := store.record(p.trial.id)) is not None}
        evaluations: dict[tuple[str, CamMethod], CamEvaluation] = {
            (p.trial.id, p.cam): evaluation
            for p in points
            if p.cam != "native" and (evaluation := store.evaluation(p.trial.id, p.cam)) is not None
        }
        found.append(Slice(names[dataset], resolution, tuple(points), records, evaluations))
    return found


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
