"""Checks a suite's entries of subjects, classifiers that are trained already."""

from collections.abc import Iterator

from bench.errors import PluginError
from bench.suite.catalog import MODELS, is_function, keywords_of
from bench.suite.document import KeyPath, SettingError
from bench.suite.schema import ModelSpec
from bench.suite.subject import WRAPPERS

_OF_SUBJECTS = ("architecture", "classes", "aliases", "input")
_OF_TRAINING = ("init", "phases")


def check_as_trained(model: ModelSpec, at: KeyPath) -> Iterator[SettingError]:
    """Yields what is wrong with the keys of subjects in an entry of a model that is to be trained."""
    for key in _OF_SUBJECTS:
        if key in model.model_fields_set:
            problem = (
                f"{key} means nothing without train: false, which says that the model is trained already"
            )
            yield SettingError((*at, key), problem)


def check_subject(model: ModelSpec, at: KeyPath) -> Iterator[SettingError]:
    """Yields what is wrong with an entry of a subject, but for the options of a model of bench's."""
    wrapper, is_foreign = WRAPPERS.get(model.name), False
    if wrapper is None and model.name not in MODELS:
        allowed = [*WRAPPERS, *MODELS, "module:function"]
        yield SettingError(
            (*at, "name"), f"unknown subject {model.name!r}", value=model.name, allowed=allowed
        )
        return
    try:
        is_foreign = wrapper is None and model.name not in MODELS.own and is_function(model.name)
    except PluginError as error:
        yield SettingError((*at, "name"), f"model {model.name!r}: {error}", value=model.name)
        return
    for key in (*_OF_TRAINING, *(("encoder",) if wrapper is not None or is_foreign else ())):
        if key in model.model_fields_set:
            yield SettingError((*at, key), f"{key} means nothing where train is false")
    yield from _check_files(model, at, is_foreign=is_foreign)
    yield from _check_network(model, at)
    if wrapper is not None or is_foreign:
        yield from _check_options(model, at, keywords_of(model.name) if is_foreign else ())


def _check_files(model: ModelSpec, at: KeyPath, *, is_foreign: bool) -> Iterator[SettingError]:
    if model.weights in ("none", "imagenet"):
        problem = f"weights is {model.weights!r}; a subject needs a file with all of its weights"
        yield SettingError((*at, "weights"), problem, value=model.weights)
    elif model.weights is None and not is_foreign:
        yield SettingError(at, "weights is missing: a file with all of the subject's weights")
    elif (
        model.weights is not None and is_foreign and "weights" not in (keywords_of(model.name) or ["weights"])
    ):
        yield SettingError((*at, "weights"), f"{model.name} takes no weights")


def _check_network(model: ModelSpec, at: KeyPath) -> Iterator[SettingError]:
    if model.name in ("torchvision", "timm") and model.architecture is None:
        yield SettingError(at, f"architecture is missing: one of {model.name}'s, such as resnet18")
    elif model.architecture is not None and model.name not in ("torchvision", "timm", "torchxrayvision"):
        yield SettingError((*at, "architecture"), f"architecture means nothing of {model.name}")
    if model.classes is None and model.name not in ("torchxrayvision", "huggingface"):
        problem = (
            "classes is missing: the names of the outputs in their order, or a file with one in each line"
        )
        yield SettingError(at, problem)
    if isinstance(model.classes, tuple):
        for name in sorted(model.aliases.keys() - set(model.classes)):
            problem = f"aliases: there is no class {name!r}"
            yield SettingError((*at, "aliases"), problem, value=name, allowed=model.classes)
    found = None if model.input is None else model.input.problem()
    if found is not None:
        yield SettingError((*at, "input", found[0]), f"{found[0]} {found[1]}")


def _check_options(model: ModelSpec, at: KeyPath, known: tuple[str, ...] | None) -> Iterator[SettingError]:
    for key, value in model.options.items():
        if known is not None and key not in known:
            fields = (name for name in ModelSpec.model_fields if name not in ("options", *_OF_TRAINING))
            yield SettingError((*at, key), f"unknown key {key!r}", value=key, allowed=[*fields, *known])
        elif not isinstance(value, bool | int | float | str):
            yield SettingError((*at, key), f"{key} has to be a number, text, true or false", value=str(value))
