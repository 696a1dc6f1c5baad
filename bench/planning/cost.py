"""The time that trials still take, from speeds that were measured or probed; a trial without one has none.

Epochs are not known in advance. At the fewest the validation loss never falls after the first evaluation; at
the most the cap is reached; expected is the mean of finished trials by the same recipe on the same data, else
the geometric mean of the fewest and the most. A forward pass counts as a third of a training step, so
validation and scoring take a third of training per image where they were not measured.
"""

import math
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from bench.data.checks.statistics import EVERY, expected_counts
from bench.data.sources.splits import NUM_TRAIN, NUM_VAL, read_list
from bench.errors import DataError
from bench.planning.machine import CPU, Machine, needs_of, num_slots, this_machine
from bench.planning.speed import Speeds
from bench.results.store import ResultsStore, TrialFolder
from bench.suite.dataset_specs import DatasetSpec, PhantomSpec, SplitLists, StoredSpec
from bench.suite.schema import Resources
from bench.suite.trial import Trial
from bench.training.schedule import fewest_epochs


class ImageCounts(NamedTuple):
    """Numbers of images for training, for validation and for scoring."""

    train: int
    val: int
    test: int

    def limited(self, num_images: int | None) -> "ImageCounts":
        """Returns the counts where so many images of each part are loaded at most; None is all."""
        return self if num_images is None else ImageCounts(*(min(count, num_images) for count in self))


def image_counts(dataset: DatasetSpec, files: Mapping[str, Path]) -> ImageCounts | None:
    """Returns the counts: of published data sets the published ones, whatever a download has.

    Args:
        dataset: as a trial has it.
        files: by digest, those that it names.

    Returns:
        None for a folder of images without lists, whose size is not known before it is read.
    """
    if isinstance(dataset, PhantomSpec):
        return ImageCounts(dataset.train, dataset.val, dataset.test)
    if not isinstance(dataset, StoredSpec):
        return None
    if not isinstance(dataset.split, SplitLists):
        return _published().get(dataset.name)
    counts = {part: _num_names(files.get(digest)) for part, digest in dataset.split}
    known = {part: count for part, count in counts.items() if count is not None}
    return ImageCounts(**known) if len(known) == len(counts) else None


@lru_cache
def _published() -> dict[str, ImageCounts]:
    images = {name: expected_counts(name).xs(EVERY, level="finding")["images"] for name in ("nih", "vindr")}
    whole = int(images["vindr"]["train+val+test"])
    val, test = round(whole * 0.1), round(whole * 0.2)
    nih = ImageCounts(NUM_TRAIN, NUM_VAL, int(images["nih"]["test"]))
    return {"nih": nih, "vindr": ImageCounts(whole - val - test, val, test)}


def _num_names(path: Path | None) -> int | None:
    try:
        return None if path is None else len(read_list(path))
    except DataError:  # a run reports what is wrong with the list
        return None


SpeedSource = Literal["measured", "measured on other data", "probed"]
EpochsSource = Literal["measured", "fixed", "assumed"]
"""Fixed: the recipe's cap comes before training can stop. Assumed: the geometric mean, see above."""

_FORWARD_SHARE = 1 / 3


@dataclass(frozen=True)
class Left:
    """A time that is left, for the fewest epochs that are possible, those that are expected, and the most."""

    fewest: float
    expected: float
    most: float

    def times(self, factor: float) -> "Left":
        """Returns the time in another unit."""
        return Left(self.fewest * factor, self.expected * factor, self.most * factor)


_CASES = ("fewest", "expected", "most")


def total(lefts: Iterable[Left]) -> Left:
    """Returns the sum."""
    each = list(lefts)
    return Left(*(sum(getattr(one, case) for one in each) for case in _CASES))


@dataclass(frozen=True)
class TrialCost:
    """The time that one trial still takes.

    Attributes:
        left_s: the time, s.
        speed: where its speed is from.
        epochs: where its expected number of epochs is from.
    """

    left_s: Left
    speed: SpeedSource
    epochs: EpochsSource


