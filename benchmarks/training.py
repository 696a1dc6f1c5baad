"""What does the harness cost? Its training loop beside a bare loop and the authors' way, in one process.

    python benchmarks/training.py [--turns 7]

All train PYLON, some steps at a time, in turns:

- harness: as a trial trains, with its feed, deterministic algorithms, losses and progress;
- bare loop: forward, loss, backward, optimizer on one batch of noise that lies on the device; fused Adam, no
  determinism, no feed. Nothing that trains this network with torch's own operators is faster by much;
- authors' way: PNGs of 1024 px, decoded and augmented one by one in worker processes; mixed precision,
  channels first. Done kindly: files are in the page cache, and nothing waits for a loss.

Printed are the medians of images per second, and the median over turns of the harness' speed in units of each
other loop's. On a CPU one core trains; there the authors' way, whose workers would need others, is left out.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
import torch.utils.deterministic
from timing import processor, rates_in_turn
from torch import Tensor, nn

from bench.data.dataset import Dataset, ImageSet
from bench.metrics.regions import COLUMNS, FRAME
from bench.models import build_model
from bench.suite.dataset_specs import NihSpec
from bench.suite.schema import Recipe
from bench.suite.trial import Trial
from bench.training.determinism import fix_arithmetic, seed_everything
from bench.training.precision import choose_precision
from bench.training.session import Session

NUM_FINDINGS = 14
Loop = Callable[[int], None]
"""Trains so many steps more, and waits until the device has done them."""


@dataclass(frozen=True)
class Case:
    """What is trained.

    Attributes:
        size_px: side of the images.
        batch_size: images per step.
        encoder: of the network.
        model: a name of the catalog.
        options: of the model.
        recipe: settings of the recipe that are not the thesis'.
    """

    size_px: int
    batch_size: int
    encoder: str = "resnet50"
    model: str = "pylon"
    options: dict[str, object] = field(default_factory=dict)
    recipe: dict[str, object] = field(default_factory=dict)

    @property
    def trial(self) -> Trial:
        """The trial, of NIH ChestX-ray14."""
        return Trial(
            model=self.model,
            options=self.options,
            encoder=self.encoder,
            weights="none",
            dataset=NihSpec(),
            resolution=self.size_px,
            seed=0,
            recipe=Recipe(batch_size=self.batch_size, **self.recipe),
        )

    def network(self, device: torch.device, *, channels_last: bool = True) -> nn.Module:
        """Returns it as a trial has it before its first step."""
        seed_everything(0)
        trial = self.trial
        network = build_model(trial.model, num_classes=NUM_FINDINGS, encoder=trial.encoder, **trial.options)
        memory_format = torch.channels_last if channels_last else torch.contiguous_format
        return network.to(memory_format=memory_format).to(device)

    def data(self, num_train: int, num_val: int = 2, num_test: int = 2, num_boxes: int = 0) -> Dataset:
        """Returns images of noise, and of the test part as many with a box as asked for."""
        findings = tuple(f"finding {index}" for index in range(NUM_FINDINGS))
        train = _images(num_train, round(self.size_px * self.trial.dataset.oversize))
        parts = _images(num_val, self.size_px), _images(num_test, self.size_px, num_boxes)
        return Dataset(findings, train, *parts)


def _images(num: int, side_px: int, num_boxes: int = 0) -> ImageSet:
    """Returns images of smooth noise: some different ones, again and again."""
    random = np.random.default_rng(side_px)
    cells = random.integers(0, 256, (16, -(-side_px // 8), -(-side_px // 8)), dtype=np.uint8)
    different = cells.repeat(8, axis=1).repeat(8, axis=2)[:, :side_px, :side_px]
    pixels = different[np.arange(num) % len(different)]
    labels = random.integers(0, 2, (num, NUM_FINDINGS), dtype=np.uint8)
    with_box = np.sort(random.choice(num, num_boxes, replace=False))
    corner, size = random.uniform(0, side_px / 2, (2, num_boxes)), random.uniform(side_px / 20, side_px / 3)
    boxes = pd.DataFrame(
        [
            (image, index % 8, *corner[:, index], size, size, 1024, 1024)
            for index, image in enumerate(with_box)
        ],
        columns=[*COLUMNS, *FRAME],
    )
    names = tuple(map(str, range(num)))
    return ImageSet(pixels, labels, names, names, boxes)


def harness(case: Case, device: torch.device, most_steps: int) -> Loop:
    """Returns a trial's own training; `most_steps` is one more than will be asked for."""
    with _arithmetic(Settings(deterministic=True)):
        session = Session(case.network(device), case.data(most_steps * case.batch_size), case.trial, device)
    steps = session.steps()

    def train(num_steps: int) -> None:
        with _arithmetic(Settings(deterministic=True)):
            for _ in range(num_steps):
                next(steps)
            _wait_for(device)

    return train


