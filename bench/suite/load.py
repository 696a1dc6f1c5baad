"""Reads a suite file, and those that it starts from or is compared with; mistakes become sentences."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.errors import SuiteError, as_text, listing, nearest
from bench.suite.comparisons import StatedClaim, state_claims
from bench.suite.grid import Grid, GridError, Point, expand
from bench.suite.schema import DATASET_SPECS, DatasetSpec, Suite
from bench.suite.text_table import decoded
from bench.suite.validate import validate, where
from bench.suite.yaml_positions import Path_, holds, parse, parse_scalar


def apply_override(data: dict[str, Any], text: str) -> Path_:
    """Applies one ``key=value`` to `data` in place and returns its path."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise SuiteError(f"--set {text!r}: give key=value, e.g. recipe.batch_size=8")
    path: Path_ = tuple(int(part) if part.isdecimal() else part for part in key.split("."))
    target: Any = data
    for part, after in itertools.pairwise(path):
        if isinstance(target, dict) and isinstance(part, str):
            target = target.setdefault(part, {})
        elif isinstance(target, list) and isinstance(part, int) and part < len(target):
            if isinstance(target[part], str):  # a model or data set given by its bare name
                target[part] = {"name": target[part]}
            target = target[part]
        else:
            raise SuiteError(f"--set {text!r}: the suite has nothing at {part!r} to set {after!r} in")
    last = path[-1]
    if (isinstance(target, dict) and isinstance(last, str)) or holds(target, last):
        target[last] = parse_scalar(value, f"--set {key}")
    else:
        raise SuiteError(f"--set {text!r}: the suite has nothing at {last!r} to set")
    return path


_NAMED = 12
"""Suites that a sentence names before it counts the rest."""


@dataclass(frozen=True)
class LoadedSuite:
    """A suite file that was read.

    Attributes:
        suite: what it says.
        grid: the trials that it expands to.
        source: the file.
        claims: what it claims of them.
        overrides: how it was changed.
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


def suite_files(suites_dir: Path) -> tuple[Path, ...]:
    """Returns the suites in the folder, by name.

    Raises:
        SuiteError: there is no such folder, or no suite in it.
    """
    files = tuple(sorted(suites_dir.glob("*.yaml")))
    if not files:
        raise SuiteError(f"{suites_dir}: has no suites (*.yaml); name their folder by --suites-dir")
    return files


def load_suite(
    path: Path, overrides: Sequence[str] = (), chain: tuple[Path, ...] = (), *, with_claims: bool = True
) -> LoadedSuite:
    """Returns the suite in the file `path`, checked and expanded.

    Args:
        path: a YAML file.
        overrides: ``key=value`` with dots between levels, e.g. ``recipe.batch_size=8``; values are YAML.
        chain: suites that led to this one, each starting from the next.
        with_claims: whether to work out what its claims compare, which may be trials of other suites.

    Raises:
        SuiteError: anything wrong with the file or an override, one line per mistake.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        siblings = [str(p) for p in sorted(path.parent.glob("*.y*ml"))] if path.parent.is_dir() else []
        reason = error.strerror or error
        raise SuiteError(f"{path}: cannot be read ({reason}){nearest(str(path), siblings)}") from None
    return _load_text(
        decoded(content, str(path), SuiteError), path, overrides, chain, with_claims=with_claims
    )


def load_dataset_spec(name: str, overrides: Sequence[str] = ()) -> tuple[DatasetSpec, Mapping[str, Path]]:
    """Returns the data set called `name` as a suite would have it, and the files that it names by digest.

    Args:
        name: a data set that a suite can name.
        overrides: ``key=value`` of its keys, e.g. ``split=patient``; files relative to the working folder.

    Raises:
        SuiteError: an unknown data set or key, or a value that is not allowed.
    """
    if name not in DATASET_SPECS:
        known = listing(DATASET_SPECS)
        raise SuiteError(f"unknown data set {name!r}; known: {known}{nearest(name, DATASET_SPECS)}")
    text = f"models: [baseline]\ndatasets: [{{name: {name}}}]\nresolutions: [256]\nseeds: [0]\n"
    prefix = "datasets.0."
    try:
        loaded = _load_text(text, Path(name), [prefix + override for override in overrides], ())
    except SuiteError as error:
        raise SuiteError(str(error).replace(f"--set {prefix}", "--set ")) from None
    return loaded.grid.trials[0].dataset, loaded.grid.files


def _load_text(
    text: str, path: Path, overrides: Sequence[str], chain: tuple[Path, ...], *, with_claims: bool = True
) -> LoadedSuite:
    if as_text(path.stem) != path.stem:
        raise SuiteError(f"{path}: the file's name, which names the suite, is not UTF-8; rename the file")
    document = parse(text, str(path))
    if not isinstance(document.data, dict):
        came = "nothing" if document.data is None else f"a {type(document.data).__name__}"
        raise SuiteError(f"{path}: a suite is a mapping with models, datasets, …; the file holds {came}")
    data: dict[str, Any] = {"name": path.stem, **document.data}
    overridden = {apply_override(data, text) for text in overrides}
    suite = validate(data, document, path, overridden)
    try:
        grid = expand(suite, path.parent, partial(_grid_to_start_from, path, chain))
        claims = state_claims(suite, grid, partial(_grid_to_compare, path, grid)) if with_claims else ()
    except GridError as error:
        hint = "; --set claims=[] does without" if error.path[:1] == ("claims",) and overridden else ""
        raise SuiteError(f"{where(error.path, document, path, overridden)}: {error}{hint}") from None
    return LoadedSuite(suite, grid, path, claims, tuple(overrides))


def _grid_to_start_from(path: Path, chain: tuple[Path, ...], name: str) -> Grid:
    """Returns the grid of the suite called `name` beside `path`, which starts from it."""
    sibling = _sibling(path, name)
    if sibling in (*chain, path):
        links = " → ".join(p.stem for p in (*chain, path, sibling))
        raise SuiteError(f"suites start from each other in a circle: {links}")
    return load_suite(sibling, (), (*chain, path), with_claims=False).grid


def _grid_to_compare(path: Path, own: Grid, name: str) -> Grid:
    """Returns the grid of the suite called `name`, which may be `path` itself: claims may go in circles."""
    return own if name == path.stem else load_suite(_sibling(path, name), with_claims=False).grid


def _sibling(path: Path, name: str) -> Path:
    siblings = {p.stem: p for p in sorted(path.parent.glob("*.y*ml"))}
    if name not in siblings:
        others = [stem for stem in siblings if stem != path.stem]
        raise SuiteError(
            f"no suite {name!r} beside this one; there are: {listing(others, _NAMED)}{nearest(name, others)}"
        )
    return siblings[name]
