"""How fast trials train on a device: from the histories of those that have trained here, and from probes.

results/probes.json   {"probes": […]}, one for each workload and device, the latest
"""

import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

from pydantic import ConfigDict

from bench.errors import ResultsError
from bench.planning.machine import CPU
from bench.results.lease import holder
from bench.results.store import ResultsStore, TrialFolder
from bench.results.stored import read_stored, write_stored
from bench.suite.frozen import Frozen
from bench.suite.identity import canonical_json
from bench.suite.trial import Trial

_RECIPE = {"batch_size", "precision", "num_threads", "channels_last", "accumulate", "compile"}
"""The settings of a recipe that change how fast a step is."""


def workload_of(trial: Trial) -> str:
    """Returns the settings that decide how fast a trial trains on a device: model, resolution and others."""
    model: dict[str, Any] = {"model": trial.model, "options": trial.options, "encoder": trial.encoder}
    if trial.subject is not None:
        model["subject"] = [trial.subject.architecture, trial.subject.input.size, trial.weights]
    phase = trial.phase.model_dump(mode="json", exclude_defaults=True)
    recipe = trial.recipe.model_dump(mode="json", include=_RECIPE)
    return canonical_json(model | {"phase": phase, "resolution": trial.resolution, "recipe": recipe})


class Probe(Frozen):
    """How fast a few steps of training were; what a newer bench writes beside that is kept."""

    model_config = ConfigDict(extra="allow")

    workload: str
    """See `workload_of`."""
    device: str
    """The name of the GPU, or cpu."""
    images_per_s: float
    """The speed of training, without the first steps."""
    memory_bytes: int
    """Memory that a trial's process takes: on a GPU with the trial's pixels, if they fit, and CUDA's own."""
    num_steps: int
    """Steps that were timed."""
    probed_at: str
    """ISO 8601 with time zone."""


class _Probes(Frozen):
    model_config = ConfigDict(extra="allow")

    probes: tuple[Probe, ...]


def read_probes(root: Path) -> tuple[Probe, ...]:
    """Returns the probes of a results folder; none if there is no file.

    Raises:
        ResultsError: the file cannot be read.
    """
    again = "move it out of the folder and probe again"
    found = read_stored(_probes_path(root), _Probes, "list of probes", again, extra="allow")
    return () if found is None else found.probes


def probes_problem(root: Path) -> tuple[str, ...]:
    """Returns a sentence if the file of probes is there and cannot be read."""
    try:
        read_probes(root)
    except ResultsError as error:
        return (str(error),)
    return ()


def add_probe(root: Path, probe: Probe) -> None:
    """Writes the probe beside the others; it replaces an earlier one of its workload and device.

    Raises:
        ResultsError: the file is there and cannot be read.
    """
    kept = [one for one in read_probes(root) if (one.workload, one.device) != (probe.workload, probe.device)]
    write_stored(_probes_path(root), _Probes(probes=(*kept, probe)))


def _probes_path(root: Path) -> Path:
    return root / "probes.json"


@dataclass(frozen=True)
class MeasuredTrial:
    """The measured speed of a trial, which others like it will have.

    Attributes:
        trial: which.
        device: that it ran on.
        epoch_s: time of an epoch, training and validation together, median over its epochs, s.
        images_per_s: speed of training, median over its epochs.
        num_epochs: that it took; None unless it is finished.
        scoring_s: what it took beside its epochs, s; None unless it is finished.
    """

    trial: Trial
    device: str
    epoch_s: float
    images_per_s: float
    num_epochs: int | None = None
    scoring_s: float | None = None


