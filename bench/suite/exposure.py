"""Whether a row has seen its test images before: by what it starts from, such as a pretrained encoder.

A suite says what initial weights, or a classifier that is trained already, have seen: `saw: [nih/test]`, or a
file with names of images. Of published weights that are known to have seen a data set here it need not
(`known_sightings`). A trial that starts from another one has seen what that has, and what that trained on.

It is a property of a row and no part of a trial's identity, since it changes no number.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.suite.dataset_specs import (
    DATASET_SPECS,
    DatasetSpec,
    FolderSpec,
    NihSpec,
    StoredSpec,
    title_of,
)
from bench.suite.document import KeyPath, SettingError
from bench.suite.keys import alike
from bench.suite.schema import Suite
from bench.suite.trial import Trial

PARTS = ("train", "val", "test")

TestNames = Callable[[], Collection[str] | None]
"""Gives the names of a trial's test images; None if they are not known."""

WHOLE_OF = {"rsna": "nih", "siim": "nih", "chestx_det": "nih", "vindr": "vindr_1_0_0"}
"""The data set that all images of another one are from, under other names."""


@dataclass(frozen=True)
class Sighting:
    """What something that trials start from has seen.

    Attributes:
        who: has seen it, in words.
        dataset: its name in suites; empty where the images are listed.
        part: train, val or test; empty is all of it.
        images: names as `bench.suite.keys.alike` gives them, where they are listed.
    """

    who: str
    dataset: str = ""
    part: str = ""
    images: frozenset[str] = frozenset()

    @property
    def of(self) -> str:
        """The data set or its part, as suites write it."""
        return f"{self.dataset}/{self.part}" if self.part else self.dataset


_DECLARED = "its start"
"""Who has seen what a suite declares."""

_RAD_DINO = re.compile(r"rad[-_]?dino", re.IGNORECASE)
"""Trained on all 112,120 images of ChestX-ray14, without labels, and on data sets that are not here.

Source: F. Pérez-García et al., Exploring scalable medical image encoders beyond text supervision (2025).
"""

_XRV = re.compile(
    r"([\w-]+)-(?:densenet121-d121|resnet50-test512)|(?:densenet121-res224|resnet50-res512)-(\w+)"
)
"""Files and names of torchxrayvision's classifiers, which say what each was trained on, in parts of its own.

Source: torchxrayvision 1.5, models.py.
"""

_XRV_SETS = {
    "nih": "nih",
    "google": "nih",
    "kaggle": "rsna",
    "rsna": "rsna",
    "siim": "siim",
    "vin": "vindr",
    "chex": "chexlocalize/train",
}
_XRV_OF_ALL = {"densenet121": "nih-google-kaggle-chex", "resnet50": "nih-rsna-siim-vin"}


def known_sightings(names: Iterable[str]) -> Iterator[Sighting]:
    """Yields what published weights have seen of the data sets that suites can name.

    Args:
        names: of encoders and weights, or paths of files with such a name; of others nothing is known.
    """
    for name in names:
        if _RAD_DINO.search(name):
            yield Sighting(name, "nih")
        if found := _XRV.search(name):
            words = found[1] or (_XRV_OF_ALL[found[0].partition("-")[0]] if found[2] == "all" else found[2])
            for seen in dict.fromkeys(_XRV_SETS[word] for word in words.split("-") if word in _XRV_SETS):
                dataset, _, part = seen.partition("/")
                yield Sighting(name, dataset, part)


def sightings_of(
    suite: Suite, index: int, read_names: Callable[[str, KeyPath], Collection[str]]
) -> tuple[Sighting, ...]:
    """Returns what has been seen by the weights, or the trained classifier, that a model starts from.

    Args:
        suite: which.
        index: of the model in it.
        read_names: gives the names in a file that the suite names at a place; what it raises is let through.

    Raises:
        SettingError: a word of the suite's key `saw` is no data set, no part of one, and no file.
    """
    model = suite.models[index]
    declared: tuple[str, ...] | None = model.saw
    keys: KeyPath = ("models", index, "saw")
    if declared is None and model.train and model.weights is None and model.init is None:
        declared, keys = suite.saw, ("saw",)
    if declared is not None:
        datasets = dict.fromkeys((*DATASET_SPECS, *map(title_of, suite.datasets)))
        return tuple(_declared(word, datasets, read_names, keys) for word in declared)
    if model.train:
        weights = "none" if model.init is not None else model.weights or suite.weights
        names = [] if weights == "none" else [model.encoder or suite.encoder, weights]
    else:
        names = [name for name in (model.encoder, model.architecture, model.weights) if name is not None]
    return tuple(known_sightings([*names, *map(str, model.options.values())]))


