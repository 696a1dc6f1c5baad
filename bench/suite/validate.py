"""Checks a suite's plain data against schema and catalog, and reports all mistakes with their places."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bench.errors import SuiteError, listing, nearest
from bench.suite.catalog import MODELS, model_options
from bench.suite.claims import CLAIM_KINDS, claim_kind
from bench.suite.encoders import unknown_encoder
from bench.suite.schema import DATASET_SPECS, FolderSpec, ModelSpec, SplitLists, StoredSpec, Suite
from bench.suite.yaml_positions import Document, Path_, Plain, holds

_KINDS = {"int": "a whole number", "float": "a number", "string": "text", "bool": "true or false"}

_WHOLE_NUMBER = "constrained-int"
"""What pydantic calls the branch of a union that is a number with bounds."""

_KINDS_OF_CLAIMS = tuple(kind.__name__ for kind in CLAIM_KINDS.values())

_BRANCHES = (SplitLists.__name__, "literal[", "tuple[", _WHOLE_NUMBER, *_KINDS_OF_CLAIMS, *DATASET_SPECS)


def is_echo(detail: ErrorDetails) -> bool:
    """Returns whether pydantic says here again, of the whole, what it says elsewhere of a part.

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


def sentence(detail: ErrorDetails, data: Plain | dict[str, Any]) -> tuple[Path_, str]:
    """Returns one of pydantic's error details as the path in the file and a sentence."""
    path = _path_in_file(detail["loc"], data)
    name = ".".join(map(str, path)) or "suite"
    kind, came = detail["type"], detail.get("input")
    if kind == "extra_forbidden":
        key, allowed = str(path[-1]), _fields_at(path[:-1], data)
        return path, f"unknown key {key!r}; allowed: {listing(allowed)}{nearest(key, allowed)}"
    if kind == "missing":
        return path[:-1], f"{name} is missing"
    if kind == "union_tag_invalid":
        tag, allowed = str(detail["ctx"]["tag"]), _words(detail["ctx"]["expected_tags"])
        told = f"unknown data set {tag!r}; allowed: {listing(allowed)}{nearest(tag, allowed)}"
        return (*path, "name"), told
    if kind == "union_tag_not_found" and path[:1] == ("claims",):
        return path, _no_kind_of_claim(name, came)
    if kind == "union_tag_not_found":
        return path, f"{name} needs a 'name': {' or '.join(DATASET_SPECS)}"
    if kind == "literal_error":
        allowed = _words(str(detail["ctx"]["expected"]).replace(" or ", ", "))
        return path, f"{name} is {show(came)}; allowed: {listing(allowed)}{nearest(str(came), allowed)}"
    if kind == "too_short":
        return path, _too_short(name, detail["ctx"], is_claim=path[:1] == ("claims",))
    return path, f"{name} is {show(came)}; {_expectation(kind, detail['msg'])}"


def _words(text: object) -> list[str]:
    return [part.strip(" '") for part in str(text).split(",")]


def _too_short(name: str, context: Mapping[str, Any], *, is_claim: bool) -> str:
    if not is_claim:
        return f"{name} is empty; the grid needs at least one"
    return f"{name} names {context['actual_length']}; it has to name at least {context['min_length']}"


def _expectation(kind: str, message: str) -> str:
    """Returns what a value has to be, by the type of pydantic's error."""
    if kind == "string_pattern_mismatch":
        return "it has to be letters, digits, '_', '-' and '.', a letter or digit first"
    if not (kind.endswith("_type") or kind == "int_from_float"):
        return message.replace("Input should", "it has to", 1)
    if "tuple" in kind:
        return "it has to be a list"
    if kind.startswith(("model", "dict")):
        return "it has to be a mapping"
    return f"it has to be {_KINDS.get(kind.partition('_')[0], message.removeprefix('Input should be '))}"


def _no_kind_of_claim(name: str, came: Any) -> str:
    keys = list(came) if isinstance(came, dict) else []
    kinds = [key for key in keys if key in CLAIM_KINDS]
    hint = "" if kinds else next((text for key in keys if (text := nearest(key, CLAIM_KINDS))), "")
    which = f"has {listing(kinds)}" if kinds else f"is {show(came)}"
    return f"{name} {which}; it needs exactly one of the keys {listing(CLAIM_KINDS)}{hint}"