class Speeds:
    """Measurements of one results folder, asked by trial."""

    def __init__(self, store: ResultsStore, device: str) -> None:
        """Reads all trials in the folder that have ended an epoch, and the probes.

        Files that cannot be read are skipped.

        Args:
            store: where.
            device: of this machine. Trials without an outcome do not say what they ran on: they count as of
                it, unless a driver on another machine has them now.
        """
        self._by_workload: dict[str, list[MeasuredTrial]] = defaultdict(list)
        self._by_recipe: dict[str, list[MeasuredTrial]] = defaultdict(list)
        self._probed: dict[tuple[str, str], float] = {}
        self._gpus: list[str] = []
        for path in sorted((store.root / "trials").glob("*")):
            with suppress(ResultsError):
                for one in _measure(TrialFolder(path), device):
                    self._by_workload[workload_of(one.trial)].append(one)
                    self._by_recipe[_data_and_recipe(one.trial)].append(one)
                    self._gpus += [one.device] if one.device != CPU else []
        with suppress(ResultsError):
            probes = read_probes(store.root)
            self._probed = {(probe.workload, probe.device): probe.images_per_s for probe in probes}
            self._gpus += [probe.device for probe in probes if probe.device != CPU]

    def gpu(self) -> str | None:
        """Returns the name of the GPU that most was measured on; None if that is none."""
        return max(self._gpus, key=self._gpus.count, default=None)

    def epoch_s(self, trial: Trial, device: str) -> float | None:
        """Returns the time of an epoch of such a trial on the same data, s; None if there was none."""
        return _median(one.epoch_s for one in self._on_same_data(trial, device))

    def scoring_s(self, trial: Trial, device: str) -> float | None:
        """Returns the time of such a trial beside its epochs, on the same data, s; None if there was none."""
        return _median(one.scoring_s for one in self._on_same_data(trial, device))

    def images_per_s(self, trial: Trial, device: str) -> float | None:
        """Returns the speed of training of such a trial on any data; None if there was none."""
        like = self._by_workload[workload_of(trial)]
        return _median(one.images_per_s for one in like if one.device == device)

    def probed_images_per_s(self, trial: Trial, device: str) -> float | None:
        """Returns the speed that `bench probe` found for such a trial; None if it was not asked."""
        return self._probed.get((workload_of(trial), device))

    def num_epochs(self, trial: Trial) -> float | None:
        """Returns the mean number of epochs of finished trials by the same recipe on the same data.

        Those of the same workload count, on any device, else those of any model; None if there are none.
        """
        recipe, like = _data_and_recipe(trial), self._by_workload[workload_of(trial)]
        same = [one for one in like if _data_and_recipe(one.trial) == recipe]
        for group in (same, self._by_recipe[recipe]):
            if counts := [one.num_epochs for one in group if one.num_epochs is not None]:
                return mean(counts)
        return None

    def _on_same_data(self, trial: Trial, device: str) -> Iterator[MeasuredTrial]:
        for one in self._by_workload[workload_of(trial)]:
            if one.device == device and one.trial.dataset == trial.dataset:
                yield one


def _data_and_recipe(trial: Trial) -> str:
    return trial.dataset.model_dump_json() + trial.recipe.model_dump_json()


def _median(values: Iterable[float | None]) -> float | None:
    known: Sequence[float] = [value for value in values if value is not None]
    return median(known) if known else None


def _measure(folder: TrialFolder, device: str) -> Iterator[MeasuredTrial]:
    rows = folder.read_history()
    record = folder.read_record()
    if record is not None and record.trial.subject is not None and record.outcome is not None:
        done = record.outcome
        yield MeasuredTrial(record.trial, done.provenance.device, 0.0, 0.0, 0, done.duration_s)
    if not rows:
        return
    epoch_s, speed = median(row.duration_s for row in rows), median(row.images_per_s for row in rows)
    if record is not None and (outcome := record.outcome) is not None:
        scoring_s = max(outcome.duration_s - sum(row.duration_s for row in rows), 0.0)
        ran_on = outcome.provenance.device
        yield MeasuredTrial(record.trial, ran_on, epoch_s, speed, outcome.num_epochs, scoring_s)
        return
    lease = holder(folder.path)
    is_elsewhere = lease is not None and lease.host != socket.gethostname()
    if not is_elsewhere and (trial := folder.read_trial()) is not None:
        yield MeasuredTrial(trial, device, epoch_s, speed)
