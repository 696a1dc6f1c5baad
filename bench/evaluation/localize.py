"""Point localization: where a heatmap peaks, and whether that is inside a box.

Protocol (thesis §5.4, code): sigmoid in float32 on the low-resolution logits; bilinear up-sampling
(align_corners false) to the network's input size; the peak is the maximum, on a tie the first in row-major
order; above a logit of about 16.6 the float32 sigmoid is exactly 1, so ties are real and counted. A hit is a
peak inside any box of the finding on the image, edges included, boxes untruncated. The order matters: a
sigmoid after up-sampling, or aligned corners, changes hits.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.metrics.boxes import UNIT, inside

_CHUNK = 64
"""Maps that are enlarged at a time: 64 of 512 px are 64 MiB."""


@torch.no_grad()
def localize(
    heatmaps: Tensor, boxes: pd.DataFrame, size_px: int, *, are_probabilities: bool = False
) -> pd.DataFrame:
    """Returns one row per unit, sorted by image_index and class_index.

    Columns: image_index, class_index, peak_row, peak_column (px, int), score (peak probability, float32),
    num_ties (pixels that share the maximum, 1 is no tie), finite (bool: all values of the map), hit (bool).
    A map that is not finite is a miss with peak −1, score NaN and no ties.

    Args:
        heatmaps: float [n, c, h, w], on any device; logits.
        boxes: table of boxes (see `bench.metrics.boxes`) in the frame of size_px; several rows of one unit
            are alternatives.
        size_px: side of the network's square input, px.
        are_probabilities: the heatmaps are in [0, 1] already and are taken as they are, without a sigmoid.
    """
    units = boxes[UNIT].drop_duplicates().sort_values(UNIT).reset_index(drop=True)
    units = find_peaks(heatmaps, units, size_px, are_probabilities=are_probabilities)
    pairs = boxes.merge(units, on=UNIT, how="left")
    pairs["hit"] = inside(
        pairs["peak_row"].to_numpy(float),
        pairs["peak_column"].to_numpy(float),
        pairs[["x", "y", "w", "h"]].to_numpy(float),
    ) & pairs["finite"].to_numpy(bool)
    hits = pairs.groupby(UNIT, as_index=False)["hit"].any()
    return units.merge(hits, on=UNIT, how="left")


@torch.no_grad()
def find_peaks(
    heatmaps: Tensor, units: pd.DataFrame, size_px: int, *, are_probabilities: bool = False
) -> pd.DataFrame:
    """Returns `units` with the columns of `localize` that need no box: all but hit.

    Args:
        heatmaps: see `localize`.
        units: columns image_index and class_index, each row once, numbered from 0.
        size_px: side of the network's square input, px.
        are_probabilities: see `localize`.
    """
    activation = torch.nn.Identity() if are_probabilities else torch.sigmoid
    peaks = [
        _peaks(heatmaps, units[i : i + _CHUNK], size_px, activation) for i in range(0, len(units), _CHUNK)
    ]
    columns = ("peak_row", "peak_column", "score", "num_ties", "finite")
    found = pd.concat(peaks, ignore_index=True) if peaks else pd.DataFrame(columns=list(columns))
    return pd.concat([units, found], axis=1)


def enlarged(maps: Tensor, size_px: int) -> Tensor:
    """Returns maps [n, k, size_px, size_px] of maps [n, k, h, w]: what peaks are looked for in."""
    return F.interpolate(maps, size=(size_px, size_px), mode="bilinear", align_corners=False)


def _peaks(
    heatmaps: Tensor, units: pd.DataFrame, size_px: int, activation: Callable[[Tensor], Tensor]
) -> pd.DataFrame:
    device = heatmaps.device
    image = torch.as_tensor(units["image_index"].to_numpy(np.int64, copy=True), device=device)
    finding = torch.as_tensor(units["class_index"].to_numpy(np.int64, copy=True), device=device)
    maps = heatmaps[image, finding].float().unsqueeze(1)
    finite = torch.isfinite(maps).flatten(1).all(dim=1)
    flat = enlarged(activation(maps), size_px).flatten(1)
    maximum = flat.amax(dim=1)
    is_peak = flat == maximum[:, None]
    first = is_peak.to(torch.uint8).argmax(dim=1)  # the first of equal maxima, stated for argmax of integers
    return pd.DataFrame(
        {
            "peak_row": torch.where(finite, first // size_px, -1).cpu().numpy(),
            "peak_column": torch.where(finite, first % size_px, -1).cpu().numpy(),
            "score": torch.where(finite, maximum, torch.nan).cpu().numpy(),
            "num_ties": (is_peak.sum(dim=1) * finite).cpu().numpy(),
            "finite": finite.cpu().numpy(),
        }
    )
