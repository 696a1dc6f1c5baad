"""The phantom data set: rendered into memory when a trial starts."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.data.dataset import DataContext, Dataset, ImageSet
from bench.data.images.image_sizes import Sizes
from bench.data.phantom.populations import POPULATIONS, PopulationName
from bench.data.phantom.render import phantom_truth, render_phantom
from bench.data.sources.source import Source
from bench.metrics.boxes import COLUMNS
from bench.suite.schema import PhantomSpec

_PART_OFFSET = 10_000_000
"""Parts draw from disjoint ranges of indices, so that the size of one does not move another."""


def load_phantom(spec: PhantomSpec, resolution: int, context: DataContext) -> Dataset:
    """Returns phantoms for square inputs of `resolution` px; each is a patient of its own."""
    side, limit = round(resolution * spec.oversize), context.limit_images
    if limit is not None:
        counts = {"train": spec.train, "val": spec.val, "test": spec.test}
        spec = spec.model_copy(update={part: min(count, limit) for part, count in counts.items()})
    return Dataset(
        findings=POPULATIONS[spec.findings].findings,
        train=_render("train", 0, spec.train, side, spec, context),
        val=_render("val", 1, spec.val, resolution, spec, context),
        test=_render("test", 2, spec.test, resolution, spec, context),
    )


def read_phantom(spec: PhantomSpec, _context: DataContext) -> Source:
    """Returns what is known before a phantom is rendered; boxes are in shares of the image."""
    counts = {"train": spec.train, "val": spec.val, "test": spec.test}
    parts = {part: _names(part, count) for part, count in counts.items()}
    indices = {
        name: position * _PART_OFFSET + i
        for position, names in enumerate(parts.values())
        for i, name in enumerate(names)
    }
    findings = POPULATIONS[spec.findings].findings
    truths = {name: phantom_truth(spec.seed, index, 1, spec.findings) for name, index in indices.items()}
    boxes = pd.DataFrame(
        [
            (name, findings[box.finding_index], box.x, box.y, box.w, box.h)
            for name, truth in truths.items()
            for box in truth.boxes
        ],
        columns=["image", "finding", "x", "y", "w", "h"],
    )
    labels = np.stack([truth.labels for truth in truths.values()])
    return Source(
        name="phantom",
        root=Path(),
        findings=findings,
        parts=parts,
        files={},
        labels=pd.DataFrame(labels, index=list(indices), columns=list(findings)),
        patients=pd.Series(list(indices), index=list(indices)),
        boxes=boxes,
        frames=_unit_frames,
        draw=partial(_draw, spec.seed, spec.findings, indices),
    )


def _draw(
    seed: int, population: PopulationName, indices: Mapping[str, int], name: str, side_px: int
) -> npt.NDArray[np.uint8]:
    return render_phantom(seed, indices[name], side_px, population).image


def _unit_frames(names: Sequence[str], _sizes: Sizes) -> pd.DataFrame:
    return pd.DataFrame({"rows": 1.0, "columns": 1.0}, index=list(names))


def _names(part: str, count: int) -> tuple[str, ...]:
    return tuple(f"{part}-{i:06d}" for i in range(count))


def _render(
    part: str, position: int, count: int, side_px: int, spec: PhantomSpec, context: DataContext
) -> ImageSet:
    pixels = np.empty((count, side_px, side_px), dtype=np.uint8)
    labels = np.empty((count, len(POPULATIONS[spec.findings].findings)), dtype=np.uint8)
    boxes: list[tuple[float, ...]] = []
    for i in range(count):
        phantom = render_phantom(spec.seed, position * _PART_OFFSET + i, side_px, spec.findings)
        pixels[i], labels[i] = phantom.image, phantom.labels
        boxes += [(i, box.finding_index, box.x, box.y, box.w, box.h) for box in phantom.boxes]
        if context.on_progress and (i % 200 == 199 or i == count - 1):
            context.on_progress(f"render {part}", i + 1, count)
    names = _names(part, count)
    table = pd.DataFrame(boxes, columns=list(COLUMNS)).astype({"image_index": int, "class_index": int})
    table = table.assign(
        width_px=float(side_px), height_px=float(side_px)
    )  # phantoms have no size of their own
    return ImageSet(pixels, labels, names, names, table)