@dataclass(frozen=True)
class PlanCost:
    """The time that all trials that are left still take.

    Attributes:
        num_trials: trials that are left and can be run: neither finished, nor failed, nor blocked.
        num_unknown: those of them whose time is not known; they are in no sum.
        num_unknown_data: those of `num_unknown` with a data set of unknown size.
        device: the device that they run on here.
        num_slots: how many run at once.
        wall_s: from start to end on this machine, s.
        device_hours: GPU-hours on a GPU, else CPU-hours, of all trials together.
        sources: how many trials by where their speed is from.
        epochs: how many trials by where their expected number of epochs is from.
        finished_bytes: mean size of the folder of a finished trial; None without any.
        free_bytes: free space on the disk of the results.
    """

    num_trials: int
    num_unknown: int
    num_unknown_data: int
    device: str
    num_slots: int
    wall_s: Left
    device_hours: Left
    sources: Counter[SpeedSource]
    epochs: Counter[EpochsSource]
    finished_bytes: float | None
    free_bytes: int


class Budget:
    """Counts the cost of trials on one machine and results folder, which it reads once."""

    def __init__(self, store: ResultsStore, machine: Machine | None = None) -> None:
        """Reads what was measured.

        Args:
            store: where.
            machine: to run on; this one if absent.
        """
        self._store, self._machine = store, machine or this_machine()
        self._speeds = Speeds(store, self._machine.device)

    def trial_costs(
        self, trials: Sequence[Trial], files: Mapping[str, Path], *, use_gpu: bool
    ) -> dict[str, TrialCost]:
        """Returns by id what is left of the trials, without those whose time is not known.

        Args:
            trials: not finished; of interrupted ones what they have done does not count.
            files: by digest, those that they name.
            use_gpu: they run on a GPU: this machine's, else that which most was measured on.
        """
        device = self._device(use_gpu=use_gpu)
        found = {} if device is None else {trial.id: self._cost(trial, device, files) for trial in trials}
        return {key: cost for key, cost in found.items() if cost is not None}

    def forward_s(self, trials: Sequence[Trial], *, use_gpu: bool) -> dict[str, float]:
        """Returns by id the time of a forward pass of an image, s, of those trials of which it is known."""
        device = self._device(use_gpu=use_gpu)
        found = {} if device is None else {trial.id: self._image_s(trial, device) for trial in trials}
        return {key: image[0] * _FORWARD_SHARE for key, image in found.items() if image is not None}

    def _device(self, *, use_gpu: bool) -> str | None:
        gpu = self._machine.device if self._machine.num_gpus else self._speeds.gpu()
        return gpu if use_gpu else CPU

    def cost(self, trials: Sequence[Trial], resources: Resources, files: Mapping[str, Path]) -> PlanCost:
        """Returns the cost of `trials`, which are those that are left, each once.

        Args:
            trials: with those that they start from, as far as those are left.
            resources: what each takes.
            files: by digest, those that trials name.
        """
        machine = self._machine if resources.gpu != 0 else replace(self._machine, device=CPU, num_gpus=0)
        use_gpu = machine.num_gpus > 0
        needs = {trial.id: needs_of(trial, resources, use_gpu=use_gpu) for trial in trials}
        at_once = num_slots(needs.values(), [machine.node])
        costs = self.trial_costs(trials, files, use_gpu=use_gpu)
        untold = [trial for trial in trials if trial.id not in costs]
        amount = {key: need["gpu" if use_gpu else "cpu"] for key, need in needs.items()}
        return PlanCost(
            num_trials=len(trials),
            num_unknown=len(untold),
            num_unknown_data=sum(image_counts(trial.dataset, files) is None for trial in untold),
            device=machine.device,
            num_slots=at_once,
            wall_s=_wall(costs, trials, at_once),
            device_hours=total(cost.left_s.times(amount[key] / 3600) for key, cost in costs.items()),
            sources=Counter(cost.speed for cost in costs.values()),
            epochs=Counter(cost.epochs for cost in costs.values()),
            finished_bytes=_mean_bytes(self._store),
            free_bytes=free_bytes(self._store.root),
        )

    def _cost(self, trial: Trial, device: str, files: Mapping[str, Path]) -> TrialCost | None:
        times = self._times(trial, device, files)
        if times is None:
            return None
        epoch_s, scoring_s, speed = times
        *epochs, source = self._epochs(trial)
        done = self._epochs_done(trial)
        return TrialCost(
            Left(*(epoch_s * max(count - done, 0) + scoring_s for count in epochs)), speed, source
        )

    def _times(
        self, trial: Trial, device: str, files: Mapping[str, Path]
    ) -> tuple[float, float, SpeedSource] | None:
        """Returns the time of an epoch and of scoring, s, and where the speed is from."""
        epoch_s = self._speeds.epoch_s(trial, device)
        scoring_s = self._speeds.scoring_s(trial, device)
        if epoch_s is not None and scoring_s is not None:
            return epoch_s, scoring_s, "measured"
        counts = image_counts(trial.dataset, files)
        if trial.subject is not None:
            return None
        found = self._image_s(trial, device)
        if counts is None or found is None:
            return None if epoch_s is None else (epoch_s, 0.0, "measured")
        image_s, source = found
        counts = counts.limited(trial.recipe.limit_images)
        scoring_s = image_s * counts.test * _FORWARD_SHARE
        if epoch_s is not None:
            return epoch_s, scoring_s, "measured"
        return image_s * (counts.train + counts.val * _FORWARD_SHARE), scoring_s, source

    def _image_s(self, trial: Trial, device: str) -> tuple[float, SpeedSource] | None:
        """Returns the time of training on an image, s, and where that is from."""
        if (measured := self._speeds.images_per_s(trial, device)) is not None:
            return 1 / measured, "measured on other data"
        if (probed := self._speeds.probed_images_per_s(trial, device)) is not None:
            return 1 / probed, "probed"
        return None

    def _epochs(self, trial: Trial) -> tuple[float, float, float, EpochsSource]:
        """Returns the fewest epochs of the trial, those expected, and the most; and where these are from."""
        if trial.subject is not None:
            return 0, 0, 0, "fixed"
        fewest, most = fewest_epochs(trial.recipe), trial.recipe.max_epochs
        if fewest == most:
            return most, most, most, "fixed"
        expected = self._speeds.num_epochs(trial)
        if expected is None:
            return fewest, math.sqrt(fewest * most), most, "assumed"
        return fewest, expected, most, "measured"

    def _epochs_done(self, trial: Trial) -> int:
        """Returns the epochs of an interrupted or running trial."""
        folder = self._store.folder(trial.id)
        return len(folder.epochs()) if any(path.exists() for path in folder.checkpoints) else 0