def _path_in_file(loc: Sequence[str | int], data: Any) -> Path_:
    """Drops the words that pydantic adds to a location for the branches of unions."""
    path: list[str | int] = []
    here = data
    for position, part in enumerate(loc):
        is_last = position == len(loc) - 1
        if holds(here, part):
            here = here[part]
        elif not is_last or str(part).startswith(_BRANCHES):
            continue
        path.append(part)
    return tuple(path)


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


def show(value: object) -> str:
    """Returns a value as a sentence shows it, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


def validate(data: dict[str, Any], document: Document, path: Path, overridden: set[Path_]) -> Suite:
    """Returns the suite.

    Args:
        data: of the file, overrides applied.
        document: knows positions in the file.
        path: the file.
        overridden: paths in `data` that overrides have set.

    Raises:
        SuiteError: a line for each mistake.
    """
    problems: list[tuple[Path_, str]] = []
    suite = None
    try:
        suite = Suite.model_validate_json(json.dumps(_names_as_mappings(data)))
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = [sentence(detail, data) for detail in details if not is_echo(detail)]
    except ValueError as error:  # json.dumps: a value that JSON has not
        raise SuiteError(f"{path}: {error}") from None
    if suite is not None:
        problems = [
            *_check_models(suite.models),
            *_check_encoders(suite),
            *_check_repetitions(suite),
            *_check_datasets(suite),
        ]
    if problems:
        raise SuiteError("\n".join(f"{where(p, document, path, overridden)}: {text}" for p, text in problems))
    assert suite is not None
    return suite


def _names_as_mappings(data: dict[str, Any]) -> dict[str, Any]:
    """A data set given by its bare name means a mapping with that name."""
    datasets = data.get("datasets")
    if isinstance(datasets, list):
        named = [{"name": item} if isinstance(item, str) else item for item in datasets]
        return {**data, "datasets": named}
    return data


def where(problem: Path_, document: Document, path: Path, overridden: set[Path_]) -> str:
    """Returns where the problem is: file, line and column, or the override that brought it."""
    for override in overridden:
        shared = min(len(problem), len(override))
        if shared and problem[:shared] == override[:shared]:
            return f"--set {'.'.join(map(str, override))}"
    position = document.position(problem)
    return f"{path}:{position[0]}:{position[1]}" if position else str(path)


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
                yield path, f"{key} is {show(value)}; allowed: {known[key].expectation()}"


def _check_encoders(suite: Suite) -> Iterator[tuple[Path_, str]]:
    given: list[tuple[Path_, str | None]] = [(("encoder",), suite.encoder)]
    given += [(("models", index, "encoder"), model.encoder) for index, model in enumerate(suite.models)]
    for path, name in given:
        if name is not None and (problem := unknown_encoder(name)) is not None:
            yield path, problem


def _check_repetitions(suite: Suite) -> Iterator[tuple[Path_, str]]:
    for axis in ("resolutions", "seeds", "cams", "accept", "references"):
        values: tuple[int | str, ...] = getattr(suite, axis)
        for index, value in enumerate(values):
            if value in values[:index]:
                yield (axis, index), f"{axis} lists {value} twice"


def _check_datasets(suite: Suite) -> Iterator[tuple[Path_, str]]:
    for index, dataset in enumerate(suite.datasets):
        path = ("datasets", index)
        if isinstance(dataset, StoredSpec) and dataset.split_seed:
            if isinstance(dataset.split, SplitLists):
                yield (*path, "split_seed"), "split_seed means nothing where the split is given as lists"
            elif dataset.split == "column":
                yield (*path, "split_seed"), "split_seed means nothing where the split is a column"
        if isinstance(dataset, FolderSpec) and dataset.boxes is None:
            for key in sorted(dataset.model_fields_set & {"box_format", "box_frame"}):
                yield (*path, key), f"{key} means nothing without boxes"
