"""The speed of training, from a few steps on random pixels: no data is needed, and no trial is touched."""

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import psutil
import torch

from bench.data.dataset import Dataset, ImageSet
from bench.errors import BenchError
from bench.metrics.regions import COLUMNS
from bench.models import build_model
from bench.planning.speed import Probe, add_probe, read_probes, workload_of
from bench.results.record import now
from bench.results.store import ResultsStore
from bench.suite.trial import Trial
from bench.training.determinism import fix_arithmetic, seed_everything
from bench.training.device_errors import explaining_device_errors
from bench.training.precision import device_name
from bench.training.session import Session

_NUM_CLASSES = 14

WARM_UP_STEPS = 2
"""Not timed: memory is claimed, kernels are chosen or compiled."""


def workloads(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Returns one trial of each workload, in their order."""
    found: dict[str, Trial] = {}
    for trial in trials:
        found.setdefault(workload_of(trial), trial)
    return tuple(found.values())


def probe_all(
    trials: Sequence[Trial], store: ResultsStore, *, num_steps: int, use_gpu: bool
) -> Iterator[tuple[Trial, Probe | BenchError]]:
    """Probes each of `trials`, writes the result and yields it, or yields the error.

    Raises:
        ResultsError: the file of probes cannot be read or written.
    """
    read_probes(store.root)  # before anything is probed that could not be written
    device = torch.device("cuda" if use_gpu else "cpu")
    for trial in trials:
        try:
            found = probe(trial, device, num_steps)
        except BenchError as error:
            yield trial, error
            continue
        add_probe(store.root, found)
        yield trial, found


def probe(
    trial: Trial,
    device: torch.device,
    num_steps: int,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> Probe:
    """Returns how fast the trial's model trains on images as large and many as the trial's.

    Weights are random and there are 14 findings; neither moves speed much. Feeding and augmentation of images
    that are in memory count, decoding does not.

    Args:
        trial: what to train.
        device: where.
        num_steps: steps that are timed, after `WARM_UP_STEPS`.
        on_step: called with (done, total) after every step.

    Raises:
        BenchError: the memory is too small, or training cannot go on.
    """
    fix_arithmetic(trial.recipe.num_threads)
    seed_everything(trial.seed)
    total = WARM_UP_STEPS + num_steps
    data = _random_data(trial, total * trial.recipe.batch_size)
    is_cuda = device.type == "cuda"
    if is_cuda:
        torch.cuda.reset_peak_memory_stats(device)
    options = {"num_classes": _NUM_CLASSES, "encoder": trial.encoder, "encoder_weights": "none"}
    with explaining_device_errors(trial, device):
        model = build_model(trial.model, **options, **trial.options)  # type: ignore[arg-type]
        if trial.recipe.channels_last:
            model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        session = Session(model.to(device), data, trial, device)
        ends_s, resident = [], []
        for done, _ in enumerate(session.steps(), start=1):
            if is_cuda:
                torch.cuda.synchronize(device)
            ends_s.append(time.monotonic())
            resident.append(psutil.Process().memory_info().rss)
            on_step(done, total)
    timed_s = ends_s[-1] - ends_s[WARM_UP_STEPS - 1]
    memory = torch.cuda.max_memory_allocated(device) if is_cuda else max(resident)
    return Probe(
        workload=workload_of(trial),
        device=device_name(device),
        images_per_s=round(num_steps * trial.recipe.batch_size / max(timed_s, 1e-9), 3),
        memory_bytes=memory,
        num_steps=num_steps,
        probed_at=now(),
    )


def _random_data(trial: Trial, count: int) -> Dataset:
    """Returns training images of the trial's side before augmentation; two for validation and test."""
    generator = np.random.default_rng(trial.seed)

    def images(num: int, side_px: int) -> ImageSet:
        names = tuple(map(str, range(num)))
        pixels = generator.integers(0, 256, (num, side_px, side_px), dtype=np.uint8)
        labels = generator.integers(0, 2, (num, _NUM_CLASSES), dtype=np.uint8)
        return ImageSet(pixels, labels, names, names, pd.DataFrame(columns=list(COLUMNS)))

    side_px = trial.resolution
    findings = tuple(f"finding {index}" for index in range(_NUM_CLASSES))
    train = images(count, round(side_px * trial.dataset.oversize))
    return Dataset(findings, train, images(2, side_px), images(2, side_px))
