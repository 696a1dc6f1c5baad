"""A trial: one training and its scoring, or the scoring of a subject, fully specified."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import Field

from bench.errors import PluginError
from bench.suite.catalog import OptionValue, changed_options, display_name, subject_name
from bench.suite.dataset_specs import DatasetSpec, Seed, title_of
from bench.suite.frozen import Frozen
from bench.suite.identity import PROTOCOL, short_hash
from bench.suite.schema import Phase, Recipe, Resolution
from bench.suite.subject import Subject


class Trial(Frozen):
    """Everything that can change the numbers, and nothing else: no path, no device, no name of a suite.

    Files are named by the digest of their content (``sha256:…``); `Grid.files` knows their paths.
    """

    model: str
    """A model of the catalog; of a subject also a library, or a function."""
    subject: Subject | None = None
    """Set if the model is trained already. Then `seed` is 0, `recipe` that of `Recipe.for_subjects`, and
    `init` and `phase` have their defaults."""
    source: str | None = None
    """Digest of the source of a model from outside of bench; of bench's own None, `protocol` stands for it.
    A changed source is another model, which is trained anew."""
    dataset_source: str | None = None
    """The same of a data set from outside of bench."""
    options: dict[str, OptionValue] = Field(default_factory=dict)
    """The model's options that differ from their defaults."""
    encoder: str
    weights: str
    """none, imagenet, or the digest of a file."""
    init: "Trial | None" = None
    """Trial whose best epoch this one starts from, in place of `weights`."""
    phase: Phase = Phase()
    """The part of the model that is frozen."""
    dataset: DatasetSpec
    resolution: Resolution
    seed: Seed
    recipe: Recipe = Recipe()
    protocol: int = PROTOCOL

    @cached_property
    def id(self) -> str:
        """The trial's folder name, e.g. ``pylon-phantom-64px-s0-0123456789``; hashed once."""
        model = self.model
        if self.subject is not None and self.subject.architecture is not None:
            model = re.sub(r"[^\w.]+", "_", self.subject.architecture)
        parts = (model, self.dataset.name, f"{self.resolution}px", self.replicate)
        prefix = "-".join(filter(None, parts)).replace(":", ".")
        return f"{prefix}-{short_hash(self.identity())}"

    @property
    def replicate(self) -> str:
        """The seed as titles and folders name it; nothing of a subject."""
        return "" if self.subject is not None else f"s{self.seed}"

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Returns a copy whose id is computed anew."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("id", None)
        return copied

    def identity(self) -> dict[str, Any]:
        """Returns the values that differ from defaults, which the id is a hash of."""
        given = self.dataset.model_dump(mode="json", exclude_defaults=True, exclude={"title"})
        source = {} if self.dataset_source is None else {"source": self.dataset_source}
        return self.model_identity() | {
            **({} if self.init is None else {"init": self.init.id}),
            "dataset": given | {"name": self.dataset.name} | source,
            "resolution": self.resolution,
            **({} if self.subject is not None else {"seed": self.seed}),
            "recipe": self.recipe.model_dump(mode="json", exclude_defaults=True),
            "protocol": self.protocol,
        }

    def model_identity(self) -> dict[str, Any]:
        """Returns the part that is the same along a row of a table: the model and its starting point."""
        if self.subject is not None:
            subject = self.subject.model_dump(mode="json", exclude_defaults=True)
            known = {"source": self.source, "encoder": self.encoder or None}
            known = {key: value for key, value in known.items() if value is not None}
            return {"model": self.model, "subject": subject, "options": self.options, **known} | {
                "weights": self.weights
            }
        options = self.options
        if self.source is None:  # of a plug-in they are in this form: it may be gone when its record is read
            options = changed_options(self.model, options)
        phase = self.phase.model_dump(mode="json", exclude_defaults=True)
        return {
            "model": self.model,
            **({} if self.source is None else {"source": self.source}),
            "options": options,
            "encoder": self.encoder,
            "weights": self.weights,
            **({} if self.init is None else {"init": self.init.model_identity()}),
            **({"phase": phase} if phase else {}),
        }

    def ancestors(self) -> "tuple[Trial, ...]":
        """Returns the trials that have to be finished before this one, the first to run first."""
        return () if self.init is None else (*self.init.ancestors(), self.init)

    def title(self, label: str) -> str:
        """Returns the trial's name in displays and dashboards; `label` is the name of its model."""
        place = f"{title_of(self.dataset)} {self.resolution} px"
        return " · ".join(filter(None, (label, self.replicate, place)))

    @property
    def label(self) -> str:
        """The name of the trial's model where no suite gives it one: from its options and its start."""
        if self.subject is not None:
            return subject_name(self.model, self.subject, self.options)
        how = " (fine-tuned)" if self.init is not None else ""
        try:
            name = display_name(self.model, self.options)
        except PluginError:  # its record is read where it is not installed
            name = self.model
        return name + (" (encoder frozen)" if self.phase.freezes else how)
