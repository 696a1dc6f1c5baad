"""Speeds that were probed on devices, in one file of the results folder.

results/probes.json   {"probes": […]}, one for each workload and device, the latest
"""

from pathlib import Path

from pydantic import ConfigDict

from bench.errors import ResultsError
from bench.results.stored import read_stored, write_stored
from bench.suite.frozen import Frozen


class Probe(Frozen):
    """How fast a few steps of training were; what a newer bench writes beside that is kept."""

    model_config = ConfigDict(extra="allow")

    workload: str
    """What decides it beside the device; see `bench.execution.pace.workload_of`."""
    device: str
    """The name of the GPU, or cpu."""
    images_per_s: float
    """Of training, without the first steps."""
    memory_bytes: int
    """Most that was in use: allocated on a GPU, else resident of the process."""
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
    found = read_stored(_path(root), _Probes, "list of probes", again, extra="allow")
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
    write_stored(_path(root), _Probes(probes=(*kept, probe)))


def _path(root: Path) -> Path:
    return root / "probes.json"
