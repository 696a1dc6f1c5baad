"""The comparisons that a suite's claims make: of which trials, in which column."""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from bench.errors import listing
from bench.suite.cam import NATIVE, with_cam
from bench.suite.claims import (
    Claim,
    ClaimBase,
    Condition,
    Equivalent,
    GainsWith,
    LessVariable,
    Operand,
    Superior,
)
from bench.suite.dataset_specs import DatasetSpec, FolderSpec, title_of
from bench.suite.document import KeyPath, SettingError
from bench.suite.findings import NO_FINDING_COLUMNS
from bench.suite.grid import Grid, Point, grid_of, points_of
from bench.suite.metrics import METRICS, Metric
from bench.suite.schema import Suite
from bench.suite.text_table import read_columns


@dataclass(frozen=True)
class ComparedRow:
    """A row that a claim compares.

    Attributes:
        label: the row, with the suite and the resolution if the claim names them for this row.
        points: its trials, one for each seed.
    """

    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class RowComparison:
    """Two rows in one column.

    Attributes:
        first: the row that the claim is about.
        second: the row that it is compared with.
        column: weighted, macro or a finding.
    """

    first: ComparedRow
    second: ComparedRow
    column: str


@dataclass(frozen=True)
class StatedClaim:
    """A claim and the comparisons that it makes.

    Attributes:
        claim: as the suite has it.
        margin: largest difference that counts as none.
        comparisons: the parts of the claim, each to be tested for itself; at least one.
    """

    claim: Claim
    margin: float
    comparisons: tuple[RowComparison, ...]

    @property
    def statement(self) -> str:
        """One sentence for people: the suite's own, or one that says what the claim compares."""
        claim = self.claim
        if claim.statement:
            return claim.statement
        firsts = list(dict.fromkeys(c.first.label for c in self.comparisons))
        seconds = list(dict.fromkeys(c.second.label for c in self.comparisons))
        match claim:
            case Superior():
                text = f"{firsts[0]} scores above {listing(seconds)}"
            case Equivalent():
                text = f"{listing(dict.fromkeys(firsts + seconds))} score the same within ±{self.margin:g}"
            case LessVariable():
                text = f"{firsts[0]} varies less across seeds than {listing(seconds)}"
            case GainsWith():
                text = f"{listing(firsts)} {'gains' if len(firsts) == 1 else 'gain'} over {listing(seconds)}"
        return f"{text} ({METRICS[claim.metric].phrase}, {listing(claim.column)})"

    def test_of(self, comparison: RowComparison) -> tuple[object, ...]:
        """Returns the key of a comparison's test: two claims that make the same comparison share the test."""
        kind = LessVariable if isinstance(self.claim, LessVariable) else None
        margin = self.margin if isinstance(self.claim, Equivalent) else None
        rows = (comparison.first, comparison.second)
        keys = (tuple(point.key for point in row.points) for row in rows)
        return (kind, margin, self.claim.metric, comparison.column, *keys)

    def within(self, grid: Grid, whole: Grid) -> "StatedClaim":
        """Returns the claim with those of its trials that a selection of the suite's grid leaves.

        Trials of other suites stay. A comparison with a row that is left without trials is left out.
        """
        left_out = {point.key for point in whole.points} - {point.key for point in grid.points}

        def narrowed(row: ComparedRow) -> ComparedRow:
            return replace(row, points=tuple(point for point in row.points if point.key not in left_out))

        pairs = [replace(c, first=narrowed(c.first), second=narrowed(c.second)) for c in self.comparisons]
        return replace(self, comparisons=tuple(c for c in pairs if c.first.points and c.second.points))


def state_claims(suite: Suite, grid: Grid, load_grid: Callable[[str], Grid]) -> tuple[StatedClaim, ...]:
    """Returns the suite's claims with the trials that they compare, in the suite's order.

    Args:
        suite: a validated suite.
        grid: its trials.
        load_grid: gives the grid of another suite in the folder by its name; may raise `SuiteError`.

    Raises:
        SettingError: a claim names a suite, row, data set, resolution, map or column that is not there, or
            leaves open which is meant.
    """
    load = functools.cache(load_grid)
    return tuple(_Reader(index, claim, grid, load).state(suite) for index, claim in enumerate(suite.claims))


