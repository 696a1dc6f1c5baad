"""Expands a suite to its trials, and narrows them to a selection."""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from bench.errors import BenchError, SuiteError, listing, nearest
from bench.suite.cam import NATIVE, CamMethod, with_cam
from bench.suite.catalog import as_label, display_name
from bench.suite.identity import canonical_json, file_digest
from bench.suite.schema import (
    DatasetSpec,
    Exclusion,
    FolderSpec,
    ModelSpec,
    SplitLists,
    StoredSpec,
    Suite,
    title_of,
)
from bench.suite.trial import Trial
from bench.suite.user_path import user_path
from bench.suite.violation import AcceptableKind

IMAGES_PREFIX = "images of "
"""Before the digest of a table of labels: what a trial calls the folder of its images."""

AXES = ("model", "dataset", "resolution", "seed", "cam")

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
    """A trial in its suite's grid, scored on one kind of map.

    Attributes:
        trial: what is trained and scored.
        label: the model, as this suite calls it.
        cam: the map that localization is scored on.
    """

    trial: Trial
    label: str
    cam: CamMethod = NATIVE

    @property
    def row(self) -> str:
        """The row of a table that the point belongs to."""
        return with_cam(self.label, self.cam)

    def value_of(self, axis: str) -> tuple[str, ...]:
        """Returns the words by which a selection can name this point on `axis`."""
        if axis == "model":
            return (self.label, self.trial.model, self.row)
        if axis == "cam":
            return (self.cam,)
        if axis == "dataset":
            return (self.trial.dataset.name, title_of(self.trial.dataset))
        return (str(getattr(self.trial, axis)),)


@dataclass(frozen=True)
class Origin:
    """Where a trial is from that a suite starts from.

    Attributes:
        suite: the other suite's name.
        label: the model, as that suite calls it.
    """

    suite: str
    label: str


@dataclass(frozen=True)
class Grid:
    """A suite's points in the order of its rows, and what it knows of other things that they name.

    Attributes:
        points: the trials and their maps.
        files: those that trials name by digest.
        accepted: by data set, as JSON, what may be wrong with it; also of suites that this one starts from.
        origins: by trial id, where trials of other suites are from.
    """

    points: tuple[Point, ...]
    files: Mapping[str, Path]
    accepted: Mapping[str, frozenset[AcceptableKind]] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """The trials, in order, each once however many maps it is scored on."""
        return tuple({point.trial.id: point.trial for point in self.points}.values())

    @cached_property
    def required(self) -> tuple[Trial, ...]:
        """Trials that are not of this grid and have to be finished before some of it, in the order to run."""
        own = {trial.id for trial in self.trials}
        before = {parent.id: parent for trial in self.trials for parent in trial.ancestors()}
        return tuple(trial for key, trial in before.items() if key not in own)

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
            wanted.setdefault(axis, set()).add(as_label(value))
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
        return self.of(chosen)

    def of(self, points: Iterable[Point]) -> "Grid":
        """Returns the grid with these points in place of its own."""
        return replace(self, points=tuple(points))


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


def expand(suite: Suite, folder: Path, load_grid: Callable[[str], Grid]) -> Grid:
    """Returns the suite's grid: models slowest, then data sets, resolutions, seeds and maps.

    Args:
        suite: a validated suite.
        folder: where the suite file is; files that it names are relative to it.
        load_grid: gives the grid of another suite in the folder by its name; may raise `SuiteError`.

    Raises:
        GridError: a suite to start from has no such trial, a file cannot be read, two points are the same
            trial, or nothing is left of the grid.
    """
    files: dict[str, Path] = {}
    datasets = [_with_digests(i, dataset, folder, files) for i, dataset in enumerate(suite.datasets)]
    weights = [_weights_digest(suite, i, folder, files) for i in range(len(suite.models))]
    points: list[Point] = []
    sources = [_source_of(i, model, load_grid, files) for i, model in enumerate(suite.models)]
    for index, dataset, resolution, seed in itertools.product(
        range(len(suite.models)), datasets, suite.resolutions, suite.seeds
    ):
        model, source = suite.models[index], sources[index]
        encoder = model.encoder or suite.encoder
        trial = None if source is None else _parent(index, model, source, resolution, seed)
        if trial is not None and trial.encoder != encoder:
            came = f"encoder is {encoder}, and the trials to start from have {trial.encoder}"
            raise GridError(("models", index), came)
        for phase in model.phases:
            trial = Trial(
                model=model.name,
                options=model.options,
                encoder=encoder,
                weights=weights[index] if trial is None else "none",
                init=trial,
                phase=phase,
                dataset=dataset,
                resolution=resolution,
                seed=seed,
                recipe=suite.recipe,
            )
        assert trial is not None, "a model has at least one phase"
        points += [Point(trial, label_of(model), cam) for cam in suite.cams]
    kept = _without(points, suite.exclude)
    if not kept:
        raise GridError(("exclude",), "the grid is empty: 'exclude' leaves out every trial")
    _refuse_twins(kept)
    origins: dict[str, Origin] = {}
    for model, source in zip(suite.models, sources, strict=True):
        if model.init is not None and source is not None:
            origins |= _origins_of(model.init.suite, source)
    accepted = _accepted(suite, datasets, [source for source in sources if source is not None])
    return Grid(kept, files, accepted, origins)


