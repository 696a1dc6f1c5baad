"""The trials of a suite's subjects: one for each data set and resolution, and none for each seed."""

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from bench.suite.catalog import MODELS, changed_options, is_function, plugin_source
from bench.suite.dataset_specs import DatasetSpec, dataset_source
from bench.suite.document import KeyPath, SettingError
from bench.suite.schema import ModelSpec, Suite
from bench.suite.subject import WRAPPERS, XRV_CLASSES, InputContract, Subject
from bench.suite.suite_files import SuiteFiles
from bench.suite.trial import Trial

CONFIG = "config.json"
"""Hugging Face's file beside the weights."""


def subject_trials(
    suite: Suite, index: int, datasets: Sequence[DatasetSpec], files: SuiteFiles
) -> Iterator[Trial]:
    """Yields the trials of the suite's model at `index`, which is a subject.

    Raises:
        SettingError: a file cannot be read, or names no classes.
    """
    model, at = suite.models[index], ("models", index)
    plugin, is_built_here = plugin_source(model.name), is_built_by_bench(model.name)
    subject = _subject(suite, model, at, files)
    weights = "none" if model.weights is None else files.digest(model.weights, (*at, "weights"))
    for dataset, resolution in itertools.product(datasets, suite.resolutions):
        of_dataset = dataset_source(dataset)
        yield Trial(
            model=model.name,
            subject=subject,
            source=None if plugin is None else plugin.digest,
            options=changed_options(model.name, model.options) if is_built_here else model.options,
            encoder=(model.encoder or suite.encoder) if is_built_here else "",
            weights=weights,
            dataset=dataset,
            dataset_source=None if of_dataset is None else of_dataset.digest,
            resolution=resolution,
            seed=0,
            recipe=suite.recipe.for_subjects(),
        )


def is_built_by_bench(name: str) -> bool:
    """Returns whether the model of this name is a class on an encoder of bench's, its own or a plug-in's."""
    return name not in WRAPPERS and (name in MODELS.own or not is_function(name))


def _subject(suite: Suite, model: ModelSpec, at: KeyPath, files: SuiteFiles) -> Subject:
    wrapper, config = WRAPPERS.get(model.name), None
    contract = InputContract() if wrapper is None else wrapper.input
    architecture = model.architecture or (None if wrapper is None else wrapper.architecture)
    if is_built_by_bench(model.name):
        contract = InputContract(mean=(suite.recipe.mean,), std=(suite.recipe.std,))
    if model.name == "huggingface":
        config, architecture = _config(model, at, files)
    return Subject(
        architecture=architecture,
        config=config,
        classes=_classes(model, at, files, config),
        aliases=model.aliases,
        input=model.input or contract,
    )


def _config(model: ModelSpec, at: KeyPath, files: SuiteFiles) -> tuple[str, str]:
    """Returns Hugging Face's configuration of the network beside its weights, and the network's name."""
    keys = (*at, "weights")
    text = files.text(str(PurePath(str(model.weights)).with_name(CONFIG)), keys)
    try:
        found = json.loads(text)
        return json.dumps(found, sort_keys=True), str(found["model_type"])
    except (ValueError, KeyError, TypeError):
        problem = f"weights: {CONFIG} beside them is no configuration of a network: it has no model_type"
        raise SettingError(keys, problem, value=model.weights) from None


def _classes(model: ModelSpec, at: KeyPath, files: SuiteFiles, config: str | None) -> tuple[str, ...]:
    keys = (*at, "classes")
    if isinstance(model.classes, str):
        found = tuple(files.lines(model.classes, keys))
    elif model.classes is not None:
        found = model.classes
    elif model.name == "torchxrayvision":
        found = XRV_CLASSES
    else:
        names: dict[str, str] = json.loads(config or "{}").get("id2label", {})
        found = tuple(names[number] for number in sorted(names, key=int))
    if not found:
        raise SettingError(keys, "classes: name the classes in the order of the outputs", value=model.classes)
    return found
