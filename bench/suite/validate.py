"""Checks a suite's plain data against schema and catalog, and reports all mistakes with their places."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from bench.errors import PluginError, nearest
from bench.suite.cam import CAMS
from bench.suite.catalog import MODELS, model_options
from bench.suite.claims import CLAIM_KINDS, claim_kind
from bench.suite.dataset_specs import (
    DATASET_SPECS,
    DatasetSpec,
    FolderSpec,
    SplitLists,
    StoredSpec,
    UnknownSpec,
    dataset_source,
)
from bench.suite.document import Document, KeyPath, SettingError, holds
from bench.suite.encoders import unknown_encoder
from bench.suite.plugins import mistake
from bench.suite.schema import ModelSpec, Suite
from bench.suite.subject import WRAPPERS
from bench.suite.subject_trials import is_built_by_bench
from bench.suite.validate_subjects import check_as_trained, check_subject

_NEEDED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "string_pattern_mismatch": "letters, digits, '_', '-' and '.', a letter or digit first",
}
"""Our words for types of pydantic's errors; the other types have plain words of their own."""

_WHOLE_NUMBER = "constrained-int"
"""The name that pydantic gives the branch of a union that is a number with bounds."""

_KINDS_OF_CLAIMS = tuple(kind.__name__ for kind in CLAIM_KINDS.values())

_KEY = "[key]"
"""The end of pydantic's location of a key of a mapping that is no word that it may be."""

_BRANCHES = (
    SplitLists.__name__,
    "literal[",
    "tuple[",
    _KEY,
    _WHOLE_NUMBER,
    *_KINDS_OF_CLAIMS,
    *DATASET_SPECS.own,
)


def validate(document: Document) -> Suite:
    """Returns the suite that the document holds.

    Raises:
        SuiteError: a line for each mistake.
    """
    suite: Suite = _read(Suite, document)
    mistakes = [*_check_models(suite.models), *_check_encoders(suite), *_check_repetitions(suite)]
    for index, dataset in enumerate(suite.datasets):
        mistakes += _check_dataset(dataset, ("datasets", index))
    if mistakes:
        raise document.located(mistakes)
    return suite


def validate_dataset(document: Document) -> DatasetSpec:
    """Returns the data set that the document holds: the keys that a suite gives one, alone.

    Raises:
        SuiteError: a line for each mistake.
    """
    dataset: DatasetSpec = _read(DatasetSpec, document)
    if mistakes := list(_check_dataset(dataset, ())):
        raise document.located(mistakes)
    return dataset


def _read(kind: Any, document: Document) -> Any:
    """Returns the document's data as one of our classes."""
    try:
        return TypeAdapter(kind).validate_json(json.dumps(document.data))
    except ValidationError as error:
        raise document.located(_mistakes(error, document.data, kind)) from None


def _mistakes(error: ValidationError, data: Any, kind: Any) -> list[SettingError]:
    """Returns pydantic's errors of the data in our words; `kind` is the type of the whole of the data."""
    details = [detail for detail in error.errors(include_url=False) if not _is_repetition(detail)]
    return [_mistake(detail, data, kind) for detail in details]


def _is_repetition(detail: ErrorDetails) -> bool:
    """Returns whether pydantic repeats for the whole an error that it reports for a part.

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


def _mistake(detail: ErrorDetails, data: Any, kind: Any) -> SettingError:
    """Returns an error detail of pydantic in our words; `kind` is the type of the whole of the data."""
    keys = _keys_in_file(detail["loc"], data)
    name = ".".join(map(str, keys)) or "suite"
    came, context = detail.get("input"), detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            allowed = _keys_at(keys[:-1], data, kind)
            return SettingError(keys, f"unknown key {keys[-1]!r}", value=keys[-1], allowed=allowed)
        case "missing":
            return SettingError(keys[:-1], f"{name} is missing")
        case "union_tag_not_found" if keys[:1] == ("claims",):
            similar = [key for key in came if nearest(key, CLAIM_KINDS)] if isinstance(came, dict) else []
            problem = f"{name} is {_show(came)}; it needs exactly one of the keys"
            return SettingError(keys, problem, value=similar[0] if similar else None, allowed=CLAIM_KINDS)
        case "union_tag_not_found":
            return SettingError(keys, f"{name} needs a 'name'", allowed=DATASET_SPECS)
        case "literal_error" if detail["loc"][-1] == _KEY:
            allowed = _words(context["expected"])
            return SettingError(keys, f"unknown key {keys[-1]!r}", value=keys[-1], allowed=allowed)
        case "literal_error":
            words = _words(context["expected"].replace(" or ", ", "))
            return SettingError(keys, f"{name} is {_show(came)}", value=came, allowed=words)
        case "unknown_cam":
            return SettingError(keys, f"{name} is {_show(came)}", value=came, allowed=CAMS)
        case "unusable_cam":
            return SettingError(keys, f"{name} is {_show(came)}: {detail['msg']}", value=came)
        case "too_short":
            problem = f"{name} lists {context['actual_length']}; it needs at least {context['min_length']}"
        case other:
            needed = f"it has to be {_NEEDED[other]}" if other in _NEEDED else detail["msg"]
            problem = f"{name} is {_show(came)}; {needed.replace('Input should', 'it has to', 1)}"
    return SettingError(keys, problem, value=came)


def _words(listed: str) -> list[str]:
    return [word.strip(" '") for word in listed.split(",")]


def _keys_in_file(loc: Sequence[str | int], data: Any) -> KeyPath:
    """Drops the words that pydantic adds to a location for the branches of unions."""
    keys: list[str | int] = []
    here = data
    for position, part in enumerate(loc):
        is_last = position == len(loc) - 1
        if holds(here, part):
            here = here[part]
        elif not is_last or str(part).startswith(_BRANCHES):
            continue
        keys.append(part)
    return tuple(keys)


def _keys_at(keys: KeyPath, data: Any, kind: Any) -> list[str]:
    """Returns the keys that the schema allows below `keys`."""
    candidates = _meant(list(_models_in(kind)), data)
    for key in keys:
        data = data[key]
        if isinstance(key, str):
            fields = [model.model_fields[key] for model in candidates if key in model.model_fields]
            candidates = [model for field in fields for model in _models_in(field.annotation)]
        candidates = _meant(candidates, data)
    known = [item for model in candidates for item in model.model_fields.items()]
    return list(dict.fromkeys(field.alias or name for name, field in known))


def _meant(candidates: list[type[BaseModel]], data: Any) -> list[type[BaseModel]]:
    """Returns the one that the data names by a data set's name or a claim's key; all if it names none."""
    named = claim_kind(data) or (
        DATASET_SPECS.own.get(str(data.get("name"))) if isinstance(data, dict) else None
    )
    return [model for model in candidates if model is named] or candidates


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _show(value: object) -> str:
    """Returns a value as a sentence shows it, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


