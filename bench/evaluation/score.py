"""Scores a trained model on a test split: one pass, in float32."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import nn

from bench.data.dataset import Dataset, ImageSet
from bench.data.feeding import evaluation_batches
from bench.evaluation.compact import compact_maps
from bench.evaluation.localize import localize
from bench.metrics.classification import auroc
from bench.metrics.localization import point_accuracy
from bench.metrics.overlap import is_hit
from bench.results.maps import Map
from bench.results.units import BOX_COLUMNS, FRAME_COLUMNS, UNIT_COLUMNS
from bench.suite.schema import Recipe


@dataclass(frozen=True)
class Scores:
    """What a test split says of a model.

    Attributes:
        metrics: ``point_accuracy/…``, ``iobb_accuracy/…`` and, of the model itself, ``auroc/…``, each
            weighted, macro and per finding.
        units: one row per unit, columns `UNIT_COLUMNS`.
        boxes: the units' boxes, columns `BOX_COLUMNS`, in px of the input, and the sizes of the images' own
            frames, columns `FRAME_COLUMNS`.
        notes: what a reader of the metrics should know.
    """

    metrics: dict[str, float]
    units: pd.DataFrame
    boxes: pd.DataFrame
    notes: tuple[str, ...]


@torch.no_grad()
def score(
    model: nn.Module,
    data: Dataset,
    recipe: Recipe,
    device: torch.device,
    on_progress: Callable[[int, int], None],
    keep: Callable[[Map], None] | None = None,
) -> Scores:
    """Returns AUROC over all test images and localization over those with boxes.

    The network runs in float32, whatever it was trained in. Heatmaps are reduced to peaks and overlap batch
    by batch.

    Args:
        model: on `device`.
        data: its test part is scored.
        recipe: batch size and normalisation.
        device: where to run.
        on_progress: told (done, total) test images.
        keep: given the heatmap of each unit, in the order of the table (see `bench.results.maps`).
    """
    model.eval()
    test = data.test
    logits, peaks = [], []
    size_px = test.pixels.shape[-1]
    for batch in evaluation_batches(test, recipe, device):
        output = model(batch.images)
        logits.append(output.logits.cpu().numpy())
        first, last = int(batch.indices[0]), int(batch.indices[-1])
        boxes = test.boxes[test.boxes["image_index"].between(first, last)]
        local = boxes.assign(image_index=boxes["image_index"] - first)
        found = localize(output.heatmaps, local, size_px)
        if keep is not None:
            for unit_map in compact_maps(output.heatmaps, found, local, size_px):
                keep(unit_map)
        peaks.append(found.assign(image_index=found["image_index"] + first))
        on_progress(last + 1, len(test))
    points = point_scores(pd.concat(peaks, ignore_index=True), test, data.findings)
    every = np.concatenate(logits)
    areas, left_out = auroc(every, test.labels, data.findings)
    metrics = points.metrics | {f"auroc/{name}": value for name, value in areas.items()}
    return replace(points, metrics=metrics, notes=(*_auroc_notes(every, left_out), *points.notes))


def point_scores(peaks: pd.DataFrame, test: ImageSet, findings: tuple[str, ...]) -> Scores:
    """Returns what the rows of all units of `test`, as `localize` makes them, say; no AUROC."""
    units = _named(peaks, test, findings)
    overlapping = units.assign(hit=is_hit(units["iobb"].to_numpy(), units["iou"].to_numpy()))
    accuracies = {"point_accuracy": units, "iobb_accuracy": overlapping}
    metrics = {
        f"{metric}/{name}": value
        for metric, hits in accuracies.items()
        for name, value in point_accuracy(hits, findings).items()
    }
    return Scores(metrics, units, _named_boxes(test, findings), _notes(units))


def _auroc_notes(logits: npt.NDArray[np.floating], left_out: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    if left_out:
        notes.append(f"AUROC undefined, left out of its means: {', '.join(left_out)}")
    broken = int(np.isnan(logits).sum())
    if broken:
        notes.append(f"{broken} of {logits.size} logits are not a number and count as wrong in AUROC")
    return tuple(notes)


def _named(units: pd.DataFrame, test: ImageSet, findings: tuple[str, ...]) -> pd.DataFrame:
    images = units["image_index"].to_numpy(int)
    named = units.assign(
        image=[test.names[i] for i in images],
        patient=[test.patients[i] for i in images],
        finding=[findings[c] for c in units["class_index"].astype(int)],
    )[list(UNIT_COLUMNS)]
    kinds = {"peak_row": "int32", "peak_column": "int32", "score": "float32", "num_ties": "int32"}
    return named.astype(kinds | {"finite": bool, "hit": bool, "iobb": "float64", "iou": "float64"})


def _named_boxes(test: ImageSet, findings: tuple[str, ...]) -> pd.DataFrame:
    return test.boxes.assign(
        image=[test.names[i] for i in test.boxes["image_index"]],
        finding=[findings[c] for c in test.boxes["class_index"]],
    )[[*BOX_COLUMNS, *FRAME_COLUMNS]]


def _notes(units: pd.DataFrame) -> tuple[str, ...]:
    notes = []
    broken = int((~units["finite"]).sum())
    if broken:
        notes.append(f"{broken} of {len(units)} heatmaps are not finite and count as misses")
    empty = int((units["score"] == 0).sum())
    if empty:
        notes.append(f"{empty} of {len(units)} heatmaps are zero everywhere and count as misses by overlap")
    tied = int((units["num_ties"] > 1).sum())
    if tied:
        notes.append(f"{tied} of {len(units)} peaks are ties; the first in row-major order was taken")
    return tuple(notes)
