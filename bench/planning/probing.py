"""The speed of training, from a few steps on random pixels: no data is needed, and no trial is touched."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import torch

from bench.data.dataset import Dataset, ImageSet
from bench.data.images.pixel_store import fits_on_device, pixel_store, room_on_gpu
from bench.errors import BenchError, LostGpuError
from bench.metrics.regions import COLUMNS
from bench.models import build_model
from bench.planning.cost import ImageCounts, image_counts
from bench.planning.speed import Probe, add_probe, read_probes, workload_of
from bench.results.record import now
from bench.results.store import ResultsStore
from bench.suite.trial import Trial
from bench.training.determinism import fix_arithmetic, seed_everything
from bench.training.device_errors import explaining_device_errors, forget_frames
from bench.training.memory import CONTEXT_BYTES, begin_trial
from bench.training.precision import device_name
from bench.training.session import Session

_NUM_CLASSES = 14

WARM_UP_STEPS = {"cpu": 2, "cuda": 10}
"""Not timed: memory is claimed, kernels are chosen or compiled."""

TIMED_STEPS = {"cpu": 5, "cuda": 20}
"""Steps that are timed unless asked otherwise."""


def workloads(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Returns one trial of each workload that is trained, in their order."""
    found: dict[str, Trial] = {}
    for trial in trials:
        if trial.subject is None:
            found.setdefault(workload_of(trial), trial)
    return tuple(found.values())


def probe_all(
    trials: Sequence[Trial],
    store: ResultsStore,
    files: Mapping[str, Path],
    *,
    num_steps: int,
    device: torch.device,
    gpu_share: float = 1.0,
) -> Iterator[tuple[Trial, Probe | BenchError]]:
    """Probes each of `trials`, writes the result and yields it, or yields the error.

    Args:
        trials: what to train.
        store: receives the results.
        files: by digest, those that trials name.
        num_steps: steps that are timed.
        device: where.
        gpu_share: of the GPU's memory that a trial may take.

    Raises:
        ResultsError: the file of probes cannot be read or written.
        LostGpuError: this process cannot use its GPU any more.
    """
    read_probes(store.root)  # before anything is probed that could not be written
    for trial in trials:
        counts = image_counts(trial.dataset, files)
        try:
            found = probe(trial, device, num_steps, counts=counts, gpu_share=gpu_share)
        except LostGpuError:
            raise
        except BenchError as error:
            forget_frames(
                error
            )  # whoever holds the error holds no model, which the next one needs the room of
            yield trial, error
            continue
        add_probe(store.root, found)
        yield trial, found


def probe(
    trial: Trial,
    device: torch.device,
    num_steps: int,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
    *,
    counts: ImageCounts | None = None,
    gpu_share: float = 1.0,
) -> Probe:
    """Returns how fast the trial's model trains on images as large and many as the trial's.

    Weights are random and there are 14 findings; neither moves speed much. Feeding and augmentation of images
    that are in memory count, decoding does not.

    Args:
        trial: what to train.
        device: where.
        num_steps: steps that are timed, after `WARM_UP_STEPS`.
        on_step: called with (done, total) after every step.
        counts: of the trial's images, which lie on a GPU if they fit; None if they are not known.
        gpu_share: of the GPU's memory that the trial may take.

    Raises:
        BenchError: the memory is too small, or training cannot go on.
    """
    fix_arithmetic(trial.recipe.num_threads)
    seed_everything(trial.seed)
    warm_up, ends_s, resident = WARM_UP_STEPS[device.type], [], []
    total = warm_up + num_steps
    data = _random_data(trial, total * trial.recipe.batch_size)
    options = {"num_classes": _NUM_CLASSES, "encoder": trial.encoder, "size_px": trial.resolution}
    with explaining_device_errors(trial, device):
        begin_trial(device, gpu_share)
        model = build_model(trial.model, **options, **trial.options)  # type: ignore[arg-type]
        if trial.recipe.channels_last:
            model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        session = Session(model.to(device), data, trial, device)
        for done, _ in enumerate(session.steps(), start=1):
            if done in (warm_up, total):
                _wait_for(device)
                ends_s.append(time.monotonic())
            resident.append(psutil.Process().memory_info().rss)
            on_step(done, total)
        memory = gpu_memory(trial, data.train, device, counts) if device.type == "cuda" else max(resident)
    return Probe(
        workload=workload_of(trial),
        device=device_name(device),
        images_per_s=round(num_steps * trial.recipe.batch_size / max(ends_s[1] - ends_s[0], 1e-9), 3),
        memory_bytes=memory,
        num_steps=num_steps,
        probed_at=now(),
    )


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def gpu_memory(trial: Trial, probed: ImageSet, device: torch.device, counts: ImageCounts | None) -> int:
    """Returns what a process that runs the trial takes of a GPU: its own pixels stand for the probe's."""
    pixels = pixel_store(probed, device).pixels
    own = pixels.nbytes if isinstance(pixels, torch.Tensor) else 0
    room = room_on_gpu(device) + own
    return torch.cuda.max_memory_allocated(device) - own + resident_bytes(trial, counts, room) + CONTEXT_BYTES


def resident_bytes(trial: Trial, counts: ImageCounts | None, room_bytes: int) -> int:
    """Returns how many bytes of the trial's pixels lie on a GPU that has room for so much; 0 if not known."""
    resident = 0
    sides_px = (_oversized(trial), trial.resolution, trial.resolution)
    for count, side_px in zip(counts or (), sides_px, strict=False):
        num_bytes = count * side_px**2
        if fits_on_device(num_bytes, room_bytes - resident):
            resident += num_bytes
    return resident


def _oversized(trial: Trial) -> int:
    return round(trial.resolution * trial.dataset.oversize)


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
    train = images(count, _oversized(trial))
    return Dataset(findings, train, images(2, side_px), images(2, side_px))
