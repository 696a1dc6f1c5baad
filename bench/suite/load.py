"""Reads a suite file; every mistake becomes a sentence: file, position, what came, what is allowed."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bench.errors import SuiteError, listing, nearest
from bench.suite.catalog import MODELS, model_options
from bench.suite.claims import CLAIM_KINDS, claim_kind
from bench.suite.comparisons import StatedClaim, state_claims
from bench.suite.grid import Grid, GridError, expand
from bench.suite.schema import (
    DATASET_SPECS,
    SPLIT_SPECS,
    DatasetSpec,
    FolderSpec,
    ModelSpec,
    SplitLists,
    Suite,
)
from bench.suite.yaml_positions import Document, Path_, Plain, parse, parse_scalar

_NAMED = 12
"""Suites that a sentence names before it counts the rest."""

_KINDS = {"int": "a whole number", "float": "a number", "string": "text", "bool": "true or false"}


@dataclass(frozen=True)
class LoadedSuite:
    """A suite file that was read.

    Attributes:
        suite: what it says.
        grid: the trials that it expands to.
        source: the file.
        claims: what it claims of them.
    """

    suite: Suite
    grid: Grid
    source: Path
    claims: tuple[StatedClaim, ...] = ()

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
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        siblings = [str(p) for p in sorted(path.parent.glob("*.y*ml"))] if path.parent.is_dir() else []
        reason = getattr(error, "strerror", None) or error
        raise SuiteError(f"{path}: cannot be read ({reason}){nearest(str(path), siblings)}") from None
    return _load_text(text, path, overrides, chain, with_claims=with_claims)


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
    document = parse(text, str(path))
    if not isinstance(document.data, dict):
        came = "nothing" if document.data is None else f"a {type(document.data).__name__}"
        raise SuiteError(f"{path}: a suite is a mapping with models, datasets, …; the file holds {came}")
    data: dict[str, Any] = {"name": path.stem, **document.data}
    overridden = {_override(data, text) for text in overrides}
    suite = _validate(data, document, path, overridden)
    try:
        grid = expand(suite, path.parent, partial(_grid_to_start_from, path, chain))
        claims = state_claims(suite, grid, partial(_grid_to_compare, path, grid)) if with_claims else ()
    except GridError as error:
        hint = "; --set claims=[] does without" if error.path[:1] == ("claims",) and overridden else ""
        raise SuiteError(f"{_where(error.path, document, path, overridden)}: {error}{hint}") from None
    return LoadedSuite(suite, grid, path, claims)


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


def _override(data: dict[str, Any], text: str) -> Path_:
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
    if (isinstance(target, dict) and isinstance(last, str)) or _holds(target, last):
        target[last] = parse_scalar(value, f"--set {key}")
    else:
        raise SuiteError(f"--set {text!r}: the suite has nothing at {last!r} to set")
    return path


def _holds(container: Any, key: str | int) -> bool:
    if isinstance(container, list):
        return isinstance(key, int) and key < len(container)
    return isinstance(container, dict) and key in container


def _validate(data: dict[str, Any], document: Document, path: Path, overridden: set[Path_]) -> Suite:
    problems: list[tuple[Path_, str]] = []
    suite = None
    try:
        suite = Suite.model_validate_json(json.dumps(_names_as_mappings(data)))
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = [_sentence(detail, data) for detail in details if not _is_echo(detail)]
    except ValueError as error:  # json.dumps: a value that JSON has not
        raise SuiteError(f"{path}: {error}") from None
    if suite is not None:
        problems = [*_check_models(suite.models), *_check_repetitions(suite), *_check_datasets(suite)]
    if problems:
        raise SuiteError(
            "\n".join(f"{_where(p, document, path, overridden)}: {text}" for p, text in problems)
        )
    assert suite is not None
    return suite


def _names_as_mappings(data: dict[str, Any]) -> dict[str, Any]:
    """A data set given by its bare name means a mapping with that name."""
    datasets = data.get("datasets")
    if isinstance(datasets, list):
        named = [{"name": item} if isinstance(item, str) else item for item in datasets]
        return {**data, "datasets": named}
    return data


def _where(problem: Path_, document: Document, path: Path, overridden: set[Path_]) -> str:
    for override in overridden:
        shared = min(len(problem), len(override))
        if shared and problem[:shared] == override[:shared]:
            return f"--set {'.'.join(map(str, override))}"
    position = document.position(problem)
    return f"{path}:{position[0]}:{position[1]}" if position else str(path)


def _is_echo(detail: ErrorDetails) -> bool:
    """Whether pydantic says here again, of the whole, what it says elsewhere of a part.

    A list whose items are wrong counts as too short too, and a value that is to be a word or a mapping is
    refused once for either.
    """
    came = detail.get("input")
    if detail["type"] == "too_short":
        return isinstance(came, list | tuple) and len(came) >= detail["ctx"]["min_length"]
    branch = str(detail["loc"][-1]) if detail["loc"] else ""
    if branch in (SplitLists.__name__, _WHOLE_NUMBER):
        return isinstance(came, str)
    return branch.startswith("literal[") and not isinstance(came, str)


def _sentence(detail: ErrorDetails, data: Plain | dict[str, Any]) -> tuple[Path_, str]:
    """Turns one of pydantic's error details into the path in the file and a sentence."""
    path = _path_in_file(detail["loc"], data)
    name = ".".join(map(str, path)) or "suite"
    kind, context, came = detail["type"], detail.get("ctx", {}), detail.get("input")
    if kind == "extra_forbidden":
        allowed = _fields_at(path[:-1], data)
        key = str(path[-1])
        return path, f"unknown key {key!r}; allowed: {listing(allowed)}{nearest(key, allowed)}"
    if kind == "missing":
        return path[:-1], f"{name} is missing"
    if kind == "union_tag_invalid":
        allowed = [tag.strip(" '") for tag in str(context["expected_tags"]).split(",")]
        tag = str(context["tag"])
        return (
            *path,
            "name",
        ), f"unknown data set {tag!r}; allowed: {listing(allowed)}{nearest(tag, allowed)}"
    if kind == "union_tag_not_found" and path[:1] == ("claims",):
        return path, _no_kind_of_claim(name, came)
    if kind == "union_tag_not_found":
        return path, f"{name} needs a 'name': {' or '.join(DATASET_SPECS)}"
    if kind == "literal_error":
        allowed = [part.strip(" '") for part in str(context["expected"]).replace(" or ", ", ").split(",")]
        return path, f"{name} is {_show(came)}; allowed: {listing(allowed)}{nearest(str(came), allowed)}"
    if kind.endswith("_type") or kind == "int_from_float":
        wanted = _KINDS.get(kind.split("_")[0], detail["msg"].removeprefix("Input should be "))
        wanted = (
            "a list" if "tuple" in kind else "a mapping" if kind.startswith(("model", "dict")) else wanted
        )
        return path, f"{name} is {_show(came)}; it has to be {wanted}"
    if kind == "too_short" and path[:1] == ("claims",):
        num, least = context["actual_length"], context["min_length"]
        return path, f"{name} names {num}; it has to name at least {least}"
    if kind == "too_short":
        return path, f"{name} is empty; the grid needs at least one"
    if kind == "string_pattern_mismatch":
        wanted = "letters, digits, '_', '-' and '.', a letter or digit first"
        return path, f"{name} is {_show(came)}; it has to be {wanted}"
    return path, f"{name} is {_show(came)}; {detail['msg'].replace('Input should', 'it has to', 1)}"


