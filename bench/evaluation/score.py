"""SplitScores a trained model on a test split: one pass, in float32."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import nn

from bench.data.dataset import Dataset, ImageSet
from bench.data.feeding import evaluation_batches
from bench.evaluation.held_maps import HeldMaps
from bench.evaluation.kept_maxima import KeptMaxima
from bench.metrics.measure import metrics_of, notes_of
from bench.metrics.regions import MASK, units_of
from bench.metrics.units import map_metrics, maxima_metrics, model_metrics, unit_columns
from bench.results.units import BOX_COLUMNS, FRAME_COLUMNS, LOGIT_COLUMNS, NUM_MAXIMA, Map
from bench.suite.metrics import Metric
from bench.suite.schema import Recipe


@dataclass(frozen=True)
class SplitScores:
    """Metrics of a model, or of one of its maps, on a test split.

    Attributes:
        metrics: by the names that records have.
        units: what they are computed from: a row per unit, with `unit_columns` of a map, `LOGIT_COLUMNS` of a
            model, `MAXIMA_COLUMNS` of maxima.
        notes: sentences that a reader of the metrics should know.
    """

    metrics: dict[str, float]
    units: pd.DataFrame
    notes: tuple[str, ...]


class ModelScores(NamedTuple):
    """The scores of a model's logits, of its native maps of units, and of its maps' maxima in all images."""

    of_model: SplitScores
    of_map: SplitScores
    of_maxima: SplitScores


@torch.no_grad()
def score(
    model: nn.Module,
    data: Dataset,
    recipe: Recipe,
    device: torch.device,
    on_progress: Callable[[int, int], None],
    keep: Callable[[Map], None] | None = None,
) -> ModelScores:
    """Returns the scores of the model on all test images, and of its native map on those with boxes.

    The network runs in float32, whatever it was trained in. Of its heatmaps those of units are held, and
    reduced to peaks and columns of metrics many at a time; of all others local maxima are kept. No batch
    waits for the device.

    Args:
        model: on `device`.
        data: its test part is scored.
        recipe: batch size and normalisation.
        device: where to run.
        on_progress: called with (done, total) test images.
        keep: given the heatmap of each unit, in the order of the table (see `bench.results.maps`).
    """
    model.eval()
    test = data.test
    logits = []
    units = units_of(test.boxes)
    images = units["image_index"].to_numpy(np.int64)
    places = torch.as_tensor(units.to_numpy(np.int64, copy=True), device=device)
    maps, maxima = HeldMaps(test.boxes, test.pixels.shape[-1], keep), KeptMaxima()
    for batch in evaluation_batches(test, recipe, device):
        output = model(batch.images)
        logits.append(output.logits.float())
        maxima.add(output.heatmaps)
        first, last = int(batch.indices[0]), int(batch.indices[-1])
        own = slice(*np.searchsorted(images, (first, last + 1)))
        if own.start < own.stop:
            image, finding = places[own].unbind(dim=1)
            maps.add(output.heatmaps[image - first, finding], units[own])
        on_progress(last + 1, len(test))
    of_model = model_scores(torch.cat(logits).cpu().numpy(), test, data.findings)
    of_map = map_scores(maps.rows(), test, data.findings)
    found = maxima.table(of_model.units, test)
    return ModelScores(of_model, of_map, _scores(found, maxima_metrics(), data.findings, _cut_notes(found)))


def model_scores(logits: npt.NDArray[np.float32], test: ImageSet, findings: tuple[str, ...]) -> SplitScores:
    """Returns the scores of the logits [n, c] of all images of `test`."""
    columns = (
        np.repeat(np.array(test.names, object), len(findings)),
        np.repeat(np.array(test.patients, object), len(findings)),
        np.tile(np.array(findings, object), len(test)),
        test.labels.reshape(-1),
        logits.reshape(-1),
    )
    table = pd.DataFrame(dict(zip(LOGIT_COLUMNS, columns, strict=True)))
    return _scores(table, model_metrics(), findings, ())


def map_scores(peaks: pd.DataFrame, test: ImageSet, findings: tuple[str, ...]) -> SplitScores:
    """Returns the scores of the rows of all units of `test`, as `localize` makes them."""
    images = peaks["image_index"].to_numpy(int)
    named = peaks.assign(
        image=[test.names[i] for i in images],
        patient=[test.patients[i] for i in images],
        finding=[findings[c] for c in peaks["class_index"].astype(int)],
    )[list(unit_columns())]
    kinds = {"peak_row": "int32", "peak_column": "int32", "score": "float32", "num_ties": "int32"}
    return _scores(named.astype(kinds), map_metrics(), findings, _peak_notes(named))


def named_boxes(test: ImageSet, findings: tuple[str, ...]) -> pd.DataFrame:
    """Returns the boxes of `test` as a trial keeps them: in px of the input.

    Columns are `BOX_COLUMNS` and `FRAME_COLUMNS`; of a data set with masks mask, too.
    """
    columns = [*BOX_COLUMNS, *FRAME_COLUMNS, *([MASK] if MASK in test.boxes else [])]
    return test.boxes.assign(
        image=[test.names[i] for i in test.boxes["image_index"]],
        finding=[findings[c] for c in test.boxes["class_index"]],
    )[columns]


def _scores(
    table: pd.DataFrame, metrics: tuple[Metric, ...], findings: tuple[str, ...], notes: tuple[str, ...]
) -> SplitScores:
    values = metrics_of(metrics, table, findings)
    return SplitScores(values, table, (*notes_of(metrics, table, findings), *notes))


def _peak_notes(units: pd.DataFrame) -> tuple[str, ...]:
    notes = []
    broken = int((~units["finite"]).sum())
    if broken:
        notes.append(f"{broken} of {len(units)} heatmaps are not finite and count as misses")
    tied = int((units["num_ties"] > 1).sum())
    if tied:
        notes.append(f"{tied} of {len(units)} peaks are ties; the first in row-major order was taken")
    return tuple(notes)


def _cut_notes(maxima: pd.DataFrame) -> tuple[str, ...]:
    cut = int((maxima["num_maxima"] > NUM_MAXIMA).sum())
    if not cut:
        return ()
    kept = f"the {NUM_MAXIMA} highest are kept"
    return (f"{cut} of {len(maxima)} maps have more than {NUM_MAXIMA} local maxima; {kept}",)