class _Reader:
    """Finds the trials that one claim compares; knows where in the file the claim stands."""

    def __init__(self, index: int, claim: ClaimBase, grid: Grid, load_grid: Callable[[str], Grid]) -> None:
        self.keys: KeyPath = ("claims", index)
        self.claim = claim
        self.grid = grid
        self.load_grid = load_grid
        self.files = dict(grid.files)

    def state(self, suite: Suite) -> StatedClaim:
        claim = self.claim
        assert isinstance(claim, Superior | Equivalent | LessVariable | GainsWith)
        metric = METRICS[claim.metric]
        maps = self._named_maps()
        if metric.is_of_model and maps:
            problem = f"{metric.title} is the model's, whatever its maps: leave out 'cam'"
            raise SettingError((*self.keys, "metric"), problem, value=metric.name)
        if metric.table == "maxima" and maps - {NATIVE}:
            raise SettingError(
                (*self.keys, "metric"), f"{metric.short} is of the native map alone", value=metric.name
            )
        comparisons = []
        for first, second in self._pairs():
            self._check_pair(first, second)
            self._check_columns(metric, first.points[0].trial.dataset)
            if metric.table == "sanity" and not all(
                one.is_checked for one in (*first.points, *second.points)
            ):
                problem = (
                    f"{metric.short} is a sanity check; the suites that are compared need 'sanity: true'"
                )
                raise SettingError((*self.keys, "metric"), problem, value=metric.name)
            comparisons += [RowComparison(first, second, column) for column in claim.column]
        given = claim.margin if isinstance(claim, Equivalent) else None
        return StatedClaim(claim, given or suite.margins.of(claim.metric), tuple(comparisons))

    def _named_maps(self) -> set[str]:
        values = [value for _, value in self.claim]
        operands = [item for value in values if isinstance(value, tuple) for item in value]
        conditions = [item for item in (*values, *operands) if isinstance(item, Condition)]
        return {item.cam for item in (self.claim, *conditions) if item.cam is not None}

    def _pairs(self) -> Iterator[tuple[ComparedRow, ComparedRow]]:
        claim, keys = self.claim, self.keys
        if isinstance(claim, Superior):
            first = self._side(claim.superior, (*keys, "superior"))
            others = self._others(first) if claim.to == "others" else self._sides(claim.to, "to")
            yield from ((first, other) for other in others)
        elif isinstance(claim, LessVariable):
            first = self._side(claim.less_variable, (*keys, "less_variable"))
            yield from ((first, other) for other in self._sides(claim.than, "than"))
        elif isinstance(claim, Equivalent):
            yield from itertools.combinations(self._sides(claim.equivalent, "equivalent"), 2)
        elif isinstance(claim, GainsWith):
            for at_model, label in self._models_of(claim):
                gained = Operand(model=label, **dict(claim.gains_with))
                before = Operand(model=label, **dict(claim.over))
                yield (
                    self._side(gained, (*keys, "gains_with"), at_model),
                    self._side(before, (*keys, "over"), at_model),
                )

    def _models_of(self, claim: GainsWith) -> list[tuple[KeyPath, str]]:
        """Returns where each row is named, and its label."""
        if claim.models != "all":
            return [((*self.keys, "models", i), label) for i, label in enumerate(claim.models)]
        at = (*self.keys, "gains_with")
        points = self._narrow(self._grid_of(claim.gains_with, at).points, claim.gains_with, at)
        return [(at, label) for label in dict.fromkeys(point.label for point in points)]

    def _sides(self, operands: Sequence[Operand], key: str) -> list[ComparedRow]:
        return [self._side(operand, (*self.keys, key, i)) for i, operand in enumerate(operands)]

    def _others(self, first: ComparedRow) -> list[ComparedRow]:
        """Returns the other rows of the suite, under the conditions of the first."""
        like = first.points[0]
        rows: dict[str, list[Point]] = {}
        for point in self.grid.points:
            same = point.trial.dataset == like.trial.dataset and point.cam == like.cam
            if same and point.trial.resolution == like.trial.resolution and point.label != like.label:
                rows.setdefault(point.row, []).append(point)
        if not rows:
            raise SettingError((*self.keys, "to"), f"there is no other row to compare {first.label!r} with")
        return [ComparedRow(row, tuple(points)) for row, points in rows.items()]

    def _side(self, operand: Operand, at: KeyPath, at_model: KeyPath | None = None) -> ComparedRow:
        """Returns the trials that an operand means; `at_model` is where its row is named."""
        points, at_model = self._grid_of(operand, at).points, at_model or at
        found = points_of(points, operand.model)
        labels = list(dict.fromkeys(point.label for point in found or points))
        if not found or len(labels) > 1:
            many = f"more than one row {operand.model!r}" if found else f"no row {operand.model!r}"
            raise SettingError(at_model, f"{_whose(operand)} has {many}", value=operand.model, allowed=labels)
        found = self._narrow(found, operand, at)
        label = with_cam(labels[0], found[0].cam)
        of = f" of {operand.suite}" if operand.suite else ""
        pixels = f", {operand.resolution} px" if operand.resolution else ""
        return ComparedRow(f"{label}{of}{pixels}", tuple(found))

    def _grid_of(self, condition: Condition, at: KeyPath) -> Grid:
        if condition.suite is None:
            return self.grid
        grid = grid_of(condition.suite, self.load_grid, (*at, "suite"))
        self.files.update(grid.files)
        return grid

    def _narrow(self, points: Sequence[Point], condition: Condition, at: KeyPath) -> list[Point]:
        """Returns the points under the condition, which has to leave one data set, resolution and map."""
        kept = list(points)
        for axis in ("dataset", "resolution", "cam"):
            own, shared = getattr(condition, axis), getattr(self.claim, axis)
            wanted = shared if own is None else own
            if wanted is None and axis == "cam" and any(p.cam == NATIVE for p in kept):
                wanted = NATIVE
            present = list(dict.fromkeys(_value(p, axis) for p in kept))
            if wanted is not None:
                kept = [p for p in kept if str(wanted) in p.value_of(axis)]
            if not kept:
                keys = (*(at if own is not None else self.keys), axis)
                problem = f"{_whose(condition)} has no such trial with {axis} {str(wanted)!r}"
                raise SettingError(keys, problem, value=str(wanted), allowed=present)
            if len({_identity(p, axis) for p in kept}) > 1:
                problem = f"{_whose(condition)} has several such trials: say which {axis}"
                raise SettingError(at, problem, allowed=present)
        return kept

    def _check_pair(self, first: ComparedRow, second: ComparedRow) -> None:
        if {point.key for point in first.points} == {point.key for point in second.points}:
            raise SettingError(self.keys, f"{first.label} and {second.label} are the same trials")
        one, other = (side.points[0].trial for side in (first, second))
        if one.identity()["dataset"] != other.identity()["dataset"]:
            names = f"{title_of(one.dataset)} and {title_of(other.dataset)}"
            problem = f"{first.label} and {second.label} are not of one data set but of {names}"
            raise SettingError(self.keys, problem)

    def _check_columns(self, metric: Metric, dataset: DatasetSpec) -> None:
        findings = self._findings(metric, dataset)
        if not findings:
            problem = f"{metric.name} is not scored on {title_of(dataset)}, which has no boxes"
            raise SettingError(self.keys, problem, value=metric.name)
        for index, column in enumerate(self.claim.column):
            if column not in (*metric.averages, *findings):
                raise SettingError(
                    (*self.keys, "column", index),
                    f"{metric.name} has no column {column!r}",
                    value=column,
                    allowed=(*metric.averages, *findings),
                )

    def _findings(self, metric: Metric, dataset: DatasetSpec) -> tuple[str, ...]:
        """Returns the findings that the metric is scored on; of a folder, from its table of labels."""
        if not isinstance(dataset, FolderSpec):
            return dataset.labelled if metric.is_of_model else dataset.boxed
        if not dataset.is_localized and not metric.is_of_model:
            return ()
        columns = read_columns(self.files[dataset.labels])
        return tuple(column for column in columns if column.casefold() not in NO_FINDING_COLUMNS)


def _whose(condition: Condition) -> str:
    return f"suite {condition.suite!r}" if condition.suite is not None else "this suite"


def _identity(point: Point, axis: str) -> str:
    """Returns a text that differs between points that differ on the axis; data sets may share a name."""
    return point.trial.dataset.model_dump_json() if axis == "dataset" else _value(point, axis)


def _value(point: Point, axis: str) -> str:
    """Returns the word by which a condition names the point on an axis."""
    return point.value_of(axis)[-1]