def label_of(model: ModelSpec) -> str:
    """Returns what tables call the row of `model`."""
    if model.label:
        return model.label
    num_phases = len(model.phases)
    if num_phases > 1:
        suffix = " (two-phase)" if num_phases == 2 else f" ({num_phases} phases)"
    else:
        suffix = " (fine-tuned)" if model.init is not None else ""
    return display_name(model.name, model.options) + suffix


def _accepted(
    suite: Suite, datasets: Sequence[DatasetSpec], sources: Sequence[Grid]
) -> dict[str, frozenset[AcceptableKind]]:
    own = dict.fromkeys((dataset.model_dump_json() for dataset in datasets), frozenset(suite.accept))
    for source in sources:
        for key, kinds in source.accepted.items():
            own[key] = own.get(key, frozenset()) | kinds
    return own


def _source_of(
    index: int, model: ModelSpec, load_grid: Callable[[str], Grid], files: dict[str, Path]
) -> Grid | None:
    """Returns the grid that the model's trials start from; what it needs of files is added to `files`."""
    if model.init is None:
        return None
    try:
        source = load_grid(model.init.suite)
    except SuiteError as error:
        raise GridError(("models", index, "init", "from"), str(error)) from None
    files.update(source.files)
    return source


def _origins_of(name: str, source: Grid) -> dict[str, Origin]:
    """Returns where the trials of the suite `name` are from, and those that it starts from itself."""
    before = {trial.id: Origin(name, trial.label) for trial in source.required}
    own = {point.trial.id: Origin(name, point.label) for point in source.points}
    return {**before, **source.origins, **own}


def _parent(index: int, model: ModelSpec, source: Grid, resolution: int, seed: int) -> Trial:
    assert model.init is not None
    wanted = as_label(model.init.model)
    same = {"resolution": str(resolution), "seed": str(seed)}
    points = [p for p in source.points if all(v in p.value_of(axis) for axis, v in same.items())]
    found = {p.trial.id: p.trial for p in points if p.label == wanted}
    found = found or {p.trial.id: p.trial for p in points if p.trial.model == wanted}
    path, what = ("models", index, "init", "model"), f"suite {model.init.suite!r}"
    at = f"with seed {seed} at {resolution} px"
    if len(found) > 1:
        rows = listing(dict.fromkeys(repr(p.label) for p in points if p.trial.id in found))
        raise GridError(path, f"{what} has {len(found)} trials of model {wanted!r} {at}; say which: {rows}")
    if not found:
        labels = list(dict.fromkeys(p.label for p in points))
        raise GridError(
            path,
            f"{what} has no trial of model {wanted!r} {at}; it has: {listing(labels) or 'none'}"
            f"{nearest(wanted, labels)}",
        )
    return next(iter(found.values()))


def _without(points: Sequence[Point], exclusions: Sequence[Exclusion]) -> tuple[Point, ...]:
    kept = list(points)
    for index, exclusion in enumerate(exclusions):
        given = exclusion.model_dump(exclude_none=True)
        if not given:
            raise GridError(("exclude", index), f"an empty entry; give at least one of {listing(AXES)}")
        matches = [
            all(as_label(str(value)) in point.value_of(axis) for axis, value in given.items())
            for point in points
        ]
        if not any(matches):
            raise GridError(("exclude", index), f"{given} matches no trial of the grid")
        kept = [point for point in kept if not matches[points.index(point)]]
    return tuple(kept)


