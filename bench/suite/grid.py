"""Expands a suite to its trials, and narrows them to a selection."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.errors import SuiteError, listing, nearest
from bench.suite.catalog import display_name
from bench.suite.identity import canonical_json, file_digest
from bench.suite.schema import Exclusion, ModelSpec, NihSpec, PhantomSpec, SplitLists, Suite
from bench.suite.trial import Trial

AXES = ("model", "dataset", "resolution", "seed")

_CONDITIONS = re.compile(rf",(?=\s*(?:{'|'.join(AXES)})=)")
"""What parts conditions; a label may hold commas too."""

_MAX_SEEDS = 10_000


class GridError(SuiteError):
    """Something wrong with the grid, at a path in the suite."""

    def __init__(self, path: tuple[str | int, ...], text: str) -> None:
        super().__init__(text)
        self.path = path


@dataclass(frozen=True)
class Point:
    """A trial in its suite's grid.

    Attributes:
        trial: what is trained and scored.
        label: the row it belongs to, as this suite calls it.
    """

    trial: Trial
    label: str

    def value_of(self, axis: str) -> tuple[str, ...]:
        """Returns the words by which a selection can name this point on `axis`."""
        if axis == "model":
            return (self.label, self.trial.model)
        value = self.trial.dataset.name if axis == "dataset" else getattr(self.trial, axis)
        return (str(value),)


@dataclass(frozen=True)
class Grid:
    """A suite's points in the order of its rows, with the files that they name by digest."""

    points: tuple[Point, ...]
    files: Mapping[str, Path]

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """The trials, in order."""
        return tuple(point.trial for point in self.points)

    def select(self, only: Sequence[str] = (), seeds: str | None = None) -> "Grid":
        """Returns the grid narrowed to the points that match every condition.

        Args:
            only: conditions such as ``model=pylon`` or ``model=pylon,resolution=512``; of several values for
                one axis any may match.
            seeds: ``0,2`` or ``0-2``, or both mixed.

        Raises:
            SuiteError: an unknown axis or value, or nothing left.
        """
        wanted: dict[str, set[str]] = {}
        for condition in itertools.chain.from_iterable(map(_CONDITIONS.split, only)):
            axis, equals, value = condition.strip().partition("=")
            if not equals or axis not in AXES:
                hint = nearest(axis, AXES)
                raise SuiteError(
                    f"--only {condition!r}: give axis=value with an axis of {listing(AXES)}{hint}"
                )
            wanted.setdefault(axis, set()).add(value)
        if seeds is not None:
            wanted.setdefault("seed", set()).update(str(seed) for seed in parse_seeds(seeds))
        for axis, values in wanted.items():
            present = list(dict.fromkeys(word for point in self.points for word in point.value_of(axis)))
            for value in sorted(values - set(present)):
                known = listing(present)
                raise SuiteError(
                    f"no trial of this suite has {axis} {value!r}; it has: {known}{nearest(value, present)}"
                )
        chosen = tuple(
            point
            for point in self.points
            if all(values & set(point.value_of(axis)) for axis, values in wanted.items())
        )
        if not chosen:
            raise SuiteError("no trial of this suite matches all of the conditions together")
        return Grid(chosen, self.files)


def parse_seeds(text: str) -> tuple[int, ...]:
    """Returns the seeds that ``0,2`` or ``0-2,7`` lists, ascending, each once.

    Raises:
        SuiteError: anything else.
    """
    seeds: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise SuiteError(f"--seeds {text!r}: give numbers and ranges such as 0,2 or 0-4")
        span = range(int(first), int(last or first) + 1)
        if len(span) > _MAX_SEEDS:
            raise SuiteError(f"--seeds {text!r}: more than {_MAX_SEEDS} seeds")
        seeds.update(span)
    return tuple(sorted(seeds))


