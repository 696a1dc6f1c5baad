"""The time that a trial still takes: from measured or probed speed where there is one, else from a prior.

Epochs are not known in advance. At the fewest the validation loss never falls after the first evaluation; at
the most the cap is reached; expected is the mean of finished trials by the same recipe on the same data, else
the geometric mean of the fewest and the most. A forward pass counts as a third of a training step, so
validation and scoring take a third of training per image where they were not measured.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.data.part_sizes import part_sizes
from bench.execution.pace import Pace
from bench.execution.span import Span
from bench.execution.speed_prior import speed_prior
from bench.results.model_sizes import ModelSize, SizeCache, size_key
from bench.results.shipped_sizes import shipped_size
from bench.suite.trial import Trial
from bench.training.schedule import fewest_epochs

SpeedSource = Literal["measured", "measured on other data", "probed", "prior"]
EpochsSource = Literal["measured", "fixed", "prior"]
"""Fixed are those of a recipe whose cap comes before training can stop."""

_FORWARD_SHARE = 1 / 3


@dataclass(frozen=True)
class TrialCost:
    """What is left of one trial.

    Attributes:
        left_s: s.
        speed: where its speed is from.
        epochs: where its expected number of epochs is from.
    """

    left_s: Span
    speed: SpeedSource
    epochs: EpochsSource


@dataclass(frozen=True)
class Estimator:
    """Estimates trials for one machine.

    Attributes:
        pace: what was measured.
        sizes: of models, as `bench list models` keeps them.
        device: that trials run on.
        files: by digest, those that trials name.
    """

    pace: Pace
    sizes: SizeCache
    device: str
    files: Mapping[str, Path]

    def of(self, trial: Trial, num_epochs_done: int = 0) -> TrialCost | None:
        """Returns what is left of the trial after so many epochs; None if there is no telling."""
        times = self._times(trial)
        if times is None:
            return None
        epoch_s, scoring_s, speed = times
        epochs, source = self._epochs(trial)
        left = (max(count - num_epochs_done, 0) for count in (epochs.fewest, epochs.expected, epochs.most))
        return TrialCost(epoch_s.times(Span(*left)) + scoring_s, speed, source)

    def _epochs(self, trial: Trial) -> tuple[Span, EpochsSource]:
        fewest, most = fewest_epochs(trial.recipe), trial.recipe.max_epochs
        if fewest == most:
            return Span.known(most), "fixed"
        expected = self.pace.num_epochs(trial)
        if expected is None:
            return Span(fewest, math.sqrt(fewest * most), most), "prior"
        return Span(fewest, expected, most), "measured"

    def _times(self, trial: Trial) -> tuple[Span, Span, SpeedSource] | None:
        """Returns the time of an epoch and of scoring, s, and where the speed is from."""
        epoch_s = self.pace.epoch_s(trial, self.device)
        scoring_s = self.pace.scoring_s(trial, self.device)
        if epoch_s is not None and scoring_s is not None:
            return Span.known(epoch_s), Span.known(scoring_s), "measured"
        parts = part_sizes(trial.dataset, self.files)
        found = self._image_s(trial)
        if parts is None or found is None:
            return None if epoch_s is None else (Span.known(epoch_s), Span.known(0.0), "measured")
        image_s, source = found
        parts = parts.limited(trial.recipe.limit_images)
        scoring = image_s.times(parts.test * _FORWARD_SHARE)
        if epoch_s is not None:
            return Span.known(epoch_s), scoring, "measured"
        return image_s.times(parts.train + parts.val * _FORWARD_SHARE), scoring, source

    def _image_s(self, trial: Trial) -> tuple[Span, SpeedSource] | None:
        """Returns the time of training on an image, s, and where that is from."""
        measured = self.pace.images_per_s(trial, self.device)
        if measured is not None:
            return Span.known(1 / measured), "measured on other data"
        probed = self.pace.probed_images_per_s(trial, self.device)
        if probed is not None:
            return Span.known(1 / probed), "probed"
        size = size_of(trial, self.sizes)
        if size is None:
            return None
        return speed_prior(self.device).image_s(trial, size.gmacs), "prior"


def size_of(trial: Trial, sizes: SizeCache) -> ModelSize | None:
    """Returns the size of the trial's model: as `bench list models` measured it, else as shipped."""
    key = size_key(trial.model, trial.options, trial.encoder)
    if key not in sizes:
        return shipped_size(trial.model, trial.options, trial.encoder)
    size = sizes[key]
    return size if isinstance(size, ModelSize) else None


def wall_s(costs: Mapping[str, float], chains: Sequence[Sequence[str]], num_slots: int) -> float:
    """Returns the time from start to end, s: as if slots were never idle, but no chain runs beside itself.

    Args:
        costs: s by trial id.
        chains: ids of trials that follow each other.
        num_slots: trials that run at once.
    """
    longest = max((sum(costs.get(one, 0.0) for one in chain) for chain in chains), default=0.0)
    return max(sum(costs.values()) / num_slots, longest)
