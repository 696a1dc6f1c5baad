"""Reads a suite file, and those that it starts from or is compared with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.errors import PluginError, SuiteError, as_text, nearest
from bench.suite.comparisons import StatedClaim, state_claims
from bench.suite.dataset_specs import DATASET_SPECS, DatasetSpec
from bench.suite.document import Document, SettingError, parse
from bench.suite.encoder_fit import misfits
from bench.suite.find import shipped_suites, suites_in, with_shipped
from bench.suite.grid import Grid, Point, expand
from bench.suite.metrics import take_metrics
from bench.suite.schema import Recipe, Suite
from bench.suite.suite_files import SuiteFiles
from bench.suite.text_table import decoded
from bench.suite.trial import Trial
from bench.suite.validate import validate, validate_dataset

SMOKE_FOLDER = "smoke"
"""Folder of smoke tests, below results and reports: they are never mixed with results."""


@dataclass(frozen=True)
class LoadedSuite:
    """A suite file that was read.

    Attributes:
        suite: the settings in the file.
        grid: the trials that it expands to.
        source: the file.
        claims: its claims, with the trials that they compare.
        overrides: the ``key=value`` that changed it.
    """

    suite: Suite
    grid: Grid
    source: Path
    claims: tuple[StatedClaim, ...] = ()
    overrides: tuple[str, ...] = ()

    @property
    def points(self) -> Iterator[Point]:
        """The points of its tables, then those that its claims compare, which may be of other suites."""
        yield from self.grid.points
        for stated in self.claims:
            for comparison in stated.comparisons:
                yield from (*comparison.first.points, *comparison.second.points)

    def narrowed(self, grid: Grid) -> "LoadedSuite":
        """Returns the suite with a selection of its grid, and the claims that are testable on it."""
        claims = [claim.within(grid, self.grid) for claim in self.claims]
        return replace(self, grid=grid, claims=tuple(claim for claim in claims if claim.comparisons))

    def limited(self, num_batches: int) -> "LoadedSuite":
        """Returns the suite as a smoke test: other trials in place of its own and of those they start from.

        Each has one epoch, on so many batches of images, at least one, and loads as many for validation and
        test. That is part of its identity: no result has its id. Claims and references, which are on results,
        are left out.
        """

        def shortened(recipe: Recipe) -> Recipe:
            return recipe.model_copy(update={"limit_batches": num_batches, "max_epochs": 1})

        def limited(trial: Trial) -> Trial:
            init = None if trial.init is None else limited(trial.init)
            return trial.model_copy(update={"recipe": shortened(trial.recipe), "init": init})

        old = self.grid
        points = tuple(replace(point, trial=limited(point.trial)) for point in old.points)
        known = [trial for trial in (*old.trials, *old.required) if trial.id in old.origins]
        origins = {limited(trial).id: old.origins[trial.id] for trial in known}
        suite = self.suite.model_copy(
            update={"recipe": shortened(self.suite.recipe), "claims": (), "references": ()}
        )
        return replace(self, suite=suite, grid=replace(old, points=points, origins=origins), claims=())


def load_suite(
    path: Path, overrides: Sequence[str] = (), chain: tuple[Path, ...] = (), *, with_claims: bool = True
) -> LoadedSuite:
    """Returns the suite in the file `path`, checked and expanded.

    Args:
        path: a YAML file.
        overrides: ``key=value`` with dots between levels, e.g. ``recipe.batch_size=8``; values are YAML.
        chain: suites that led to this one, each starting from the next.
        with_claims: whether to find the trials that its claims compare, which may be of other suites.

    Raises:
        SuiteError: anything wrong with the file or an override, one line per mistake.
    """
    document = _document(path)
    assert isinstance(document.data, dict)
    document.data.setdefault("name", path.stem)
    for override in overrides:
        document.override(override)
    _take_metrics(document)
    suite = validate(document)
    try:
        files = SuiteFiles(path.parent, document.overrides)
        grid = expand(suite, files, partial(_grid_to_start_from, path, chain))
        kept = {(trial.model, trial.encoder, trial.resolution) for trial in grid.trials}
        if mistakes := list(misfits(suite, kept)):
            raise document.located(mistakes)
        claims = state_claims(suite, grid, partial(_grid_to_compare, path, grid)) if with_claims else ()
    except SettingError as mistake:
        if mistake.keys[:1] == ("claims",) and overrides:
            mistake.problem += "; --set claims=[] leaves the claims out"
        raise document.located([mistake]) from None
    return LoadedSuite(suite, grid, path, claims, tuple(overrides))


def take_metrics_of(path: Path) -> None:
    """Takes the metrics that the suite in a file names, and looks at nothing else of it.

    Raises:
        SuiteError: the file cannot be read, or a metric cannot be taken.
    """
    _take_metrics(_document(path))


def _document(path: Path) -> Document:
    """Returns the file's content, a mapping.

    Raises:
        SuiteError: it cannot be read, or is none.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        hint = nearest(str(path), map(str, suites_in(path.parent).values()))
        if path.stem in suites_in(shipped_suites()):
            hint = f"; the shipped suite is called {path.stem}, without folder and ending"
        raise SuiteError(f"cannot be read ({error.strerror or error}){hint}", place=path) from None
    text = decoded(content, str(path), SuiteError)
    if as_text(path.stem) != path.stem:
        raise SuiteError("the file's name, which names the suite, is not UTF-8; rename the file", place=path)
    document = parse(text, str(path))
    if not isinstance(document.data, dict):
        came = {type(None): "nothing", list: "a list"}.get(type(document.data), "one value")
        problem = f"a suite is a mapping with models, datasets, …; the file holds {came}"
        raise SuiteError(problem, place=path, value=document.data)
    return document


