"""Scores heatmaps that were made elsewhere: one map for each unit, against boxes."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from bench.data.dataset import ImageSet
from bench.evaluation.localize import localize_units
from bench.evaluation.score import Scores, map_scores
from bench.metrics.boxes import UNIT


def score_maps(
    maps: npt.NDArray[np.floating],
    units: pd.DataFrame,
    boxes: pd.DataFrame,
    findings: tuple[str, ...],
    grid_px: int,
    *,
    are_probabilities: bool = True,
) -> Scores:
    """Returns what maps say by the protocol of trials, without a network.

    Args:
        maps: [n, h, w], of each unit one.
        units: n rows in the order of the maps: image, patient, finding; each unit once.
        boxes: image, finding, x, y, w, h in px of grid_px, and width_px and height_px, the sizes of the
            images' own frames; at least one of each unit, and of no other.
        findings: the order of the metrics.
        grid_px: side of the square that peaks are looked for in, px.
        are_probabilities: see `localize`.
    """
    images = units.drop_duplicates("image")
    image_of = {name: i for i, name in enumerate(images["image"])}
    class_of = {name: i for i, name in enumerate(findings)}

    def numbered(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(
            image_index=table["image"].map(image_of), class_index=table["finding"].map(class_of)
        )

    scored = ImageSet(
        pixels=np.empty((len(images), 0, 0), np.uint8),  # what is scored here was seen elsewhere
        labels=np.empty((len(images), 0), np.uint8),
        names=tuple(images["image"]),
        patients=tuple(images["patient"]),
        boxes=numbered(boxes),
    )
    found = localize_units(
        torch.from_numpy(np.asarray(maps, np.float32)),
        numbered(units)[UNIT],
        scored.boxes,
        grid_px,
        are_probabilities=are_probabilities,
    )
    return map_scores(found.sort_values(UNIT, ignore_index=True), scored, findings)