def wall_s(costs: Mapping[str, float], chains: Sequence[Sequence[str]], at_once: int) -> float:
    """Returns the time from start to end, s: as if slots were never idle, but no chain runs beside itself.

    Args:
        costs: s by trial id.
        chains: ids of trials that follow each other.
        at_once: trials that run at once.
    """
    longest = max((sum(costs.get(one, 0.0) for one in chain) for chain in chains), default=0.0)
    return max(sum(costs.values()) / at_once, longest)


def _wall(costs: Mapping[str, TrialCost], trials: Sequence[Trial], at_once: int) -> Left:
    chains = [[one.id for one in (*trial.ancestors(), trial)] for trial in trials]

    times = [{key: getattr(cost.left_s, case) for key, cost in costs.items()} for case in _CASES]
    return Left(*(wall_s(of_case, chains, at_once) for of_case in times))


def free_bytes(folder: Path) -> int:
    """Returns what is free on the disk that `folder` is on, or would be on."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free


def _mean_bytes(store: ResultsStore) -> float | None:
    """Returns the mean size of the folders of finished trials; None without any."""
    folders = [path.parent for path in (store.root / "trials").glob("*/record.json")]
    finished = [path for path in folders if TrialFolder(path).best_weights.exists()]
    sizes = [sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) for path in finished]
    return sum(sizes) / len(sizes) if sizes else None
