"""The cores and GPUs of this machine, found without torch or Ray, and how many trials fit at once."""

import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bench.planning.installed_gpus import installed_gpus, shown, visible_words
from bench.suite.schema import Resources
from bench.suite.trial import Trial

Needs = Mapping[str, float]
"""Resources that a trial takes of a node, or that a node has: ``cpu`` and ``gpu``, fractions allowed."""

CPU = "cpu"


@dataclass(frozen=True)
class Machine:
    """Cores and GPUs that a run may use.

    Attributes:
        device: the name of the first GPU, or cpu.
        num_cpus: cores.
        num_gpus: GPUs.
    """

    device: str
    num_cpus: int
    num_gpus: int

    @property
    def node(self) -> Needs:
        """Its resources."""
        return {"cpu": self.num_cpus, "gpu": self.num_gpus}


def this_machine() -> Machine:
    """Returns the cores of this process, and the GPUs that CUDA shows it, even if torch cannot use them."""
    names = [gpu.name for gpu in shown(installed_gpus().chosen(visible_words()))]
    return Machine(names[0] if names else CPU, len(os.sched_getaffinity(0)), len(names))


def needs_of(trial: Trial, resources: Resources, *, use_gpu: bool) -> dict[str, float]:
    """Returns the cores ("cpu") and GPUs ("gpu") that the trial takes while it runs."""
    cpu = resources.cpu if resources.cpu is not None else trial.recipe.num_threads
    gpu = (resources.gpu if resources.gpu is not None else 1.0) if use_gpu else 0.0
    return {"cpu": cpu, "gpu": gpu}


def gpu_share(resources: Resources) -> float:
    """Returns the share of a GPU's memory that a trial may take: less than 1 where several share one."""
    return min(resources.gpu or 1.0, 1.0)


def num_slots(needs: Collection[Needs], nodes: Sequence[Needs]) -> int:
    """Returns how many of the trials can run at once on these nodes at most; one at least."""
    smallest = {name: min((need[name] for need in needs), default=0.0) for name in ("cpu", "gpu")}
    return max(1, sum(num_rooms(smallest, node) for node in nodes))


def num_rooms(need: Needs, node: Needs) -> int:
    """Returns how many trials with this need the node has room for; one if it needs nothing."""
    rooms = (node[name] / amount for name, amount in need.items() if amount)
    return math.floor(min(rooms, default=1) + 1e-6)
