"""Works out a suite's claims: which trials each compares, in which column, one comparison at a time."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import SuiteError, listing, nearest
from bench.suite.cam import NATIVE, with_cam
from bench.suite.catalog import as_label
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
from bench.suite.findings import NO_FINDING_COLUMNS
from bench.suite.grid import Grid, GridError, Point
from bench.suite.metrics import METRICS
from bench.suite.schema import DatasetSpec, FolderSpec, Suite, title_of
from bench.suite.text_table import read_columns
from bench.suite.yaml_positions import Path_


def labelled_findings(dataset: DatasetSpec, files: Mapping[str, Path]) -> tuple[str, ...]:
    """Returns the classes of the data set; of a folder, the columns of its table of labels.

    Args:
        dataset: with digests in place of paths.
        files: where the file of a digest is.

    Raises:
        DataError: the table of labels cannot be read.
    """
    if not isinstance(dataset, FolderSpec):
        return dataset.labelled
    columns = read_columns(files[dataset.labels])
    return tuple(column for column in columns if column.casefold() not in NO_FINDING_COLUMNS)


def boxed_findings(dataset: DatasetSpec, files: Mapping[str, Path]) -> tuple[str, ...]:
    """Returns those that may have boxes: of a folder with boxes, all; of one without, none.

    Raises:
        DataError: the table of labels cannot be read.
    """
    if not isinstance(dataset, FolderSpec):
        return dataset.boxed
    return labelled_findings(dataset, files) if dataset.boxes is not None else ()


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        label: the row, and what of suite and resolution the claim says of it alone.
        points: its trials, one for each seed.
    """

    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Comparison:
    """Two rows in one column.

    Attributes:
        first: what the claim says something of.
        second: what it is compared with.
        column: weighted, macro or a finding, as records call it.
    """

    first: Side
    second: Side
    column: str


@dataclass(frozen=True)
class StatedClaim:
    """A claim with what it compares.

    Attributes:
        claim: what the suite says.
        margin: largest difference that counts as none.
        comparisons: the parts of the claim, each to be tested for itself; at least one.
    """

    claim: Claim
    margin: float
    comparisons: tuple[Comparison, ...]

    @property
    def statement(self) -> str:
        """One sentence for people: the suite's own, or what the claim compares."""
        return self.claim.statement or _sentence(self)

    def test_of(self, comparison: Comparison) -> tuple[object, ...]:
        """Returns what tells tests of a suite apart: a comparison that two claims share counts once."""
        kind = LessVariable if isinstance(self.claim, LessVariable) else None
        margin = self.margin if isinstance(self.claim, Equivalent) else None
        sides = (
            tuple((point.trial.id, point.cam) for point in side.points)
            for side in (comparison.first, comparison.second)
        )
        return (kind, margin, self.claim.metric, comparison.column, *sides)

    def within(self, grid: Grid, whole: Grid) -> "StatedClaim":
        """Returns the claim with those of its trials that a selection of the suite's grid leaves.

        Trials of other suites stay. Comparisons of which a side is left without trials are left out.
        """
        left_out = {(p.trial.id, p.cam) for p in whole.points} - {(p.trial.id, p.cam) for p in grid.points}

        def narrowed(side: Side) -> Side:
            points = [point for point in side.points if (point.trial.id, point.cam) not in left_out]
            return Side(side.label, tuple(points))

        pairs = [replace(c, first=narrowed(c.first), second=narrowed(c.second)) for c in self.comparisons]
        return replace(self, comparisons=tuple(c for c in pairs if c.first.points and c.second.points))


def state_claims(suite: Suite, grid: Grid, load_grid: Callable[[str], Grid]) -> tuple[StatedClaim, ...]:
    """Returns the suite's claims in their order, with the trials that they compare.

    Args:
        suite: a validated suite.
        grid: what it expands to.
        load_grid: gives the grid of another suite in the folder by its name; may raise `SuiteError`.

    Raises:
        GridError: a claim names a suite, row, data set, resolution, map or column that is not there, or
            leaves open which is meant.
    """
    load = functools.cache(load_grid)
    return tuple(_Reader(index, claim, grid, load).state(suite) for index, claim in enumerate(suite.claims))


