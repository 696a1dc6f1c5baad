"""Subjects: classifiers that were trained elsewhere, and how their classes and inputs meet a data set's.

A suite names one by ``train: false``. Nothing of it is trained, so that neither a seed nor the settings
of training are in its trials' identity; its weights, classes and input contract are.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from bench.suite.frozen import Frozen

Channels = Literal[1, 3]


class InputContract(Frozen):
    """The images that a subject was trained on: enforced by what converts bench's images to them.

    Bench's images are gray, 0 black to 1 white. They are resized to `size`, spread over `range`, repeated for
    each channel; then `mean` is subtracted, and what is left is divided by `std`.
    """

    channels: Channels = 1
    """Gray images are repeated three times for a network that was trained in colour."""
    size: Annotated[int, Field(ge=32, le=4096)] | None = None
    """Side in px that images are resized to; that of the trial's resolution if absent."""
    range: tuple[float, float] = (0.0, 1.0)
    """Values of black and white before mean and std; torchxrayvision has [-1024, 1024]."""
    mean: tuple[float, ...] = ()
    """Subtracted, in values of `range`: one, or one for each channel; nothing if absent."""
    std: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """Divided by, likewise."""

    def problem(self) -> tuple[str, str] | None:
        """Returns the key that contradicts the others, and why; None if none does."""
        low, high = self.range
        if low >= high:
            return "range", "the first value is that of black, and has to be below that of white"
        for key, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (0, 1, self.channels):
                return key, f"needs one value, or one for each of {self.channels} channels"
        return None


class InputSeen(Frozen):
    """The values that a subject was given, over all test images: least and greatest, of any channel."""

    in_range: tuple[float, float]
    """Before mean and std: to compare with the contract's range."""
    normalised: tuple[float, float]
    """As the network received them."""


class Subject(Frozen):
    """A classifier that is trained already, as a part of a trial's identity."""

    architecture: str | None = None
    """Of the library's; None of bench's own models and of what a function returns."""
    config: str | None = None
    """Content of Hugging Face's ``config.json``."""
    classes: tuple[str, ...]
    """In the order of the outputs."""
    aliases: dict[str, str] = Field(default_factory=dict)
    """Finding that a class is to be taken for."""
    input: InputContract = InputContract()


class Wrapper(Frozen):
    """A library whose classifiers bench wraps."""

    package: str
    extra: str | None = None
    """Of bench, that installs it; None where bench needs it anyway."""
    architecture: str | None = None
    """That is meant where none is named; None where one has to be."""
    input: InputContract = InputContract()
    """That its classifiers were trained with, where the suite names none."""


WRAPPERS: dict[str, Wrapper] = {
    "torchvision": Wrapper(package="torchvision"),
    "timm": Wrapper(package="timm"),
    "torchxrayvision": Wrapper(
        package="torchxrayvision",
        extra="xrv",
        architecture="densenet121",
        input=InputContract(size=224, range=(-1024.0, 1024.0)),
    ),
    "huggingface": Wrapper(package="transformers", extra="huggingface", architecture="config.json"),
}
"""By the name that suites give them."""

XRV_CLASSES = (
    "Atelectasis",
    "Consolidation",
    "Infiltration",
    "Pneumothorax",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Effusion",
    "Pneumonia",
    "Pleural_Thickening",
    "Cardiomegaly",
    "Nodule",
    "Mass",
    "Hernia",
    "Lung Lesion",
    "Fracture",
    "Lung Opacity",
    "Enlarged Cardiomediastinum",
)
"""``torchxrayvision.datasets.default_pathologies``, which its DenseNets are trained for."""

_SAME: tuple[frozenset[str], ...] = (
    frozenset({"effusion", "pleuraleffusion"}),
    frozenset({"fibrosis", "pulmonaryfibrosis"}),
    frozenset({"edema", "pulmonaryedema"}),
    frozenset({"emphysema", "pulmonaryemphysema"}),
    frozenset({"infiltration", "infiltrate"}),
    frozenset({"lungopacity", "airspaceopacity"}),
    frozenset({"nofinding", "nofindings", "normal"}),
)
"""Names of one finding in the data sets and classifiers of this field."""


class ClassMap(Frozen):
    """The classes of a subject and the findings of a data set, brought together by name."""

    class_of: dict[str, int]
    """Number of the class of each finding that has one, in the order of the findings."""
    unknown_findings: tuple[str, ...]
    """Findings without a class: nothing is scored of them."""
    unused_classes: tuple[str, ...]
    """Classes without a finding."""
    ambiguous: tuple[str, ...]
    """Findings that several classes are called after."""


def class_map(classes: Sequence[str], findings: Sequence[str], aliases: Mapping[str, str]) -> ClassMap:
    """Returns which class is which finding: by name, whatever its case, blanks, hyphens and underscores.

    An alias goes before the name of its class, and a name that is equal before one that only means the same.
    """
    named = [aliases.get(name, name) for name in classes]
    found: dict[str, int] = {}
    ambiguous = []
    for finding in findings:
        same = [i for i, name in enumerate(named) if _plain(name) == _plain(finding)]
        same = same or [i for i, name in enumerate(named) if _meaning(name) == _meaning(finding)]
        if len(same) > 1:
            ambiguous.append(finding)
        elif same:
            found[finding] = same[0]
    used = set(found.values())
    return ClassMap(
        class_of=found,
        unknown_findings=tuple(finding for finding in findings if finding not in found),
        unused_classes=tuple(name for i, name in enumerate(classes) if i not in used),
        ambiguous=tuple(ambiguous),
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", name).casefold()


def _meaning(name: str) -> frozenset[str]:
    plain = _plain(name)
    return next((same for same in _SAME if plain in same), frozenset({plain}))
