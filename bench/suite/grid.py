"""Expands a suite to its trials, and narrows them to a selection."""

import itertools
import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

from bench.errors import SuiteError, listing
from bench.suite.cam import NATIVE, CamMethod, with_cam
from bench.suite.catalog import as_label, changed_options, display_name, plugin_source
from bench.suite.dataset_specs import dataset_source, title_of
from bench.suite.document import KeyPath, SettingError
from bench.suite.exposure import Sighting, exposures_of, sightings_of
from bench.suite.identity import canonical_json
from bench.suite.schema import Exclusion, Init, ModelSpec, Suite
from bench.suite.subject_trials import subject_trials
from bench.suite.suite_files import SuiteFiles
from bench.suite.trial import Trial
from bench.suite.violation import AcceptableKind

AXES = ("model", "dataset", "resolution", "seed", "cam")

_CONDITIONS = re.compile(rf",(?=\s*(?:{'|'.join(AXES)})=)")
"""A comma between two conditions; a label may hold commas too."""

_MAX_SEEDS = 10_000

Part = Literal["scores", "sanity"]
"""Parts of what is asked of a trial's maps by a method: how they score, and how they stand sanity checks."""


@dataclass(frozen=True)
class Point:
    """A trial in its suite's grid, scored on one kind of map.

    Attributes:
        trial: the training and its scoring.
        label: name of the model in this suite.
        cam: the map that localization is scored on.
        is_checked: whether sanity checks of the map are asked for.
    """

    trial: Trial
    label: str
    cam: CamMethod = NATIVE
    is_checked: bool = False

    @property
    def key(self) -> tuple[str, CamMethod]:
        """The trial's id and the map, which tell points apart."""
        return self.trial.id, self.cam

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is asked of the map."""
        return ("scores", "sanity") if self.is_checked else ("scores",)

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
        if axis == "seed" and self.trial.subject is not None:
            return ()
        return (str(getattr(self.trial, axis)),)

    def matches(self, wanted: Mapping[str, Container[str]]) -> bool:
        """Returns whether a word for this point is among the wanted ones of each axis."""
        return all(any(word in words for word in self.value_of(axis)) for axis, words in wanted.items())


@dataclass(frozen=True)
class Origin:
    """The suite of a trial that another suite's trials start from.

    Attributes:
        suite: name of the suite.
        label: name of the model in that suite.
    """

    suite: str
    label: str


@dataclass(frozen=True)
class Grid:
    """A suite's points in the order of its rows.

    Attributes:
        points: the trials and their maps.
        files: paths of the files that trials name by digest.
        accepted: the violations that are accepted, by data set as JSON; also of suites to start from.
        origins: the suites of trials to start from, by id.
        sightings: what has been seen by what the trials start from, by the name of the model in this suite.
    """

    points: tuple[Point, ...]
    files: Mapping[str, Path]
    accepted: Mapping[str, frozenset[AcceptableKind]] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    sightings: Mapping[str, tuple[Sighting, ...]] = field(default_factory=dict)

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """The trials, in order, each once however many maps it is scored on."""
        return tuple({point.trial.id: point.trial for point in self.points}.values())

    @cached_property
    def required(self) -> tuple[Trial, ...]:
        """Trials of other grids that some of this one start from, in the order to run them."""
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
                problem = f"{axis!r} is no axis; give axis=value"
                raise SuiteError(problem, place=f"--only {condition!r}", value=axis, allowed=AXES)
            wanted.setdefault(axis, set()).add(as_label(value))
        if seeds is not None:
            wanted.setdefault("seed", set()).update(str(seed) for seed in parse_seeds(seeds))
        for axis, values in wanted.items():
            present = dict.fromkeys(word for point in self.points for word in point.value_of(axis))
            for value in sorted(values - set(present)):
                problem = f"no trial of this suite has {axis} {value!r}"
                raise SuiteError(problem, value=value, allowed=present)
        seedless = {axis: values for axis, values in wanted.items() if axis != "seed"}
        chosen = self.of(
            point
            for point in self.points
            if point.matches(wanted if point.trial.subject is None else seedless)
        )
        if not chosen.points:
            raise SuiteError("no trial of this suite matches all of the conditions together")
        return chosen

    def shard(self, text: str) -> "Grid":
        """Returns the grid narrowed to one of several parts: ``2/8`` is the second of eight.

        Trials that start, over however many others, from one and the same trial are a family, and a trial
        that starts from none is one with all that start from it. The first family goes to the first part, the
        second to the second and so on, in the order of the grid: the parts hold the grid, each trial once,
        are the same on every machine, and no two train the same trial first.

        Raises:
            SuiteError: it is no such text, there is no such part, or there are fewer families than parts and
                none for this one.
        """
        place = f"--shard {text!r}"
        match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if match is None:
            raise SuiteError("give which part of how many, such as 2/8", place=place, value=text)
        index, count = map(int, match.groups())
        if not 1 <= index <= count:
            parts = f"1/{count} to {count}/{count}" if count else "from 1/1 on"
            raise SuiteError(f"there is no such part; parts are {parts}", place=place, value=text)
        families = list(dict.fromkeys(map(_first_of, self.points)))
        kept = set(families[index - 1 :: count])
        if not kept:
            raise SuiteError(
                f"the part is empty; the selected trials make at most {len(families)} parts, since trials "
                "stay with those that they start from",
                place=place,
                value=text,
            )
        return self.of(point for point in self.points if _first_of(point) in kept)

    def exposures(self, test_names: Callable[[Trial], Collection[str] | None]) -> Iterator[tuple[Trial, str]]:
        """Yields trials whose test images were seen before they began; in a sentence which row, and by whom.

        Args:
            test_names: gives the names of a trial's test images, or None if they are not known. It is asked
                only where a suite lists images.
        """
        for point in {point.trial.id: point for point in self.points}.values():
            trial, sightings = point.trial, self.sightings.get(point.label, ())
            for sentence in exposures_of(trial, sightings, partial(test_names, trial)):
                yield trial, f"{point.label} on {title_of(trial.dataset)}: {sentence}"

    def of(self, points: Iterable[Point]) -> "Grid":
        """Returns the grid with these points in place of its own."""
        return replace(self, points=tuple(points))


def _first_of(point: Point) -> str:
    """Returns the id of the trial that the point's chain begins with."""
    first, *_ = (*point.trial.ancestors(), point.trial)
    return first.id


