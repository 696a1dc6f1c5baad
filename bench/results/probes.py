"""Speeds that were probed on devices, in one file of the results folder.

results/probes.json   {"probes": […]}, one for each workload and device, the latest
"""

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from bench.errors import ResultsError, brief
from bench.results.atomic import write_text
from bench.suite.frozen import Frozen


class Probe(Frozen):
    """How fast a few steps of training were."""

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
    probes: tuple[Probe, ...]


def read_probes(root: Path) -> tuple[Probe, ...]:
    """Returns the probes of a results folder; none if there is no file.

    Raises:
        ResultsError: the file cannot be read.
    """
    path = root / "probes.json"
    try:
        return _Probes.model_validate_json(path.read_bytes()).probes
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as error:
        raise ResultsError(
            f"{path}: not readable probes ({brief(error)}); move it away and probe again"
        ) from None


def add_probe(root: Path, probe: Probe) -> None:
    """Writes the probe beside the others; it replaces an earlier one of its workload and device.

    Raises:
        ResultsError: the file is there and cannot be read.
    """
    kept = [one for one in read_probes(root) if (one.workload, one.device) != (probe.workload, probe.device)]
    _write(root, [*kept, probe])


def _write(root: Path, probes: Iterable[Probe]) -> None:
    document = {"probes": [probe.model_dump() for probe in probes]}
    write_text(root / "probes.json", json.dumps(document, indent=2) + "\n")