def _no_kind_of_claim(name: str, came: Any) -> str:
    keys = list(came) if isinstance(came, dict) else []
    kinds = [key for key in keys if key in CLAIM_KINDS]
    hint = "" if kinds else next((text for key in keys if (text := nearest(key, CLAIM_KINDS))), "")
    which = f"has {listing(kinds)}" if kinds else f"is {_show(came)}"
    return f"{name} {which}; it needs exactly one of the keys {listing(CLAIM_KINDS)}{hint}"


def _path_in_file(loc: Sequence[str | int], data: Any) -> Path_:
    """Drops the words that pydantic adds to a location for the branches of unions."""
    path: list[str | int] = []
    here = data
    for position, part in enumerate(loc):
        is_last = position == len(loc) - 1
        if _holds(here, part):
            here = here[part]
        elif not is_last or str(part).startswith(_BRANCHES):
            continue
        path.append(part)
    return tuple(path)


_WHOLE_NUMBER = "constrained-int"
"""What pydantic calls the branch of a union that is a number with bounds."""

_KINDS_OF_CLAIMS = tuple(kind.__name__ for kind in CLAIM_KINDS.values())

_BRANCHES = (SplitLists.__name__, "literal[", "tuple[", _WHOLE_NUMBER, *_KINDS_OF_CLAIMS, *DATASET_SPECS)