def points_of(points: Iterable[Point], word: str) -> list[Point]:
    """Returns the points with this label of a model; if there are none, of this row, or of this model."""
    known, label = list(points), as_label(word)
    by_label = [point for point in known if point.label == label]
    by_row = [point for point in known if point.row == label]
    return by_label or by_row or [point for point in known if point.trial.model == label]


def parse_seeds(text: str) -> tuple[int, ...]:
    """Returns the seeds that ``0,2`` or ``0-2,7`` lists, ascending, each once.

    Raises:
        SuiteError: anything else.
    """
    seeds: set[int] = set()
    place = f"--seeds {text!r}"
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise SuiteError("give numbers and ranges such as 0,2 or 0-4", place=place, value=text)
        span = range(int(first), int(last or first) + 1)
        if len(span) > _MAX_SEEDS:
            raise SuiteError(f"more than {_MAX_SEEDS} seeds", place=place, value=text)
        seeds.update(span)
    return tuple(sorted(seeds))


def expand(suite: Suite, files: SuiteFiles, load_grid: Callable[[str], Grid]) -> Grid:
    """Returns the suite's grid: models slowest, then data sets, resolutions, seeds and maps.

    Args:
        suite: a validated suite.
        files: finds the files that it names.
        load_grid: gives the grid of another suite by its name; may raise `SuiteError`.

    Raises:
        SettingError: a suite to start from has no such trial, a file cannot be read, two points are the same
            trial, or nothing is left of the grid.
    """
    datasets = [files.stored(dataset, ("datasets", i)) for i, dataset in enumerate(suite.datasets)]
    points: list[Point] = []
    accepted = dict.fromkeys((dataset.model_dump_json() for dataset in datasets), frozenset(suite.accept))
    origins: dict[str, Origin] = {}
    sightings: dict[str, tuple[Sighting, ...]] = {}
    for index, model in enumerate(suite.models):
        at = ("models", index)
        plugin, source = plugin_source(model.name), None
        if not model.train:
            subjects = tuple(subject_trials(suite, index, datasets, files))
            label = model.label or subjects[0].label
            points += [Point(one, label, cam, suite.sanity) for one in subjects for cam in suite.cams]
            sightings[label] = sightings_of(suite, index, files.lines)
            continue
        encoder, weights = model.encoder or suite.encoder, _weights(suite, index, files)
        options = model.options if plugin is None else changed_options(model.name, model.options)
        if model.init is not None:
            source = grid_of(model.init.suite, load_grid, (*at, "init", "from"))
            origins |= _origins_of(model.init.suite, source)
            files.by_name.update(source.files)
            for key, kinds in source.accepted.items():
                accepted[key] = accepted.get(key, frozenset()) | kinds
        for dataset, resolution, seed in itertools.product(datasets, suite.resolutions, suite.seeds):
            trial, of_dataset = None, dataset_source(dataset)
            if model.init is not None and source is not None:
                trial = _parent(model.init, source, resolution, seed, (*at, "init", "model"))
                if trial.encoder != encoder:
                    problem = f"encoder is {encoder!r}, and the trials to start from have another"
                    raise SettingError(at, problem, value=encoder, allowed=[trial.encoder])
            for phase in model.phases:
                trial = Trial(
                    model=model.name,
                    source=None if plugin is None else plugin.digest,
                    options=options,
                    encoder=encoder,
                    weights=weights if trial is None else "none",
                    init=trial,
                    phase=phase,
                    dataset=dataset,
                    dataset_source=None if of_dataset is None else of_dataset.digest,
                    resolution=resolution,
                    seed=seed,
                    recipe=suite.recipe,
                )
            assert trial is not None, "a model has at least one phase"
            points += [Point(trial, label_of(model), cam, suite.sanity) for cam in suite.cams]
        own = sightings_of(suite, index, files.lines)
        sightings[label_of(model)] = (*own, *_inherited(model.init, source))
    kept = _without(points, suite.exclude)
    if not kept:
        raise SettingError(("exclude",), "the grid is empty: 'exclude' leaves out every trial")
    _refuse_duplicates(kept)
    return Grid(kept, files.by_name, accepted, origins, sightings)