def _declared(
    word: str,
    datasets: Collection[str],
    read_names: Callable[[str, KeyPath], Collection[str]],
    keys: KeyPath,
) -> Sighting:
    dataset, slash, part = word.partition("/")
    if dataset in datasets and (part in PARTS or not slash):
        return Sighting(_DECLARED, dataset, part)
    if Path(word).suffix:
        return Sighting(_DECLARED, images=frozenset(map(alike, read_names(word, keys))))
    problem = f"saw names {word!r}, which is no data set, no part of one such as nih/test, and no file"
    raise SettingError(keys, problem, value=word, allowed=datasets)


def exposures_of(trial: Trial, sightings: Iterable[Sighting], test_names: TestNames) -> Iterator[str]:
    """Yields in a sentence each way in which a trial's test images were seen before it began.

    Args:
        trial: which.
        sightings: what it starts from has seen.
        test_names: asked only where images are listed.
    """
    for sighting in sightings:
        if sighting.images:
            yield from _of_listed(sighting, test_names())
        elif (share := _share_seen(sighting, trial.dataset)) is not None:
            yield f"{sighting.who} saw {sighting.of}: {_SHARES[share]}"
    for parent in trial.ancestors():
        if not _is_apart(parent.dataset, trial.dataset):
            trained_on = _split_of(parent.dataset)
            yield f"{parent.label}, which it starts from, was trained on {trained_on}: {_SHARES['some']}"


_SHARES = {
    "all": "all of the test images",
    "some": "which of the test images is not known",
}


def _of_listed(sighting: Sighting, names: Collection[str] | None) -> Iterator[str]:
    if names is None:
        yield f"{sighting.who} saw {len(sighting.images):,} images: {_SHARES['some']}"
        return
    num_seen = sum(alike(name) in sighting.images for name in names)
    if num_seen:
        yield f"{sighting.who} saw {num_seen:,} of {len(names):,} test images"


def _share_seen(sighting: Sighting, tested_on: DatasetSpec) -> Literal["all", "some"] | None:
    """Returns which of the test images of a data set were seen."""
    if sighting.dataset not in (tested_on.name, title_of(tested_on)):
        if sighting.of == WHOLE_OF.get(tested_on.name):
            return "all"
        return "some" if _share_images(sighting.dataset, tested_on.name) else None
    if not sighting.part:
        return "all"
    if not _has_own_parts(tested_on):
        return "some"
    return "all" if sighting.part == "test" else None


def _is_apart(trained_on: DatasetSpec, tested_on: DatasetSpec) -> bool:
    """Returns whether no image that is trained on by the one split is tested on by the other."""
    if not isinstance(trained_on, StoredSpec) or not isinstance(tested_on, StoredSpec):
        return True  # parts are drawn apart
    if trained_on.name != tested_on.name:
        return not _share_images(trained_on.name, tested_on.name)
    if isinstance(trained_on, FolderSpec) and trained_on.labels != getattr(tested_on, "labels", None):
        return True  # as far as names tell
    if _has_own_parts(trained_on) and _has_own_parts(tested_on):
        return True
    return (trained_on.split, trained_on.split_seed) == (tested_on.split, tested_on.split_seed)


def _has_own_parts(dataset: DatasetSpec) -> bool:
    """Returns whether its test part is that of the published data set, or of its table of labels."""
    match dataset:
        case FolderSpec():
            return dataset.split == "column"
        case NihSpec():
            return dataset.split in ("official", "patient")
        case StoredSpec():
            return dataset.split == "official"
        case _:  # drawn
            return True


def _share_images(first: str, second: str) -> bool:
    return WHOLE_OF.get(first, first) == WHOLE_OF.get(second, second)


def _split_of(dataset: DatasetSpec) -> str:
    if isinstance(dataset, StoredSpec) and isinstance(dataset.split, str):
        return f"{title_of(dataset)} (split {dataset.split})"
    return title_of(dataset)
