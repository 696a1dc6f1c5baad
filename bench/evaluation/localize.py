"""Localization: where a heatmap peaks and whether that is inside a box, and how far its area is in the boxes.

Protocol (thesis §5.4, code): sigmoid in float32 on the low-resolution logits; bilinear up-sampling
(align_corners false) to the network's input size; the peak is the maximum, on a tie the first in row-major
order; above a logit of about 16.6 the float32 sigmoid is exactly 1, so ties are real and counted. A hit is a
peak inside any box of the finding on the image, edges included, boxes untruncated. The order matters: a
sigmoid after up-sampling, or aligned corners, changes hits. Overlap is that of the same up-sampled
probabilities, by the protocol of `bench.metrics.overlap`, counted in whole pixels.
"""

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.metrics.boxes import UNIT, inside
from bench.metrics.overlap import THRESHOLD, Rectangles, areas, levels, ratios, regions

_PIXELS_ON_CPU = 2**19
"""Of maps that are enlarged at a time: 2 MiB, which stay in a core's cache while they are reduced."""

_PIXELS_ON_DEVICE = 2**24
"""The same where calls are dear and memory is fast: 64 maps of 512 px are 64 MiB."""


@torch.no_grad()
def localize(
    heatmaps: Tensor,
    boxes: pd.DataFrame,
    size_px: int,
    *,
    are_probabilities: bool = False,
    threshold: float = THRESHOLD,
) -> pd.DataFrame:
    """Returns one row per unit, sorted by image_index and class_index. Only units' maps are enlarged.

    Columns: image_index, class_index, peak_row, peak_column (px, int), score (peak probability, float32),
    num_ties (pixels that share the maximum, 1 is no tie), finite (bool: all values of the map), hit (bool),
    iobb and iou (float64, of the pixels above `threshold`; see `bench.metrics.overlap`).
    A map that is not finite is a miss with peak −1, score NaN, no ties and no overlap.

    Args:
        heatmaps: float [n, c, h, w], on any device; logits.
        boxes: table of boxes (see `bench.metrics.boxes`) in the frame of size_px; several rows of one unit
            are alternatives for a peak, and one region for overlap.
        size_px: side of the network's square input, px.
        are_probabilities: the heatmaps are in [0, 1] already and are taken as they are, without a sigmoid.
        threshold: share of a map's maximum above which a pixel is predicted, in [0, 1).
    """
    units = boxes[UNIT].drop_duplicates().sort_values(UNIT).reset_index(drop=True)
    unit_of = np.asarray(boxes.groupby(UNIT).ngroup(), dtype=np.int64)
    sides = boxes[["x", "y", "w", "h"]].to_numpy(float)
    parts = regions(sides, unit_of, len(units), size_px)
    found = _reduced(heatmaps, units, size_px, are_probabilities, parts, threshold)
    peaks = found[["peak_row", "peak_column"]].to_numpy(float)[unit_of]
    is_hit = np.zeros(len(units), dtype=bool)
    is_hit[unit_of[inside(peaks[:, 0], peaks[:, 1], sides)]] = True
    iobb, iou = ratios(
        found.pop("num_both").to_numpy(np.int64),
        found.pop("num_predicted").to_numpy(np.int64),
        areas(parts).sum(axis=1),
    )
    return found.assign(hit=is_hit & found["finite"].to_numpy(bool), iobb=iobb, iou=iou)


@torch.no_grad()
def find_peaks(
    heatmaps: Tensor, units: pd.DataFrame, size_px: int, *, are_probabilities: bool = False
) -> pd.DataFrame:
    """Returns `units` with the columns of `localize` that need no box: peak, score, num_ties and finite.

    Args:
        heatmaps: see `localize`.
        units: columns image_index and class_index, each row once, numbered from 0.
        size_px: side of the network's square input, px.
        are_probabilities: see `localize`.
    """
    return _reduced(heatmaps, units, size_px, are_probabilities)


