"""The phantom data set: rendered into memory when a trial starts."""

import numpy as np
import pandas as pd

from bench.data.dataset import DataContext, Dataset, ImageSet
from bench.data.phantom import PHANTOM_FINDINGS, render_phantom
from bench.metrics.boxes import COLUMNS
from bench.suite.schema import PhantomSpec

_PART_OFFSET = 10_000_000
"""Parts draw from disjoint ranges of indices, so that the size of one does not move another."""


def load_phantom(spec: PhantomSpec, resolution: int, context: DataContext) -> Dataset:
    """Returns phantoms for square inputs of `resolution` px; each is a patient of its own."""
    side = round(resolution * spec.oversize)
    return Dataset(
        findings=PHANTOM_FINDINGS,
        train=_render("train", 0, spec.train, side, spec, context),
        val=_render("val", 1, spec.val, resolution, spec, context),
        test=_render("test", 2, spec.test, resolution, spec, context),
    )


def _render(
    part: str, position: int, count: int, side_px: int, spec: PhantomSpec, context: DataContext
) -> ImageSet:
    pixels = np.empty((count, side_px, side_px), dtype=np.uint8)
    labels = np.empty((count, len(PHANTOM_FINDINGS)), dtype=np.uint8)
    boxes: list[tuple[float, ...]] = []
    for i in range(count):
        phantom = render_phantom(spec.seed, position * _PART_OFFSET + i, side_px)
        pixels[i], labels[i] = phantom.image, phantom.labels
        boxes += [(i, box.finding_index, box.x, box.y, box.w, box.h) for box in phantom.boxes]
        if context.on_progress and (i % 200 == 199 or i == count - 1):
            context.on_progress(f"render {part}", i + 1, count)
    names = tuple(f"{part}-{i:06d}" for i in range(count))
    table = pd.DataFrame(boxes, columns=list(COLUMNS)).astype({"image_index": int, "class_index": int})
    return ImageSet(pixels, labels, names, names, table)