@dataclass(frozen=True)
class Settings:
    """Settings of a bare loop; the defaults are the fastest without a compiler.

    Attributes:
        deterministic: as a trial sets it.
        fills: whether deterministic mode fills memory that is claimed, too; None is as a trial sets it.
        fused: the optimizer is one kernel.
        channels_last: memory format of images and convolutions.
        benchmark: cuDNN tries its algorithms and takes the fastest.
        compiled: by torch.compile.
    """

    deterministic: bool = False
    fills: bool | None = None
    fused: bool = True
    channels_last: bool = True
    benchmark: bool = False
    compiled: bool = False


def bare(case: Case, device: torch.device, settings: Settings = Settings()) -> Loop:
    """Returns the training of one batch of noise that lies on the device."""
    shape = (case.batch_size, 1, case.size_px, case.size_px)
    images = torch.randn(shape, device=device)
    labels = torch.randint(0, 2, (case.batch_size, NUM_FINDINGS), device=device).float()
    step = _step(case, device, settings)

    def train(num_steps: int) -> None:
        with _arithmetic(settings):
            for _ in range(num_steps):
                step(images, labels)
            _wait_for(device)

    return train


def authors_way(case: Case, device: torch.device, folder: Path, num_workers: int) -> Loop:
    """Returns training from PNGs in `folder`, which are drawn there, by a DataLoader's workers."""
    from from_files import endless_batches

    batches = endless_batches(folder, case.trial, NUM_FINDINGS, num_workers, pin_memory=device.type == "cuda")
    settings = Settings(fused=False, channels_last=False, benchmark=True)
    step = _step(case, device, settings)

    def train(num_steps: int) -> None:
        with _arithmetic(settings):
            for _ in range(num_steps):
                images, labels = next(batches)
                step(images.to(device, non_blocking=True), labels.to(device, non_blocking=True))
            _wait_for(device)

    return train


def _step(case: Case, device: torch.device, settings: Settings) -> Callable[[Tensor, Tensor], None]:
    """Returns one step as a notebook would hold it."""
    network = case.network(device, channels_last=settings.channels_last).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, fused=settings.fused)
    precision = choose_precision(case.trial.recipe, device)
    scaler = precision.scaler()
    forward = torch.compile(network, dynamic=False) if settings.compiled else network

    def step(images: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        with precision.autocast():
            logits = forward(images).logits
        loss = F.binary_cross_entropy_with_logits(logits.float(), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    return step


@contextmanager
def _arithmetic(settings: Settings) -> Iterator[None]:
    """Has the process' arithmetic so within the block, and that of a trial after it."""
    fix_arithmetic(torch.get_num_threads())
    fills = torch.utils.deterministic.fill_uninitialized_memory
    if not settings.deterministic:
        torch.use_deterministic_algorithms(mode=False)
    if settings.fills is not None:
        torch.utils.deterministic.fill_uninitialized_memory = settings.fills
    torch.backends.cudnn.benchmark = settings.benchmark
    try:
        yield
    finally:
        torch.utils.deterministic.fill_uninitialized_memory = fills
        fix_arithmetic(torch.get_num_threads())


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def speeds(
    loops: dict[str, Loop], case: Case, num_steps: int, num_turns: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Returns the images per second of each loop, and the speed of the first one in units of each.

    A turn is `num_steps` of each loop; one more turn warms up.
    """
    works = [lambda _, loop=loop: loop(num_steps) for loop in loops.values()]
    counts = [num_steps * case.batch_size] * len(works)
    rates = rates_in_turn(works, counts, num_turns)
    medians, ratios = np.median(rates, axis=0), np.median(rates[:, :1] / rates, axis=0)
    return dict(zip(loops, medians.tolist(), strict=True)), dict(zip(loops, ratios.tolist(), strict=True))


def compare(case: Case, device: torch.device, num_steps: int, num_turns: int) -> None:
    """Prints one line for each loop."""
    loops = {
        "harness": harness(case, device, (num_turns + 1) * num_steps + 1),
        "bare loop": bare(case, device),
    }
    with tempfile.TemporaryDirectory() as folder:
        if device.type == "cuda":
            workers = min(16, os.cpu_count() or 1)
            loops[f"authors' way, {workers} workers"] = authors_way(case, device, Path(folder), workers)
        rates, ratios = speeds(loops, case, num_steps, num_turns)
    print(f"{case.model}, {case.encoder}, {case.size_px} px, batch {case.batch_size}, {device.type}")
    for name, rate in rates.items():
        beside = "" if name == "harness" else f"   the harness has {ratios[name]:.3f} of its speed"
        print(f"  {name:<26}{rate:8.1f} images/s{beside}")


def main() -> None:
    """Prints all comparisons that this machine can make."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=7, help="turns that are measured")
    num_turns = parser.parse_args().turns
    torch.set_num_threads(1)
    print(f"{processor()}, torch {torch.__version__}, one thread")
    cpu = torch.device("cpu")
    compare(Case(64, 16, "tu-test_resnet"), cpu, 20, num_turns)
    compare(Case(64, 16, "resnet18"), cpu, 6, num_turns)
    if torch.cuda.is_available():
        for size_px in (256, 512):
            compare(Case(size_px, 64), torch.device("cuda"), 20, num_turns)


if __name__ == "__main__":
    main()