def enlarged(maps: Tensor, size_px: int) -> Tensor:
    """Returns maps [n, k, size_px, size_px] of maps [n, k, h, w]: what peaks are looked for in."""
    return F.interpolate(maps, size=(size_px, size_px), mode="bilinear", align_corners=False)


def _reduced(
    heatmaps: Tensor,
    units: pd.DataFrame,
    size_px: int,
    are_probabilities: bool,
    parts: Rectangles | None = None,
    threshold: float = THRESHOLD,
) -> pd.DataFrame:
    """Returns `units` with what each one's enlarged map is reduced to, some maps at a time.

    With `parts` [n, k, 4], the disjoint rectangles of each unit's boxes, pixels are counted too:
    num_predicted, and num_both, those of them that are in a box.
    """
    pixels = _PIXELS_ON_CPU if heatmaps.device.type == "cpu" else _PIXELS_ON_DEVICE
    size = max(pixels // size_px**2, 1)
    indices = torch.as_tensor(units[UNIT].to_numpy(np.int64, copy=True), device=heatmaps.device)
    chunks = []
    for first in range(0, max(len(units), 1), size):  # once for no units: their columns are wanted
        image, finding = indices[first : first + size].unbind(dim=1)
        maps = heatmaps[image, finding].float()
        finite = torch.isfinite(maps.flatten(1).abs().amax(dim=1))  # NaN is the maximum of any with it
        probabilities = maps if are_probabilities else torch.sigmoid(maps)
        large = enlarged(probabilities.unsqueeze(1), size_px).squeeze(1)
        found = _peaks(large, finite)
        if parts is not None:
            level = torch.as_tensor(levels(found["score"].cpu().numpy(), threshold), device=large.device)
            found |= _counts(large, level, parts[first : first + size])
        chunks.append(found)
    columns = {key: torch.cat([chunk[key] for chunk in chunks]).cpu().numpy() for key in chunks[0]}
    return units.assign(**columns)


def _peaks(large: Tensor, finite: Tensor) -> dict[str, Tensor]:
    """Returns peak, score and ties of maps [n, s, s]; rows are reduced first, which reads a map once."""
    of_rows = large.amax(dim=2)
    maximum = of_rows.amax(dim=1)
    has_peak = of_rows == maximum[:, None]
    row = _first(has_peak)
    own = torch.arange(len(large), device=large.device)
    column = _first(large[own, row] == maximum[:, None])
    unit, tied = has_peak.nonzero(as_tuple=True)
    ties = (large[unit, tied] == maximum[unit, None]).sum(dim=1)
    num_ties = torch.zeros_like(own).index_add_(0, unit, ties)
    return {
        "peak_row": torch.where(finite, row, -1),
        "peak_column": torch.where(finite, column, -1),
        "score": torch.where(finite, maximum, torch.nan),
        "num_ties": num_ties * finite,
        "finite": finite,
    }


def _first(is_true: Tensor) -> Tensor:
    """Returns [n] index of the first true of each row of bool [n, m]: stated for argmax of integers."""
    return is_true.to(torch.uint8).argmax(dim=1)


def _counts(large: Tensor, level: Tensor, parts: Rectangles) -> dict[str, Tensor]:
    """Returns [n] pixels above `level` [n] of maps [n, s, s], which are overwritten, and those in `parts`.

    Products of zeros and ones are sums of at most s² of them: exact in float32 up to 4096 px, in any order.
    """
    device, size_px = large.device, large.shape[-1]
    predicted = large.gt_(level[:, None, None])
    at = torch.arange(size_px, device=device)
    whole = torch.tensor([[0, 0, size_px, size_px]], device=device).expand(len(large), 1, 4)
    every = torch.cat([whole, torch.as_tensor(parts, device=device)], dim=1)
    top, left, bottom, right = every.unsqueeze(3).unbind(dim=2)
    in_rows, in_columns = (top <= at) & (at < bottom), (left <= at) & (at < right)
    per_column = in_rows.to(predicted.dtype) @ predicted
    counts = (per_column * in_columns).sum(dim=2).long()
    return {"num_predicted": counts[:, 0], "num_both": counts[:, 1:].sum(dim=1)}
