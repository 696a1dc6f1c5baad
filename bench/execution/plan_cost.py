"""The plan's cost: time, device-hours and disk of all that a selection still has to run."""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.part_sizes import part_sizes
from bench.execution.cost import Estimator, TrialCost, wall_s
from bench.execution.disk_need import DiskNeed, disk_need
from bench.execution.fleet import Fleet
from bench.execution.machine import CPU, Machine, needs_of, this_machine
from bench.execution.pace import Pace
from bench.execution.span import Span, total
from bench.results.model_sizes import SizeCache
from bench.results.store import ResultsStore
from bench.suite.schema import Resources
from bench.suite.trial import Trial


@dataclass(frozen=True)
class PlanCost:
    """What is left to pay.

    Attributes:
        num_trials: that are left and can be run: neither finished, nor failed, nor blocked.
        num_unknown: those of them whose time there is no telling of; they are in no sum.
        num_unknown_data: those of `num_unknown` whose data alone tell how many images they have.
        device: that they run on here.
        num_slots: how many run at once.
        wall_s: from start to end on this machine, s.
        device_hours: GPU-hours on a GPU, else CPU-hours, of all trials together.
        sources: how many trials by where their speed is from.
        epochs: how many trials by where their expected number of epochs is from.
        disk: what they take.
        free_bytes: on the disk of the results.
    """

    num_trials: int
    num_unknown: int
    num_unknown_data: int
    device: str
    num_slots: int
    wall_s: Span
    device_hours: Span
    sources: Mapping[str, int]
    epochs: Mapping[str, int]
    disk: DiskNeed
    free_bytes: int


class Budget:
    """Counts the cost of trials on one machine and results folder, of which it reads once."""

    def __init__(
        self,
        store: ResultsStore,
        machine: Machine | None = None,
        fleet: Fleet | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Reads what was measured.

        Args:
            store: where.
            machine: to run on; this one if absent.
            fleet: GPUs of another machine to count for.
            pace: what was measured, if that is known already.
        """
        self._store, here = store, machine or this_machine()
        self._pace = Pace.read(store, here.device) if pace is None else pace
        imagined = None if fleet is None else Machine.imagined(fleet.num_gpus, self._pace.gpu(fleet.kind))
        self._machine = imagined or here
        self._sizes = SizeCache()

    def trial_costs(
        self, trials: Sequence[Trial], files: Mapping[str, Path], *, use_gpu: bool
    ) -> dict[str, TrialCost]:
        """Returns by id what is left of the trials, without those of which there is no telling.

        Args:
            trials: not finished; of interrupted ones what they have done does not count.
            files: by digest, those that they name.
            use_gpu: they run on a GPU.
        """
        device = self._machine.device if self._machine.num_gpus else self._pace.gpu()
        estimator = Estimator(self._pace, self._sizes, device if use_gpu else CPU, files)
        found = {trial.id: estimator.of(trial, self._epochs_done(trial)) for trial in trials}
        return {key: cost for key, cost in found.items() if cost is not None}

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
        costs = self.trial_costs(trials, files, use_gpu=use_gpu)
        chains = [[one.id for one in (*trial.ancestors(), trial)] for trial in trials]
        amount = {key: need["gpu" if use_gpu else "cpu"] for key, need in needs.items()}
        return PlanCost(
            num_trials=len(trials),
            num_unknown=len(trials) - len(costs),
            num_unknown_data=sum(
                trial.id not in costs and part_sizes(trial.dataset, files) is None for trial in trials
            ),
            device=machine.device,
            num_slots=num_slots,
            wall_s=_wall(costs, chains, num_slots),
            device_hours=total(cost.left_s.times(amount[key] / 3600) for key, cost in costs.items()),
            sources=Counter(cost.speed for cost in costs.values()),
            epochs=Counter(cost.epochs for cost in costs.values()),
            disk=disk_need(trials, num_slots, self._sizes, self._pace, self._store, files),
            free_bytes=free_bytes(self._store.root),
        )

    def _epochs_done(self, trial: Trial) -> int:
        """Returns the epochs of an interrupted or running trial."""
        folder = self._store.folder(trial.id)
        if not any(path.exists() for path in folder.checkpoints):
            return 0
        return len(folder.epochs())


def _wall(costs: Mapping[str, TrialCost], chains: Sequence[Sequence[str]], num_slots: int) -> Span:
    def wall(of: Callable[[Span], float]) -> float:
        return wall_s({key: of(cost.left_s) for key, cost in costs.items()}, chains, num_slots)

    return Span(
        wall(lambda left: left.fewest), wall(lambda left: left.expected), wall(lambda left: left.most)
    )


def free_bytes(folder: Path) -> int:
    """Returns what is free on the disk that `folder` is on, or would be on."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free
