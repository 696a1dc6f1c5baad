"""Is data ever the bottleneck? Rendering and feeding against the training step that they serve.

    python benchmarks/feeding.py

On one thread, in one run, for each resolution: phantoms rendered per second (once per trial), augmented
batches fed per second (every epoch), images trained on per second by the demo's encoder and by ResNet-18, and
the ratios of feeding to training. A ratio of 10 means that feeding an image takes a tenth of the time of
training on it.
"""

import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
import pandas as pd
import torch

from bench.data.dataset import ImageSet
from bench.data.feeding import training_batches
from bench.data.phantom import render_phantom
from bench.metrics.boxes import COLUMNS
from bench.models import build_model
from bench.suite.schema import PhantomSpec, Recipe
from bench.suite.trial import Trial

NUM_IMAGES = 64
REPEATS = 3


def images_per_s(work: Callable[[], object]) -> float:
    """Returns the median rate of three runs over NUM_IMAGES images, after one to warm up."""
    work()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return NUM_IMAGES / statistics.median(times)


def training_rate(encoder: str, size_px: int) -> float:
    """Returns images per second of PYLON's training step."""
    model = build_model("pylon", num_classes=8, encoder=encoder).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters())
    images = torch.randn(NUM_IMAGES, 1, size_px, size_px).contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(8, 8)

    def train() -> None:
        for batch in images.split(8):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(batch).logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return images_per_s(train)


def main() -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    encoders = ("tu-test_resnet", "resnet18")
    print("px   rendered/s   fed/s" + "".join(f"   {name}: trained/s   fed:trained" for name in encoders))
    for size_px in (64, 128, 256):
        phantoms = [render_phantom(0, i, size_px) for i in range(NUM_IMAGES)]
        rendered = images_per_s(lambda size=size_px: [render_phantom(0, i, size) for i in range(NUM_IMAGES)])
        names = tuple(map(str, range(NUM_IMAGES)))
        pixels, labels = (np.stack([getattr(p, key) for p in phantoms]) for key in ("image", "labels"))
        images = ImageSet(pixels, labels, names, names, pd.DataFrame(columns=list(COLUMNS)))
        trial = Trial(
            model="pylon",
            encoder="resnet18",
            weights="none",
            dataset=PhantomSpec(),
            resolution=size_px,
            seed=0,
            recipe=Recipe(batch_size=8),
        )
        fed = images_per_s(lambda s=images, t=trial: list(training_batches(s, t, 1, torch.device("cpu"))))
        rates = [training_rate(encoder, size_px) for encoder in encoders]
        columns = "".join(f"   {rate:>24.0f}   {fed / rate:>10.1f}x" for rate in rates)
        print(f"{size_px:<4} {rendered:>10.0f}   {fed:>5.0f}{columns}")


if __name__ == "__main__":
    main()
