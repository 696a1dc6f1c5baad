"""How fast trials train here, from the histories of those that have trained in this results folder."""

import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import mean, median

from bench.errors import ResultsError
from bench.execution.machine import CPU
from bench.execution.speed_prior import ANY_GPU, known_kind
from bench.results.lease import holder
from bench.results.probes import Probe, read_probes
from bench.results.record import EpochRow
from bench.results.store import ResultsStore, TrialFolder
from bench.suite.identity import canonical_json
from bench.suite.trial import Trial

_RECIPE = {"batch_size", "precision", "num_threads", "channels_last", "accumulate", "compile"}
"""What of a recipe changes how fast a step is."""


def workload_of(trial: Trial) -> str:
    """Returns what decides how fast the trial trains on a device: model, encoder, resolution and the like."""
    model = {"model": trial.model, "options": trial.options, "encoder": trial.encoder}
    phase = trial.phase.model_dump(mode="json", exclude_defaults=True)
    recipe = trial.recipe.model_dump(mode="json", include=_RECIPE)
    return canonical_json(model | {"phase": phase, "resolution": trial.resolution, "recipe": recipe})


@dataclass(frozen=True)
class Measured:
    """What a trial that has trained says of others like it.

    Attributes:
        trial: which.
        workload: see `workload_of`.
        device: that it ran on.
        epoch_s: median over its epochs, training and validation together, s.
        images_per_s: median over its epochs, of training.
        num_epochs: that it took; None unless it is finished.
        scoring_s: what it took beside its epochs, s; None unless it is finished.
    """

    trial: Trial
    workload: str
    device: str
    epoch_s: float
    images_per_s: float
    num_epochs: int | None = None
    scoring_s: float | None = None


class Pace:
    """Measurements of one results folder, asked by trial."""

    def __init__(self, measured: Sequence[Measured], probes: Sequence[Probe] = ()) -> None:
        self.measured = measured
        self._probed = {(probe.workload, probe.device): probe.images_per_s for probe in probes}
        self._by_workload: dict[str, list[Measured]] = defaultdict(list)
        self._by_recipe: dict[str, list[Measured]] = defaultdict(list)
        for one in measured:
            self._by_workload[one.workload].append(one)
            self._by_recipe[_data_and_recipe(one.trial)].append(one)

    @classmethod
    def read(cls, store: ResultsStore, device: str) -> "Pace":
        """Returns the measurements of all trials in the folder that have ended an epoch, and its probes.

        Trials that have no outcome, which say nothing of their device, count as of `device` unless a driver
        on another machine has them now. What cannot be read says nothing.
        """
        folders = sorted((store.root / "trials").glob("*"))
        found: list[Measured] = []
        for path in folders:
            with suppress(ResultsError):
                found += _measure(TrialFolder(path), device)
        probes: tuple[Probe, ...] = ()
        with suppress(ResultsError):
            probes = read_probes(store.root)
        return cls(found, probes)

    def gpu(self, kind: str | None = None) -> str:
        """Returns the name of the GPU that most was measured on, of those of the `kind` if one is given.

        Where that is none: `kind`, or the name of a GPU of which nothing is known.
        """
        probed = [device for _, device in self._probed]
        names = [name for name in (*(one.device for one in self.measured), *probed) if name != CPU]
        of_kind = [name for name in names if kind is None or known_kind(name) == kind]
        return max(of_kind, key=of_kind.count, default=kind or ANY_GPU)

    def epoch_s(self, trial: Trial, device: str) -> float | None:
        """Returns the time of an epoch of such a trial on the same data, s; None if there was none."""
        return _median(one.epoch_s for one in self._on_same_data(trial, device))

    def scoring_s(self, trial: Trial, device: str) -> float | None:
        """Returns the time of such a trial beside its epochs, on the same data, s; None if there was none."""
        return _median(one.scoring_s for one in self._on_same_data(trial, device))

    def images_per_s(self, trial: Trial, device: str) -> float | None:
        """Returns the speed of training of such a trial on any data; None if there was none."""
        like = self._by_workload.get(workload_of(trial), ())
        return _median(one.images_per_s for one in like if one.device == device)

    def probed_images_per_s(self, trial: Trial, device: str) -> float | None:
        """Returns the speed that `bench probe` found for such a trial; None if it was not asked."""
        return self._probed.get((workload_of(trial), device))

    def num_epochs(self, trial: Trial) -> float | None:
        """Returns the mean number of epochs of finished trials by the same recipe on the same data.

        Of the same workload on any device, else of any model; None if there are none.
        """
        same, workload = self._by_recipe.get(_data_and_recipe(trial), ()), workload_of(trial)
        for group in ([one for one in same if one.workload == workload], same):
            counts = [one.num_epochs for one in group if one.num_epochs is not None]
            if counts:
                return mean(counts)
        return None

    def finished_twin(self, trial: Trial) -> Trial | None:
        """Returns a finished trial of the same workload, on any device; None if there is none."""
        like = self._by_workload.get(workload_of(trial), ())
        return next((one.trial for one in like if one.num_epochs is not None), None)

    def _on_same_data(self, trial: Trial, device: str) -> Iterator[Measured]:
        for one in self._by_workload.get(workload_of(trial), ()):
            if one.device == device and one.trial.dataset == trial.dataset:
                yield one


def _data_and_recipe(trial: Trial) -> str:
    return trial.dataset.model_dump_json() + trial.recipe.model_dump_json()


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _measure(folder: TrialFolder, device: str) -> Iterator[Measured]:
    rows = folder.read_history()
    if not rows:
        return
    record = folder.read_record()
    if record is not None and record.outcome is not None:
        outcome = record.outcome
        scoring_s = max(outcome.duration_s - sum(row.duration_s for row in rows), 0.0)
        one = _of(record.trial, outcome.provenance.device, rows)
        yield Measured(*one, num_epochs=outcome.num_epochs, scoring_s=scoring_s)
        return
    lease = holder(folder.path)
    if lease is not None and lease.host != socket.gethostname():
        return
    if (trial := folder.read_trial()) is not None:
        yield Measured(*_of(trial, device, rows))


def _of(trial: Trial, device: str, rows: Sequence[EpochRow]) -> tuple[Trial, str, str, float, float]:
    epoch_s, speed = median(row.duration_s for row in rows), median(row.images_per_s for row in rows)
    return trial, workload_of(trial), device, epoch_s, speed
