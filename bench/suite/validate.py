"""Checks a suite's plain data against schema and catalog: all mistakes at once, each with its place."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.errors import SuiteError, listing, nearest
from bench.suite.catalog import MODELS, model_options
from bench.suite.encoders import unknown_encoder
from bench.suite.mistakes import is_echo, sentence, show
from bench.suite.schema import FolderSpec, ModelSpec, SplitLists, StoredSpec, Suite
from bench.suite.yaml_positions import Document, Path_


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
