"""Scores heatmaps that were made elsewhere: one map for each unit, against boxes."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from bench.data.dataset import ImageSet
from bench.evaluation.localize import localize
from bench.evaluation.score import Scores, point_scores
from bench.metrics.boxes import COLUMNS, UNIT


def score_maps(
    maps: npt.NDArray[np.floating],
    units: pd.DataFrame,
    boxes: pd.DataFrame,
    findings: tuple[str, ...],
    grid_px: int,
    *,
    are_probabilities: bool = True,
) -> Scores:
    """Returns point accuracy and overlap of maps by the protocol of trials, without a network.

    Args:
        maps: [n, h, w], of each unit one.
        units: n rows in the order of the maps: image, patient, finding; each unit once.
        boxes: image, finding, x, y, w, h in px of grid_px; at least one of each unit, and of no other.
        findings: the order of the metrics.
        grid_px: side of the square that peaks are looked for in, px.
        are_probabilities: see `localize`.
    """
    row_of = {unit: i for i, unit in enumerate(zip(units["image"], units["finding"], strict=True))}
    rows = [row_of[unit] for unit in zip(boxes["image"], boxes["finding"], strict=True)]
    by_row = boxes.assign(image_index=rows, class_index=0)[list(COLUMNS)]
    heatmaps = torch.from_numpy(np.asarray(maps, np.float32)).unsqueeze(1)
    found = localize(heatmaps, by_row, grid_px, are_probabilities=are_probabilities)
    images = units.drop_duplicates("image")
    image_index = units["image"].map({name: i for i, name in enumerate(images["image"])}).to_numpy()
    class_index = units["finding"].map({name: i for i, name in enumerate(findings)}).to_numpy()

    def named(table: pd.DataFrame) -> pd.DataFrame:
        """The table with the image and finding of each unit in place of its row."""
        row = table["image_index"].to_numpy(int)
        return table.assign(image_index=image_index[row], class_index=class_index[row])

    scored = ImageSet(
        pixels=np.empty((len(images), 0, 0), np.uint8),  # what is scored here was seen elsewhere
        labels=np.empty((len(images), 0), np.uint8),
        names=tuple(images["image"]),
        patients=tuple(images["patient"]),
        boxes=named(by_row),
    )
    return point_scores(named(found).sort_values(UNIT, ignore_index=True), scored, findings)
