"""What does the harness cost? Its training loop against the same steps written plainly, in one process.

    python benchmarks/training.py [--repeats 7]

The plain loop is what a notebook would hold: batches of the same feed, forward, loss, backward, Adam; no
checkpoints, losses or progress. Both train the same model on the same images, one epoch at a time, in turns;
printed are the medians of images per second, and the median over turns of the harness' share of the plain
loop's speed (1 is no cost).

Where CUDA is there, PYLON on ResNet-50 with batches of 64 too: the harness as the thesis' recipe trains
(mixed precision, channels last) at 256 and 512 px, beside a loop in float32 and channels first that takes
each image from a PNG in memory.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from bench.data.augment import augment, draw_parameters
from bench.data.dataset import DataContext, Dataset, ImageSet
from bench.data.feeding import training_batches
from bench.data.loading import load_dataset
from bench.models import build_model
from bench.suite.schema import PhantomSpec, Recipe
from bench.suite.trial import Trial
from bench.training.determinism import fix_arithmetic
from bench.training.precision import choose_precision
from bench.training.session import Session

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
        encoder: of PYLON.
        size_px: side of the images.
        batch_size: images per step.
        num_images: per epoch.
    """

    encoder: str
    size_px: int
    batch_size: int
    num_images: int

    def trial(self) -> Trial:
        """Returns the trial; with the thesis' recipe but for the batch."""
        return Trial(
            model="pylon",
            encoder=self.encoder,
            weights="none",
            dataset=PhantomSpec(train=self.num_images, val=2, test=2),
            resolution=self.size_px,
            seed=0,
            recipe=Recipe(batch_size=self.batch_size),
        )

    def model(self, device: torch.device, *, channels_last: bool) -> nn.Module:
        """Returns a fresh model on `device`."""
        torch.manual_seed(0)
        model = build_model("pylon", num_classes=8, encoder=self.encoder).to(device)
        return model.to(memory_format=torch.channels_last) if channels_last else model


def harness(case: Case, data: Dataset, device: torch.device) -> Callable[[], None]:
    """Returns what trains one epoch by the harness, validation left out."""
    session = Session(case.model(device, channels_last=True), data, case.trial(), device)

    def epoch() -> None:
        for _ in session.steps():
            pass
        session.look_at_losses()
        session.losses.num_steps = 0  # the same epoch again

    return epoch


def plain(case: Case, data: Dataset, device: torch.device, *, lean: bool) -> Callable[[], None]:
    """Returns what trains one epoch by hand.

    Args:
        case: model and batches.
        data: its images.
        device: where to train.
        lean: with the harness' precision, memory format and feed; or float32, channels first, from PNG.
    """
    trial = case.trial()
    model = case.model(device, channels_last=lean).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=trial.recipe.learning_rate)
    precision = choose_precision(trial.recipe if lean else Recipe(precision="float32"), device)
    scaler = precision.scaler()
    files = [] if lean else [cv2.imencode(".png", image)[1] for image in data.train.pixels]

    def batches() -> Batches:
        if lean:
            return ((b.images, b.labels) for b in training_batches(data.train, trial, 1, device))
        return from_png(files, data.train, trial, device)

    def epoch() -> None:
        for images, labels in batches():
            with precision.autocast():
                logits = model(images).logits
            loss = F.binary_cross_entropy_with_logits(logits.float(), labels)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()

    return epoch


def from_png(files: list[np.ndarray], images: ImageSet, trial: Trial, device: torch.device) -> Batches:
    """Yields batches whose images are decoded one by one from PNG, channels first."""
    recipe = trial.recipe
    for start in range(0, len(files), recipe.batch_size):
        indices = np.arange(start, min(start + recipe.batch_size, len(files)))
        decoded = np.stack([cv2.imdecode(files[i], cv2.IMREAD_GRAYSCALE) for i in indices])
        parameters = draw_parameters(recipe.augmentation, trial.seed, 1, indices)
        pixels = augment(torch.from_numpy(decoded).to(device), parameters, trial.resolution)
        labels = torch.from_numpy(images.labels[indices].astype(np.float32)).to(device)
        yield (pixels / 255 - recipe.mean) / recipe.std, labels


def seconds(
    loops: list[Callable[[], None]], repeats: int, device: torch.device
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Returns the time of every epoch, [repeats, loops]; loops run in turns, after one turn to warm up."""
    times = np.zeros((repeats + 1, len(loops)))
    for turn in range(repeats + 1):
        for position in range(len(loops)):
            index = (position + turn) % len(loops)  # none is always the first
            started = time.perf_counter()
            loops[index]()
            if device.type == "cuda":
                torch.cuda.synchronize()
            times[turn, index] = time.perf_counter() - started
    return times[1:]


def compare(case: Case, device: torch.device, repeats: int) -> None:
    """Prints one line for each loop."""
    context = DataContext(None, None, {})  # type: ignore[arg-type]  # phantoms need no cache
    data = load_dataset(case.trial().dataset, case.size_px, context)
    names = ["harness", "plain loop", "plain, float32, from PNG"]
    loops = [harness(case, data, device), plain(case, data, device, lean=True)]
    if device.type == "cuda":
        loops.append(plain(case, data, device, lean=False))
    times = seconds(loops, repeats, device)
    shares = np.median(times / times[:, :1], axis=0)
    rates = case.num_images / np.median(times, axis=0)
    print(f"PYLON, {case.encoder}, {case.size_px} px, batch {case.batch_size}, {device.type}")
    for name, rate, share in zip(names, rates, shares, strict=False):
        beside = "" if name == "harness" else f"   the harness has {share:.3f} of its speed"
        print(f"  {name:<26}{rate:8.1f} images/s{beside}")


def main() -> None:
    """Prints all comparisons that this machine can make."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="epochs of each loop that are measured")
    repeats = parser.parse_args().repeats
    fix_arithmetic(1)
    cpu = torch.device("cpu")
    compare(Case("tu-test_resnet", 64, 16, 320), cpu, repeats)
    compare(Case("resnet18", 64, 16, 96), cpu, repeats)
    if torch.cuda.is_available():
        for size_px in (256, 512):
            compare(Case("resnet50", size_px, 64, 64 * 20), torch.device("cuda"), repeats)


if __name__ == "__main__":
    main()
