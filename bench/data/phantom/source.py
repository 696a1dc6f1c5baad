"""The phantom data set: rendered into memory when a trial starts."""

from pathlib import Path

import numpy as np
import pandas as pd

from bench.data.dataset import DataContext, Dataset, ImageSet
from bench.data.phantom.populations import POPULATIONS
from bench.data.phantom.render import phantom_truth, render_phantom
from bench.data.sources.source import DataSource, one_frame
from bench.data.sources.tables import SIDES
from bench.metrics.regions import COLUMNS
from bench.suite.dataset_specs import PhantomSpec

_PART_OFFSET = 10_000_000
"""Parts draw from disjoint ranges of indices, so that the size of one does not move another."""


def load_phantom(spec: PhantomSpec, resolution: int, context: DataContext) -> Dataset:
    """Returns phantoms for square inputs of `resolution` px; each is a patient of its own."""
    parts = _indices(spec, context.limit_images)
    side = round(resolution * spec.oversize)
    return Dataset(
        findings=POPULATIONS[spec.findings].findings,
        train=_render("train", parts["train"], side, spec, context),
        val=_render("val", parts["val"], resolution, spec, context),
        test=_render("test", parts["test"], resolution, spec, context),
    )


def read_phantom(spec: PhantomSpec, _context: DataContext) -> DataSource:
    """Returns what is known before a phantom is rendered; boxes are in shares of the image."""
    parts = _indices(spec)
    indices = {name: index for part in parts.values() for name, index in part.items()}
    findings = POPULATIONS[spec.findings].findings
    truths = {name: phantom_truth(spec.seed, index, 1, spec.findings) for name, index in indices.items()}
    boxes = [(name, findings[index], *box) for name, truth in truths.items() for index, *box in truth.boxes]
    labels = np.stack([truth.labels for truth in truths.values()])
    return DataSource(
        name="phantom",
        root=Path(),
        findings=findings,
        parts={part: tuple(names) for part, names in parts.items()},
        files={},
        labels=pd.DataFrame(labels, index=list(indices), columns=list(findings)),
        patients=pd.Series(list(indices), index=list(indices)),
        boxes=pd.DataFrame(boxes, columns=["image", "finding", *SIDES]),
        frames=lambda names, _sizes: one_frame(names, 1),
        draw=lambda name, side_px: render_phantom(spec.seed, indices[name], side_px, spec.findings).image,
    )


def _indices(spec: PhantomSpec, limit: int | None = None) -> dict[str, dict[str, int]]:
    """Returns by part the name and the index of each phantom, at most `limit` of a part."""
    counts = {"train": spec.train, "val": spec.val, "test": spec.test}
    return {
        part: {f"{part}-{i:06d}": position * _PART_OFFSET + i for i in range(count)[:limit]}
        for position, (part, count) in enumerate(counts.items())
    }


def _render(
    part: str, indices: dict[str, int], side_px: int, spec: PhantomSpec, context: DataContext
) -> ImageSet:
    count, names, on_progress = len(indices), tuple(indices), context.progress(f"render {part}")
    pixels = np.empty((count, side_px, side_px), dtype=np.uint8)
    labels = np.empty((count, len(POPULATIONS[spec.findings].findings)), dtype=np.uint8)
    boxes: list[tuple[float, ...]] = []
    for i, index in enumerate(indices.values()):
        phantom = render_phantom(spec.seed, index, side_px, spec.findings)
        pixels[i], labels[i] = phantom.image, phantom.labels
        boxes += [(i, *box) for box in phantom.boxes]
        if on_progress and (i % 200 == 199 or i == count - 1):
            on_progress(i + 1, count)
    table = pd.DataFrame(boxes, columns=list(COLUMNS)).astype({"image_index": int, "class_index": int})
    own_size = {"width_px": float(side_px), "height_px": float(side_px)}  # phantoms have no size of their own
    return ImageSet(pixels, labels, names, names, table.assign(**own_size))