def _check_models(models: Sequence[ModelSpec]) -> Iterator[SettingError]:
    for index, model in enumerate(models):
        at = ("models", index)
        if not model.train:
            mistakes = list(check_subject(model, at))
            yield from mistakes
            if mistakes or not is_built_by_bench(model.name):
                continue
        else:
            yield from check_as_trained(model, at)
        if model.name in WRAPPERS:
            problem = f"{model.name} has classifiers that are trained already; say so by train: false"
            yield SettingError((*at, "name"), problem, value=model.name)
            continue
        if model.name not in MODELS:
            yield SettingError(
                (*at, "name"), f"unknown model {model.name!r}", value=model.name, allowed=MODELS
            )
            continue
        try:
            known = model_options(model.name)
        except PluginError as error:
            yield SettingError((*at, "name"), f"model {model.name!r}: {error}", value=model.name)
            continue
        if model.init is not None and model.weights is not None:
            yield SettingError(
                (*at, "weights"), "weights mean nothing where 'init' says what the model starts from"
            )
        for key, value in model.options.items():
            if key not in known:
                allowed = [*(name for name in ModelSpec.model_fields if name != "options"), *known]
                yield SettingError((*at, key), f"unknown key {key!r}", value=key, allowed=allowed)
            elif not known[key].accepts(value):
                words = known[key].words
                needed = "" if words else f"; it has to be of type {known[key].expectation()}"
                yield SettingError((*at, key), f"{key} is {_show(value)}{needed}", value=value, allowed=words)


def _check_encoders(suite: Suite) -> Iterator[SettingError]:
    given: list[tuple[KeyPath, str | None]] = [(("encoder",), suite.encoder)]
    given += [(("models", index, "encoder"), model.encoder) for index, model in enumerate(suite.models)]
    for keys, name in given:
        if name is not None and (problem := unknown_encoder(name)) is not None:
            yield SettingError(keys, problem, value=name)


def _check_repetitions(suite: Suite) -> Iterator[SettingError]:
    for axis in ("resolutions", "seeds", "cams", "accept", "references"):
        values: tuple[int | str, ...] = getattr(suite, axis)
        for index, value in enumerate(values):
            if value in values[:index]:
                yield SettingError((axis, index), f"{axis} lists {value} twice", value=value)


def _check_dataset(dataset: DatasetSpec, at: KeyPath) -> Iterator[SettingError]:
    if isinstance(dataset, UnknownSpec):
        yield from _why_unknown(dataset, at)
        return
    try:
        dataset_source(dataset)
    except PluginError as error:
        yield SettingError((*at, "name"), f"data set {dataset.name!r}: {error}", value=dataset.name)
    if isinstance(dataset, StoredSpec) and dataset.split_seed:
        if isinstance(dataset.split, SplitLists):
            problem = "split_seed means nothing where the split is given as lists"
            yield SettingError((*at, "split_seed"), problem)
        elif dataset.split == "column":
            yield SettingError((*at, "split_seed"), "split_seed means nothing where the split is a column")
    if isinstance(dataset, FolderSpec) and dataset.boxes is None:
        for key in sorted(dataset.model_fields_set & {"box_format", "box_frame"}):
            yield SettingError((*at, key), f"{key} means nothing without boxes")


def _why_unknown(dataset: UnknownSpec, at: KeyPath) -> Iterator[SettingError]:
    """Yields why the data set could not be read: there is none of its name, or it does not take its keys."""
    name, given = dataset.name, dataset.model_dump()
    if name not in DATASET_SPECS:
        yield SettingError((*at, "name"), f"unknown data set {name!r}", value=name, allowed=DATASET_SPECS)
        return
    try:
        kind = DATASET_SPECS[name]
    except PluginError as error:
        yield SettingError((*at, "name"), f"data set {name!r}: {error}", value=name)
        return
    try:
        kind.model_validate(given)
    except ValidationError as error:
        for wrong in _mistakes(error, given, kind):
            wrong.keys = (*at, *wrong.keys)
            yield wrong
    except Exception as error:
        told = mistake(error, kind.__module__)
        yield SettingError((*at, "name"), f"data set {name!r}: {told}", value=name)
