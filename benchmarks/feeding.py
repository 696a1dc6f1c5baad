"""Is data ever the bottleneck? Rendering and feeding against the training that they serve.

    python benchmarks/feeding.py

With one thread of arithmetic, for each resolution and two encoders under PYLON:

- rendered: phantoms drawn per second, once per trial;
- fed: augmented batches alone, images per second, in every epoch;
- trained: the same epoch with the training step;
- fed:trained: 10 means that feeding takes a tenth of a training epoch's time;
- ahead: training on batches that a thread makes ahead of their use, on a second core, against training that
  makes each batch when it needs it; 1.05 means that the thread makes training 5 % faster.

They run in turn; medians of rates, and of the ratios within a turn, are printed.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd
import torch
from timing import rates_in_turn, use_one_core

from bench.data.dataset import ImageSet
from bench.data.feeding import Batch, training_batches
from bench.data.phantom.render import render_phantom
from bench.data.prefetch import prefetched
from bench.metrics.regions import COLUMNS
from bench.models import build_model
from bench.suite.dataset_specs import PhantomSpec
from bench.suite.schema import Recipe
from bench.suite.trial import Trial

NUM_IMAGES = 64
NUM_TURNS = 5
SIZES_PX = (64, 128, 256)
ENCODERS = ("tu-test_resnet", "resnet18")


def rendered(size_px: int) -> ImageSet:
    """Returns NUM_IMAGES phantoms."""
    phantoms = [render_phantom(0, i, size_px) for i in range(NUM_IMAGES)]
    pixels, labels = (np.stack([getattr(p, key) for p in phantoms]) for key in ("image", "labels"))
    names = tuple(map(str, range(NUM_IMAGES)))
    return ImageSet(pixels, labels, names, names, pd.DataFrame(columns=list(COLUMNS)))


def trainer(encoder: str, num_classes: int) -> Callable[[Iterable[Batch]], None]:
    """Returns what trains PYLON on batches."""
    model = build_model("pylon", num_classes=num_classes, encoder=encoder)
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters())

    def train(batches: Iterable[Batch]) -> None:
        for batch in batches:
            logits = model(batch.images).logits
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, batch.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return train


def measure(size_px: int, encoder: str) -> None:
    """Prints a row."""
    images = rendered(size_px)
    trial = Trial(
        model="pylon",
        encoder=encoder,
        weights="none",
        dataset=PhantomSpec(),
        resolution=size_px,
        seed=0,
        recipe=Recipe(batch_size=8),
    )
    train = trainer(encoder, images.labels.shape[1])

    def epoch(turn: int) -> Iterator[Batch]:
        return training_batches(images, trial, turn, torch.device("cpu"))

    works = [
        lambda _: rendered(size_px),
        lambda turn: [None for _ in epoch(turn)],
        lambda turn: train(epoch(turn)),
        lambda turn: train(prefetched(epoch(turn), 2)),
    ]
    rates = rates_in_turn(works, [NUM_IMAGES] * len(works), NUM_TURNS)
    drawn, fed, trained, _ = np.median(rates, axis=0)
    share, ahead = np.median(rates[:, 1] / rates[:, 2]), np.median(rates[:, 3] / rates[:, 2])
    print(
        f"{size_px:<4} {encoder:<15} {drawn:>10.0f} {fed:>7.0f} {trained:>9.1f} {share:>12.0f} {ahead:>6.2f}"
    )


def main() -> None:
    """Prints the table."""
    use_one_core()
    print("px   encoder         rendered/s   fed/s trained/s  fed:trained  ahead")
    for size_px in SIZES_PX:
        for encoder in ENCODERS:
            measure(size_px, encoder)


if __name__ == "__main__":
    main()