def _fields_at(path: Path_, data: Any) -> list[str]:
    """Returns the keys that the schema allows at `path`."""
    candidates: list[type[BaseModel]] = [Suite]
    for part in path:
        data = data[part]
        if isinstance(part, str):
            fields = [model.model_fields[part] for model in candidates if part in model.model_fields]
            candidates = [model for field in fields for model in _models_in(field.annotation)]
        if isinstance(data, dict):
            named = claim_kind(data) or DATASET_SPECS.get(str(data.get("name")))
            candidates = [model for model in candidates if model is named] or candidates
    known = [item for model in candidates for item in model.model_fields.items()]
    return list(dict.fromkeys(field.alias or name for name, field in known))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _show(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


def _check_models(models: Sequence[ModelSpec]) -> Iterator[tuple[Path_, str]]:
    for index, model in enumerate(models):
        if model.name not in MODELS:
            hint = nearest(model.name, MODELS)
            yield ("models", index, "name"), f"unknown model {model.name!r}; allowed: {listing(MODELS)}{hint}"
            continue
        if model.init is not None and model.weights is not None:
            text = "weights mean nothing where 'init' says what the model starts from"
            yield ("models", index, "weights"), text
        known = model_options(model.name)
        for key, value in model.options.items():
            path = ("models", index, key)
            if key not in known:
                allowed = [*(name for name in ModelSpec.model_fields if name != "options"), *known]
                yield path, f"unknown key {key!r}; allowed: {listing(allowed)}{nearest(key, allowed)}"
            elif not known[key].accepts(value):
                yield path, f"{key} is {_show(value)}; allowed: {known[key].expectation()}"


def _check_repetitions(suite: Suite) -> Iterator[tuple[Path_, str]]:
    for axis in ("resolutions", "seeds", "cams", "accept", "references"):
        values: tuple[int | str, ...] = getattr(suite, axis)
        for index, value in enumerate(values):
            if value in values[:index]:
                yield (axis, index), f"{axis} lists {value} twice"


def _check_datasets(suite: Suite) -> Iterator[tuple[Path_, str]]:
    for index, dataset in enumerate(suite.datasets):
        path = ("datasets", index)
        if isinstance(dataset, SPLIT_SPECS) and dataset.split_seed:
            if isinstance(dataset.split, SplitLists):
                yield (*path, "split_seed"), "split_seed means nothing where the split is given as lists"
            elif dataset.split == "column":
                yield (*path, "split_seed"), "split_seed means nothing where the split is a column"
        if isinstance(dataset, FolderSpec) and dataset.boxes is None:
            for key in sorted(dataset.model_fields_set & {"box_format", "box_frame"}):
                yield (*path, key), f"{key} means nothing without boxes"