def expand(suite: Suite, folder: Path) -> Grid:
    """Returns the suite's grid: models slowest, then data sets, resolutions and seeds.

    Args:
        suite: a validated suite.
        folder: where the suite file is; files that it names are relative to it.

    Raises:
        GridError: a file cannot be read, two points are the same trial, or nothing is left of the grid.
    """
    files: dict[str, Path] = {}
    datasets = [_with_digests(i, dataset, folder, files) for i, dataset in enumerate(suite.datasets)]
    weights = [_weights_digest(suite, i, folder, files) for i in range(len(suite.models))]
    points: list[Point] = []
    for (model, initial), dataset, resolution, seed in itertools.product(
        zip(suite.models, weights, strict=True), datasets, suite.resolutions, suite.seeds
    ):
        trial = Trial(
            model=model.name,
            options=model.options,
            encoder=model.encoder or suite.encoder,
            weights=initial,
            dataset=dataset,
            resolution=resolution,
            seed=seed,
            recipe=suite.recipe,
        )
        points.append(Point(trial, label_of(model)))
    kept = _without(points, suite.exclude)
    if not kept:
        raise GridError(("exclude",), "the grid is empty: 'exclude' leaves out every trial")
    _refuse_twins(kept)
    return Grid(kept, files)


def label_of(model: ModelSpec) -> str:
    """Returns what tables call the row of `model`."""
    return model.label or display_name(model.name, model.options)


def _without(points: Sequence[Point], exclusions: Sequence[Exclusion]) -> tuple[Point, ...]:
    kept = list(points)
    for index, exclusion in enumerate(exclusions):
        given = exclusion.model_dump(exclude_none=True)
        if not given:
            raise GridError(("exclude", index), f"an empty entry; give at least one of {listing(AXES)}")
        matches = [
            all(str(value) in point.value_of(axis) for axis, value in given.items()) for point in points
        ]
        if not any(matches):
            raise GridError(("exclude", index), f"{given} matches no trial of the grid")
        kept = [point for point in kept if not matches[points.index(point)]]
    return tuple(kept)


def _refuse_twins(points: Sequence[Point]) -> None:
    by_id: dict[str, Point] = {}
    by_label: dict[str, str] = {}
    for point in points:
        twin = by_id.setdefault(point.trial.id, point)
        if twin is not point:
            same = "twice" if twin.label == point.label else f"as {twin.label!r} and as {point.label!r}"
            raise GridError(("models",), f"the grid holds the same trial {same}: {point.trial.id}")
        model = canonical_json(point.trial.model_identity())
        if by_label.setdefault(point.label, model) != model:
            text = f"two different models are both called {point.label!r}; give one of them a 'label'"
            raise GridError(("models",), text)


def _weights_digest(suite: Suite, index: int, folder: Path, files: dict[str, Path]) -> str:
    own = suite.models[index].weights
    path: tuple[str | int, ...] = ("weights",) if own is None else ("models", index, "weights")
    weights = own or suite.weights
    if weights in ("none", "imagenet"):
        return weights
    if not Path(weights).suffix and "/" not in weights:
        hint = nearest(weights, ("none", "imagenet"))
        raise GridError(path, f"weights is {weights!r}; allowed: none, imagenet, or a file{hint}")
    return _register(path, weights, folder, files)


def _with_digests(
    index: int, dataset: PhantomSpec | NihSpec, folder: Path, files: dict[str, Path]
) -> PhantomSpec | NihSpec:
    if not isinstance(dataset, NihSpec) or not isinstance(dataset.split, SplitLists):
        return dataset
    path = ("datasets", index, "split")
    lists = {part: _register((*path, part), name, folder, files) for part, name in dataset.split}
    return dataset.model_copy(update={"split": SplitLists(**lists)})


def _register(path: tuple[str | int, ...], name: str, folder: Path, files: dict[str, Path]) -> str:
    file = folder / name
    try:
        digest = file_digest(file)
    except OSError as error:
        raise GridError(path, f"{path[-1]}: cannot read {file} ({error.strerror or error})") from None
    files[digest] = file.resolve()
    return digest