def _take_metrics(document: Document) -> None:
    """Takes the metrics that the suite names, before its claims and margins name them.

    Raises:
        SuiteError: one cannot be taken. Another form than a list of words is left to `validate`.
    """
    named = document.data.get("metrics") if isinstance(document.data, dict) else None
    for index, target in enumerate(named if isinstance(named, list) else ()):
        if isinstance(target, str):
            try:
                take_metrics([target])
            except PluginError as error:
                mistake = SettingError(("metrics", index), f"metric {target!r}: {error}", value=target)
                raise document.located([mistake]) from None


def load_dataset_spec(name: str, overrides: Sequence[str] = ()) -> tuple[DatasetSpec, Mapping[str, Path]]:
    """Returns the data set called `name` as a suite would have it, and the files that it names by digest.

    Args:
        name: a data set that a suite can name.
        overrides: ``key=value`` of its keys, e.g. ``split=patient``; files relative to the working folder.

    Raises:
        SuiteError: an unknown data set or key, or a value that is not allowed.
    """
    if name not in DATASET_SPECS:
        raise SuiteError(f"unknown data set {name!r}", value=name, allowed=DATASET_SPECS)
    document = Document(name, {"name": name})
    for override in overrides:
        document.override(override)
    files = SuiteFiles(Path())
    try:
        return files.stored(validate_dataset(document), ()), files.by_name
    except SettingError as mistake:
        raise document.located([mistake]) from None


def _grid_to_start_from(path: Path, chain: tuple[Path, ...], name: str) -> Grid:
    """Returns the grid of the suite called `name`, beside `path` or shipped, from which `path` starts."""
    sibling = _sibling(path, name)
    if sibling in (*chain, path):
        links = " → ".join(p.stem for p in (*chain, path, sibling))
        raise SuiteError(f"suites start from each other in a circle: {links}", value=name)
    return load_suite(sibling, (), (*chain, path), with_claims=False).grid


def _grid_to_compare(path: Path, own: Grid, name: str) -> Grid:
    """Returns the grid of the suite called `name`, which may be `path` itself: claims may go in circles."""
    return own if name == path.stem else load_suite(_sibling(path, name), with_claims=False).grid


def _sibling(path: Path, name: str) -> Path:
    known = with_shipped(path.parent)
    if name not in known:
        others = [stem for stem in known if stem != path.stem]
        raise SuiteError(f"no suite {name!r} beside this one or shipped", value=name, allowed=others)
    return known[name]
