"""The time that trials still take: from measured or probed speed where there is one, else from an assumption.

Epochs are not known in advance. At the fewest the validation loss never falls after the first evaluation; at
the most the cap is reached; expected is the mean of finished trials by the same recipe. A forward pass counts
as a third of a training step, so validation and scoring take a third of training per image where they were
not measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.data.part_sizes import part_sizes
from bench.execution.machine import CPU
from bench.execution.pace import Pace
from bench.results.model_sizes import ModelSize, SizeCache, size_key
from bench.suite.trial import Trial
from bench.training.schedule import fewest_epochs

Source = Literal["measured", "measured on other data", "probed", "assumed"]

ASSUMED_TFLOPS_GPU = 100.0
"""10¹² operations a second of a GPU: a third of what its maker promises of an A100 in float16."""

ASSUMED_TFLOPS_CORE = 0.06
"""Of a CPU core in float32: what training ResNet-50 at 256 px was measured at, 3.8 images/s on two cores."""

_FLOPS_PER_MAC = 2
_FORWARD_SHARE = 1 / 3
_COUNTED_AT_PX = 256


@dataclass(frozen=True)
class TrialCost:
    """What is left of one trial, s.

    Attributes:
        fewest_s: if training stops as early as it can.
        most_s: if it reaches the cap.
        expected_s: with as many epochs as finished trials had; None if there are none.
        source: where the speed is from.
    """

    fewest_s: float
    most_s: float
    expected_s: float | None
    source: Source


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

    def of(self, trial: Trial, rows_done: int = 0) -> TrialCost | None:
        """Returns what is left of the trial after so many epochs; None if there is no telling."""
        times = self._times(trial)
        if times is None:
            return None
        epoch_s, scoring_s, source = times
        fewest, most, expected = self._epochs(trial)

        def left_s(num_epochs: float) -> float:
            return max(num_epochs - rows_done, 0) * epoch_s + scoring_s

        return TrialCost(left_s(fewest), left_s(most), None if expected is None else left_s(expected), source)

    def _epochs(self, trial: Trial) -> tuple[int, int, float | None]:
        return fewest_epochs(trial.recipe), trial.recipe.max_epochs, self.pace.num_epochs(trial)

    def _times(self, trial: Trial) -> tuple[float, float, Source] | None:
        """Returns the time of an epoch and of scoring, s, and where the speed is from."""
        epoch_s = self.pace.epoch_s(trial, self.device)
        scoring_s = self.pace.scoring_s(trial, self.device)
        if epoch_s is not None and scoring_s is not None:
            return epoch_s, scoring_s, "measured"
        parts = part_sizes(trial.dataset, self.files)
        speed, source = self._speed(trial)
        if parts is None or speed is None:
            return None if epoch_s is None else (epoch_s, 0.0, "measured")
        forward_s = _FORWARD_SHARE / speed
        if epoch_s is not None:
            return epoch_s, parts.test * forward_s, "measured"
        return parts.train / speed + parts.val * forward_s, parts.test * forward_s, source

    def _speed(self, trial: Trial) -> tuple[float | None, Source]:
        """Returns images per second of training, and where that is from."""
        measured = self.pace.images_per_s(trial, self.device)
        if measured is not None:
            return measured, "measured on other data"
        probed = self.pace.probed_images_per_s(trial, self.device)
        if probed is not None:
            return probed, "probed"
        size = size_of(trial, self.sizes)
        if size is None:
            return None, "assumed"
        step_macs = size.gmacs * 1e9 * (trial.resolution / _COUNTED_AT_PX) ** 2 / _FORWARD_SHARE
        threads = trial.recipe.num_threads
        tflops = ASSUMED_TFLOPS_CORE * threads if self.device == CPU else ASSUMED_TFLOPS_GPU
        return tflops * 1e12 / (_FLOPS_PER_MAC * step_macs), "assumed"


def size_of(trial: Trial, sizes: SizeCache) -> ModelSize | None:
    """Returns the size of the trial's model, if `bench list models` has measured it."""
    key = size_key(trial.model, trial.options, trial.encoder)
    if key not in sizes:
        return None
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
