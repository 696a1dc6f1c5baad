"""The plan's cost: time, device-hours and disk of all that a selection still has to run."""

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import ResultsError
from bench.execution.cost import Estimator, TrialCost, wall_s
from bench.execution.disk_need import DiskNeed, disk_need
from bench.execution.machine import Machine, needs_of, this_machine
from bench.execution.pace import Pace
from bench.results.model_sizes import SizeCache
from bench.results.store import ResultsStore
from bench.suite.schema import Resources
from bench.suite.trial import Trial


@dataclass(frozen=True)
class Span:
    """A quantity that is not known in advance.

    Attributes:
        fewest: with as few epochs as there can be.
        most: with as many.
        expected: with as many as finished trials had; None unless that is known of all.
    """

    fewest: float
    most: float
    expected: float | None


@dataclass(frozen=True)
class PlanCost:
    """What is left to pay.

    Attributes:
        num_trials: that are left and can be run: neither finished, nor failed, nor blocked.
        num_unknown: those of them whose time there is no telling of; they are in no sum.
        device: that they run on here.
        num_slots: how many run at once.
        wall_s: from start to end on this machine, s.
        device_hours: GPU-hours on a GPU, else CPU-hours, of all trials together.
        sources: how many trials by where their speed is from.
        disk: what they take.
        free_bytes: on the disk of the results.
    """

    num_trials: int
    num_unknown: int
    device: str
    num_slots: int
    wall_s: Span
    device_hours: Span
    sources: Mapping[str, int]
    disk: DiskNeed
    free_bytes: int


class Budget:
    """Counts the cost of selections on one machine and results folder, of which it reads once."""

    def __init__(
        self, store: ResultsStore, machine: Machine | None = None, num_gpus: int | None = None
    ) -> None:
        """Reads what was measured.

        Args:
            store: where.
            machine: to run on; this one if absent.
            num_gpus: counts for another machine, with so many of the GPUs that were measured on.

        Raises:
            ResultsError: a record or history cannot be read.
        """
        self._store, here = store, machine or this_machine()
        self._pace = Pace.read(store, here.device)
        imagined = None if num_gpus is None else Machine.imagined(num_gpus, self._pace.some_gpu())
        self._machine = imagined or here
        self._sizes = SizeCache()

    def cost(self, trials: Sequence[Trial], resources: Resources, files: Mapping[str, Path]) -> PlanCost:
        """Returns the cost of `trials`, which are those that are left, each once.

        Args:
            trials: with those that they start from, as far as those are left.
            resources: what each takes.
            files: by digest, those that trials name.
        """
        machine = self._machine if resources.gpu != 0 else self._machine.without_gpus()
        use_gpu = machine.num_gpus > 0
        needs = {trial.id: needs_of(trial, resources, use_gpu=use_gpu) for trial in trials}
        num_slots = machine.num_slots(list(needs.values()))
        estimator = Estimator(self._pace, self._sizes, machine.device, files)
        found = {trial.id: estimator.of(trial, self._epochs_done(trial)) for trial in trials}
        costs = {key: cost for key, cost in found.items() if cost is not None}
        chains = [[one.id for one in (*trial.ancestors(), trial)] for trial in trials]
        amount = {key: need["gpu" if use_gpu else "cpu"] for key, need in needs.items()}
        return PlanCost(
            num_trials=len(trials),
            num_unknown=len(trials) - len(costs),
            device=machine.device,
            num_slots=num_slots,
            wall_s=_wall(costs, chains, num_slots),
            device_hours=_device_hours(costs, amount),
            sources=Counter(cost.source for cost in costs.values()),
            disk=disk_need(trials, num_slots, self._sizes, self._pace, self._store, files),
            free_bytes=free_bytes(self._store.root),
        )

    def _epochs_done(self, trial: Trial) -> int:
        """Returns the epochs of an interrupted or running trial."""
        folder = self._store.folder(trial.id)
        if not any(path.exists() for path in folder.checkpoints):
            return 0
        try:
            return len(folder.read_history())
        except ResultsError:  # written anew after the next epoch
            return 0


def _wall(costs: Mapping[str, TrialCost], chains: Sequence[Sequence[str]], num_slots: int) -> Span:
    fewest = wall_s({key: cost.fewest_s for key, cost in costs.items()}, chains, num_slots)
    most = wall_s({key: cost.most_s for key, cost in costs.items()}, chains, num_slots)
    expected = _expected(costs)
    return Span(fewest, most, None if expected is None else wall_s(expected, chains, num_slots))


def _device_hours(costs: Mapping[str, TrialCost], amount: Mapping[str, float]) -> Span:
    def hours(seconds: Iterable[tuple[str, float]]) -> float:
        return sum(amount[key] * value for key, value in seconds) / 3600

    expected = _expected(costs)
    return Span(
        hours((key, cost.fewest_s) for key, cost in costs.items()),
        hours((key, cost.most_s) for key, cost in costs.items()),
        None if expected is None else hours(expected.items()),
    )


def _expected(costs: Mapping[str, TrialCost]) -> dict[str, float] | None:
    known = {key: cost.expected_s for key, cost in costs.items() if cost.expected_s is not None}
    return known if len(known) == len(costs) else None


def free_bytes(folder: Path) -> int:
    """Returns what is free on the disk that `folder` is on, or would be on."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free