def label_of(model: ModelSpec) -> str:
    """Returns the name of the model's row in tables."""
    if model.label:
        return model.label
    num_phases = len(model.phases)
    if num_phases > 1:
        suffix = " (two-phase)" if num_phases == 2 else f" ({num_phases} phases)"
    else:
        suffix = " (fine-tuned)" if model.init is not None else ""
    return display_name(model.name, model.options) + suffix


def grid_of(name: str, load_grid: Callable[[str], Grid], keys: KeyPath) -> Grid:
    """Returns the grid of another suite, which this one names at `keys`.

    Raises:
        SettingError: there is no such suite, or something is wrong with it.
    """
    try:
        return load_grid(name)
    except SuiteError as error:
        if error.place is None and not error.mistakes:
            raise SettingError(keys, error.problem, value=name, allowed=error.allowed) from None
        raise SettingError(keys, str(error), value=name) from None


def _origins_of(name: str, source: Grid) -> dict[str, Origin]:
    """Returns where the trials of the suite `name` are from, and those that it starts from itself."""
    before = {trial.id: Origin(name, trial.label) for trial in source.required}
    own = {point.trial.id: Origin(name, point.label) for point in source.points}
    return {**before, **source.origins, **own}


def _parent(init: Init, source: Grid, resolution: int, seed: int, keys: KeyPath) -> Trial:
    """Returns the trial of the source, of this resolution and seed, to start from."""
    points = [p for p in source.points if (p.trial.resolution, p.trial.seed) == (resolution, seed)]
    found = points_of(points, init.model)
    trials = {point.trial.id: point.trial for point in found}
    if len(trials) == 1:
        return next(iter(trials.values()))
    many = "more than one" if trials else "no"
    problem = f"suite {init.suite!r} has {many} trial of {init.model!r} with seed {seed} at {resolution} px"
    labels = dict.fromkeys(point.label for point in found or points)
    raise SettingError(keys, problem, value=init.model, allowed=labels)


def _inherited(init: Init | None, source: Grid | None) -> tuple[Sighting, ...]:
    """Returns what has been seen by what the trials of the source to start from start from themselves."""
    if init is None or source is None:
        return ()
    first, *_ = points_of(source.points, init.model)
    return source.sightings[first.label]


def _without(points: Sequence[Point], exclusions: Sequence[Exclusion]) -> tuple[Point, ...]:
    left_out: set[int] = set()
    for index, exclusion in enumerate(exclusions):
        given = exclusion.model_dump(exclude_none=True)
        if not given:
            raise SettingError(("exclude", index), f"an empty entry; give at least one of {listing(AXES)}")
        wanted = {axis: (as_label(str(value)),) for axis, value in given.items()}
        matching = [i for i, point in enumerate(points) if point.matches(wanted)]
        if not matching:
            raise SettingError(("exclude", index), f"{given} matches no trial of the grid", value=given)
        left_out.update(matching)
    return tuple(point for i, point in enumerate(points) if i not in left_out)


def _refuse_duplicates(points: Sequence[Point]) -> None:
    by_key: dict[tuple[str, CamMethod], Point] = {}
    by_row: dict[str, tuple[str, CamMethod]] = {}
    for point in points:
        other = by_key.setdefault(point.key, point)
        if other is not point:
            same = "twice" if other.label == point.label else f"as {other.label!r} and as {point.label!r}"
            problem = f"the grid holds the same trial {same}: {point.trial.id}"
            raise SettingError(("models",), problem, value=point.trial.id)
        model = (canonical_json(point.trial.model_identity()), point.cam)
        if by_row.setdefault(point.row, model) != model:
            problem = f"two different models are both called {point.row!r}; give one of them a 'label'"
            raise SettingError(("models",), problem, value=point.row)


def _weights(suite: Suite, index: int, files: SuiteFiles) -> str:
    own = suite.models[index].weights
    keys: KeyPath = ("weights",) if own is None else ("models", index, "weights")
    weights = own or suite.weights
    if weights in ("none", "imagenet"):
        return weights
    if not Path(weights).suffix and "/" not in weights:
        words = ("none", "imagenet", "a file")
        raise SettingError(keys, f"weights is {weights!r}", value=weights, allowed=words)
    return files.digest(weights, keys)