def _refuse_twins(points: Sequence[Point]) -> None:
    by_id: dict[tuple[str, CamMethod], Point] = {}
    by_row: dict[str, tuple[str, CamMethod]] = {}
    for point in points:
        twin = by_id.setdefault((point.trial.id, point.cam), point)
        if twin is not point:
            same = "twice" if twin.label == point.label else f"as {twin.label!r} and as {point.label!r}"
            raise GridError(("models",), f"the grid holds the same trial {same}: {point.trial.id}")
        model = (canonical_json(point.trial.model_identity()), point.cam)
        if by_row.setdefault(point.row, model) != model:
            text = f"two different models are both called {point.row!r}; give one of them a 'label'"
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


def _with_digests(index: int, dataset: DatasetSpec, folder: Path, files: dict[str, Path]) -> DatasetSpec:
    """Returns the data set with digests in place of paths; what they stand for is added to `files`."""
    path = ("datasets", index)
    found: dict[str, str | SplitLists] = {}
    if isinstance(dataset, StoredSpec) and isinstance(dataset.split, SplitLists):
        lists = {part: _register((*path, "split", part), name, folder, files) for part, name in dataset.split}
        found["split"] = SplitLists(**lists)
    if isinstance(dataset, FolderSpec):
        found["labels"] = _register((*path, "labels"), dataset.labels, folder, files)
        if dataset.boxes is not None:
            found["boxes"] = _register((*path, "boxes"), dataset.boxes, folder, files)
        found["images"] = f"{IMAGES_PREFIX}{found['labels']}"
        images = _file((*path, "images"), dataset.images, folder).resolve()
        if files.setdefault(str(found["images"]), images) != images:
            raise GridError((*path, "images"), "two data sets share their labels but not their images")
    return dataset.model_copy(update=found)


def _register(path: tuple[str | int, ...], name: str, folder: Path, files: dict[str, Path]) -> str:
    file = _file(path, name, folder)
    try:
        digest = file_digest(file)
    except OSError as error:
        raise GridError(path, f"{path[-1]}: cannot read {file} ({error.strerror or error})") from None
    files[digest] = file.resolve()
    return digest


def _file(path: tuple[str | int, ...], name: str, folder: Path) -> Path:
    """Returns the file or folder that the suite's value at `path` names, relative to the suite's folder."""
    try:
        return user_path(name, folder)
    except BenchError as error:
        raise GridError(path, f"{path[-1]}: {error}") from None


_FORM = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True)
class Shard:
    """One of several parts.

    Attributes:
        index: which, from 1.
        count: how many there are.
    """

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Returns what ``2/8`` means.

        Raises:
            SuiteError: it is no such text, or there is no such part.
        """
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise SuiteError(f"--shard {text!r}: give which part of how many, such as 2/8")
        shard = cls(*map(int, match.groups()))
        if not 1 <= shard.index <= shard.count:
            allowed = f"1/{shard.count} to {shard.count}/{shard.count}" if shard.count else "from 1/1 on"
            raise SuiteError(f"--shard {text!r}: there is no such part; parts are {allowed}")
        return shard

    def of(self, grid: Grid) -> Grid:
        """Returns the grid narrowed to this part of it.

        Trials that start, over however many others, from one and the same trial are a family, and a trial
        that starts from none is one with all that start from it. The first family goes to the first part, the
        second to the second and so on, in the order of the grid: the parts hold the grid, each trial once,
        are the same on every machine, and no two train the same trial first.

        Raises:
            SuiteError: there are fewer families than parts, and none for this one.
        """
        families = list(dict.fromkeys(map(_first_of, grid.points)))
        kept = set(families[self.index - 1 :: self.count])
        if not kept:
            raise SuiteError(
                f"--shard {self.index}/{self.count}: is empty; what is selected makes at most "
                f"{len(families)} parts, since trials stay with what they start from"
            )
        return grid.of(point for point in grid.points if _first_of(point) in kept)


def _first_of(point: Point) -> str:
    """Returns the id of the trial that the point's chain begins with."""
    first, *_ = (*point.trial.ancestors(), point.trial)
    return first.id