def _sentence(stated: StatedClaim) -> str:
    claim = stated.claim
    firsts = list(dict.fromkeys(c.first.label for c in stated.comparisons))
    seconds = list(dict.fromkeys(c.second.label for c in stated.comparisons))
    match claim:
        case Superior():
            text = f"{firsts[0]} scores above {listing(seconds)}"
        case Equivalent():
            text = f"{listing(dict.fromkeys(firsts + seconds))} score the same within ±{stated.margin:g}"
        case LessVariable():
            text = f"{firsts[0]} varies less across seeds than {listing(seconds)}"
        case GainsWith():
            text = f"{listing(firsts)} {'gains' if len(firsts) == 1 else 'gain'} over {listing(seconds)}"
    return f"{text} ({METRICS[claim.metric].phrase}, {listing(claim.column)})"


class _Reader:
    """Finds what one claim compares; knows where in the file the claim stands."""

    def __init__(self, index: int, claim: ClaimBase, grid: Grid, load_grid: Callable[[str], Grid]) -> None:
        self.path: Path_ = ("claims", index)
        self.claim = claim
        self.grid = grid
        self.load_grid = load_grid
        self.files = dict(grid.files)

    def state(self, suite: Suite) -> StatedClaim:
        claim = self.claim
        assert isinstance(claim, Superior | Equivalent | LessVariable | GainsWith)
        metric = METRICS[claim.metric]
        if metric.is_of_model and self._names_a_map():
            raise GridError(
                (*self.path, "metric"), f"{metric.title} is the model's, whatever its maps: leave out 'cam'"
            )
        comparisons = []
        for first, second in self._pairs():
            self._check_pair(first, second)
            comparisons += [Comparison(first, second, column) for column in self._columns(first)]
        given = claim.margin if isinstance(claim, Equivalent) else None
        return StatedClaim(claim, given or suite.margins.of(claim.metric), tuple(comparisons))

    def _names_a_map(self) -> bool:
        values = [value for _, value in self.claim]
        operands = [item for value in values if isinstance(value, tuple) for item in value]
        conditions = [item for item in (*values, *operands) if isinstance(item, Condition)]
        return any(cam is not None for cam in (self.claim.cam, *(item.cam for item in conditions)))

    def _pairs(self) -> Iterator[tuple[Side, Side]]:
        claim, path = self.claim, self.path
        if isinstance(claim, Superior):
            first = self._side(claim.superior, (*path, "superior"))
            others = self._others(first) if claim.to == "others" else self._sides(claim.to, "to")
            yield from ((first, other) for other in others)
        elif isinstance(claim, LessVariable):
            first = self._side(claim.less_variable, (*path, "less_variable"))
            yield from ((first, other) for other in self._sides(claim.than, "than"))
        elif isinstance(claim, Equivalent):
            yield from itertools.combinations(self._sides(claim.equivalent, "equivalent"), 2)
        elif isinstance(claim, GainsWith):
            for at, label in self._models_of(claim):
                gained = Operand(model=label, **dict(claim.gains_with))
                before = Operand(model=label, **dict(claim.over))
                yield self._side(gained, (*path, "gains_with"), at), self._side(before, (*path, "over"), at)

    def _models_of(self, claim: GainsWith) -> list[tuple[Path_, str]]:
        """Returns where each row is named, and its label."""
        if claim.models != "all":
            return [((*self.path, "models", i), label) for i, label in enumerate(claim.models)]
        at = (*self.path, "gains_with")
        points = self._narrow(self._grid_of(claim.gains_with, at).points, claim.gains_with, at)
        return [(at, label) for label in dict.fromkeys(point.label for point in points)]

    def _sides(self, operands: Sequence[Operand], key: str) -> list[Side]:
        return [self._side(operand, (*self.path, key, i)) for i, operand in enumerate(operands)]

    def _others(self, first: Side) -> list[Side]:
        """Returns the other rows of the suite, under the conditions of the first."""
        at = (*self.path, "to")
        like = first.points[0]
        rows: dict[str, list[Point]] = {}
        for point in self.grid.points:
            same = point.trial.dataset == like.trial.dataset and point.cam == like.cam
            if same and point.trial.resolution == like.trial.resolution and point.label != like.label:
                rows.setdefault(point.row, []).append(point)
        if not rows:
            raise GridError(at, f"there is no other row to compare {first.label!r} with")
        return [Side(row, tuple(points)) for row, points in rows.items()]

    def _side(self, operand: Operand, at: Path_, at_model: Path_ | None = None) -> Side:
        """Returns the trials that an operand means; `at_model` is where its row is named."""
        points, at_model = self._grid_of(operand, at).points, at_model or at
        word = as_label(operand.model)
        found = (
            [p for p in points if p.label == word]
            or [p for p in points if p.row == word]
            or [p for p in points if p.trial.model == word]
        )
        labels = list(dict.fromkeys(p.label for p in found))
        if not found:
            known = list(dict.fromkeys(p.label for p in points))
            raise GridError(
                at_model,
                f"{_whose(operand)} has no row {word!r}; it has: {listing(known)}{nearest(word, known)}",
            )
        if len(labels) > 1:
            raise GridError(
                at_model, f"{_whose(operand)} has {len(labels)} rows of {word!r}: {listing(labels)}"
            )
        found = self._narrow(found, operand, at)
        label = with_cam(labels[0], found[0].cam)
        of = f" of {operand.suite}" if operand.suite else ""
        pixels = f", {operand.resolution} px" if operand.resolution else ""
        return Side(f"{label}{of}{pixels}", tuple(found))

    def _grid_of(self, condition: Condition, at: Path_) -> Grid:
        if condition.suite is None:
            return self.grid
        try:
            grid = self.load_grid(condition.suite)
        except SuiteError as error:
            raise GridError((*at, "suite"), str(error)) from None
        self.files.update(grid.files)
        return grid

    def _narrow(self, points: Sequence[Point], condition: Condition, at: Path_) -> list[Point]:
        """Returns those under the condition, which has to leave one data set, resolution and map."""
        kept = list(points)
        for axis in ("dataset", "resolution", "cam"):
            own, shared = getattr(condition, axis), getattr(self.claim, axis)
            wanted = shared if own is None else own
            if wanted is None and axis == "cam" and any(p.cam == NATIVE for p in kept):
                wanted = NATIVE
            present = list(dict.fromkeys(_value(p, axis) for p in kept))
            if wanted is not None:
                place = (*(at if own is not None else self.path), axis)
                matching = [p for p in kept if str(wanted) in p.value_of(axis)]
                if not matching:
                    raise GridError(
                        place,
                        f"{_whose(condition)} has no such trial with {axis} {str(wanted)!r}; it has: "
                        f"{listing(present)}{nearest(str(wanted), present)}",
                    )
                kept = matching
            if len({_identity(p, axis) for p in kept}) > 1:
                raise GridError(
                    at, f"{_whose(condition)} has several: say which {axis} of {listing(present)}"
                )
        return kept

    def _check_pair(self, first: Side, second: Side) -> None:
        if {(p.trial.id, p.cam) for p in first.points} == {(p.trial.id, p.cam) for p in second.points}:
            raise GridError(self.path, f"{first.label} and {second.label} are the same trials")
        datasets = [side.points[0].trial.identity()["dataset"] for side in (first, second)]
        if datasets[0] != datasets[1]:
            names = " and ".join(title_of(side.points[0].trial.dataset) for side in (first, second))
            raise GridError(
                self.path, f"{first.label} and {second.label} are not of one data set but of {names}"
            )

    def _columns(self, side: Side) -> tuple[str, ...]:
        dataset, metric = side.points[0].trial.dataset, METRICS[self.claim.metric]
        findings = (labelled_findings if metric.is_of_model else boxed_findings)(dataset, self.files)
        if not findings:
            raise GridError(
                self.path, f"{metric.name} is not scored on {title_of(dataset)}, which has no boxes"
            )
        allowed = (*metric.averages, *findings)
        for index, column in enumerate(self.claim.column):
            if column not in allowed:
                raise GridError(
                    (*self.path, "column", index),
                    f"{metric.name} has no column {column!r}; allowed: {listing(allowed)}"
                    f"{nearest(column, allowed)}",
                )
        return self.claim.column


def _whose(condition: Condition) -> str:
    return f"suite {condition.suite!r}" if condition.suite is not None else "this suite"


def _identity(point: Point, axis: str) -> str:
    """Returns what tells points apart on an axis; data sets of one name may differ."""
    return point.trial.dataset.model_dump_json() if axis == "dataset" else _value(point, axis)


def _value(point: Point, axis: str) -> str:
    """Returns the word that a condition has for the point on an axis."""
    return point.value_of(axis)[-1]
