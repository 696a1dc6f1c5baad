"""Probes every kind of training that trials need, one after the other."""

from collections.abc import Iterator, Sequence

import torch

from bench.errors import BenchError
from bench.execution.pace import workload_of
from bench.results.probes import Probe, add_probe, read_probes
from bench.results.record import now
from bench.results.store import ResultsStore
from bench.suite.trial import Trial
from bench.training.precision import device_name
from bench.training.probe import probe


def workloads(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Returns one trial of each workload, in their order."""
    found: dict[str, Trial] = {}
    for trial in trials:
        found.setdefault(workload_of(trial), trial)
    return tuple(found.values())


def probe_all(
    trials: Sequence[Trial], store: ResultsStore, *, num_steps: int, use_gpu: bool
) -> Iterator[tuple[Trial, Probe | BenchError]]:
    """Probes each of `trials`, writes what came out and yields it, or why nothing did.

    Raises:
        ResultsError: the file of probes cannot be read or written.
    """
    read_probes(store.root)  # before anything is probed that could not be written
    device = torch.device("cuda" if use_gpu else "cpu")
    for trial in trials:
        try:
            speed = probe(trial, device, num_steps)
        except BenchError as error:
            yield trial, error
            continue
        found = Probe(
            workload=workload_of(trial),
            device=device_name(device),
            images_per_s=round(speed.images_per_s, 3),
            memory_bytes=speed.memory_bytes,
            num_steps=num_steps,
            probed_at=now(),
        )
        add_probe(store.root, found)
        yield trial, found
