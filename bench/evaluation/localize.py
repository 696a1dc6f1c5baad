"""Localization: where a heatmap peaks and whether that is inside a box, and how far its area is in the boxes.

Protocol (thesis §5.4, code): sigmoid in float32 on the low-resolution logits; bilinear up-sampling
(align_corners false) to the network's input size; the peak is the maximum, on a tie the first in row-major
order; above a logit of about 16.6 the float32 sigmoid is exactly 1, so ties are real and counted. A hit is a
peak inside any box of the finding on the image, edges included, boxes untruncated. The order matters: a
sigmoid after up-sampling, or aligned corners, changes hits. Overlap is that of the same up-sampled
probabilities, by the protocol of `bench.metrics.overlap`, counted in whole pixels.

Each of these choices can be made otherwise: the same code, told another protocol (`bench.metrics.protocol`).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bench.evaluation.enlarge import enlarged, sigmoid
from bench.evaluation.ties import resolved
from bench.metrics.boxes import FRAME, UNIT
from bench.metrics.overlap import Rectangles, Shape, areas, levels, ratios, regions
from bench.metrics.protocol import THESIS, LocalizationProtocol
from bench.metrics.targets import Floats, Integers, Targets, targets

_PIXELS_ON_CPU = 2**19
"""Of maps that are enlarged at a time: 2 MiB, which stay in a core's cache while they are reduced."""

_PIXELS_ON_DEVICE = 2**24
"""The same where calls are dear and memory is fast: 64 maps of 512 px are 64 MiB."""

_DECIMALS = 9
"""Of px that boxes of another grid are rounded to: scaled there and back, an edge is where it was."""


@torch.no_grad()
def localize(
    heatmaps: Tensor,
    boxes: pd.DataFrame,
    size_px: int,
    *,
    are_probabilities: bool = False,
    protocol: LocalizationProtocol = THESIS,
) -> pd.DataFrame:
    """Returns one row per unit, sorted by image_index and class_index. Only units' maps are enlarged.

    Columns: image_index, class_index, peak_row, peak_column (px of the grid, int; of a mean position
    float64), score (peak probability, float32), num_ties (pixels that share the maximum, 1 is no tie), finite
    (bool: all values of the map), hit (bool; of a fraction of ties float64 in [0, 1]), iobb and iou (float64,
    of the pixels above the threshold; see `bench.metrics.overlap`).
    A map that is not finite is a miss with peak −1, score NaN, no ties and no overlap.

    Args:
        heatmaps: float [n, c, h, w], on any device; logits.
        boxes: table of boxes (see `bench.metrics.boxes`) in the frame of size_px; several rows of one unit
            are alternatives for a peak, and one region for overlap. With the sizes of the images' own frames
            if the protocol needs them.
        size_px: side of the network's square input, px.
        are_probabilities: the heatmaps are in [0, 1] already and are taken as they are, without a sigmoid.
        protocol: the grid, the peak and the hit that are meant.
    """
    units = boxes[UNIT].drop_duplicates().sort_values(UNIT).reset_index(drop=True)
    unit_of = np.asarray(boxes.groupby(UNIT).ngroup(), dtype=np.int64)
    frames = boxes.groupby(UNIT)[list(FRAME)].first().to_numpy(float) if protocol.needs_frames else None
    found = []
    for shape, members in _grids(protocol, size_px, len(units), frames).items():
        is_own = np.isin(unit_of, members)
        rows, columns = shape
        sides = boxes.loc[is_own, ["x", "y", "w", "h"]].to_numpy(float)
        if shape != (size_px, size_px):
            sides = np.round(sides * np.array([columns, rows, columns, rows]) / size_px, _DECIMALS)
        number_of = np.searchsorted(members, unit_of[is_own])
        pixels = np.ones((len(members), 2)) if frames is None else frames[members] / (columns, rows)
        aims = targets(sides, number_of, pixels, protocol)
        parts = regions(sides, number_of, len(members), shape)
        own = units.iloc[members]
        found.append(
            _scored(_reduced(heatmaps, own, shape, are_probabilities, protocol, aims, parts), aims, parts)
        )
    return pd.concat(found).sort_index()


def localize_units(
    maps: Tensor,
    units: pd.DataFrame,
    boxes: pd.DataFrame,
    size_px: int,
    *,
    are_probabilities: bool = False,
    protocol: LocalizationProtocol = THESIS,
) -> pd.DataFrame:
    """Returns rows as `localize` does, in the order of `units`.

    Args:
        maps: [n, h, w], one for each unit.
        units: n rows with columns image_index and class_index, each once.
        boxes: of these units, and maybe of others.
        size_px: see `localize`.
        are_probabilities: see `localize`.
        protocol: see `localize`.
    """
    numbered = boxes.merge(units[UNIT].assign(unit=range(len(units))), on=UNIT)
    own = numbered.assign(image_index=numbered["unit"], class_index=0)
    found = localize(maps.unsqueeze(1), own, size_px, are_probabilities=are_probabilities, protocol=protocol)
    return found.assign(**{column: units[column].to_numpy() for column in UNIT})


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
    return _reduced(heatmaps, units, (size_px, size_px), are_probabilities)


def _grids(
    protocol: LocalizationProtocol, size_px: int, num_units: int, frames: Floats | None
) -> Mapping[Shape, Integers]:
    """Returns the units, ascending, whose maps are enlarged to each of the shapes that there are."""
    if protocol.grid != "native" or num_units == 0:
        side = protocol.grid if isinstance(protocol.grid, int) else size_px
        return {(side, side): np.arange(num_units)}
    assert frames is not None
    width, height = np.rint(frames).astype(np.int64).T
    shapes, shape_of = np.unique(np.stack([height, width], axis=1), axis=0, return_inverse=True)
    numbers = shape_of.reshape(-1)  # of an extra axis in numpy 2.0
    return {
        (int(rows), int(columns)): np.flatnonzero(numbers == number)
        for number, (rows, columns) in enumerate(shapes)
    }


def _scored(found: pd.DataFrame, aims: Targets, parts: Rectangles) -> pd.DataFrame:
    """Returns the rows with hit, iobb and iou in the place of what they are computed from."""
    finite = found["finite"].to_numpy(bool)
    if "hit" in found:
        hit = found.pop("hit").to_numpy()
    else:
        rows, columns = (found[name].to_numpy() for name in ("peak_row", "peak_column"))
        hit = aims.hit(np.arange(len(found)), rows, columns) & finite
    iobb, iou = ratios(
        found.pop("num_both").to_numpy(np.int64),
        found.pop("num_predicted").to_numpy(np.int64),
        areas(parts).sum(axis=1),
    )
    return found.assign(hit=hit, iobb=iobb, iou=iou)


def _reduced(
    heatmaps: Tensor,
    units: pd.DataFrame,
    shape: Shape,
    are_probabilities: bool,
    protocol: LocalizationProtocol = THESIS,
    aims: Targets | None = None,
    parts: Rectangles | None = None,
) -> pd.DataFrame:
    """Returns `units` with what each one's map is reduced to once it is enlarged to `shape`, some at a time.

    With `aims` ties are resolved by the protocol's rule. With `parts` [n, k, 4], the disjoint rectangles of
    each unit's boxes, pixels are counted too: num_predicted, and num_both, those of them that are in a box.
    """
    pixels = _PIXELS_ON_CPU if heatmaps.device.type == "cpu" else _PIXELS_ON_DEVICE
    size = max(pixels // (shape[0] * shape[1]), 1)
    indices = torch.as_tensor(units[UNIT].to_numpy(np.int64, copy=True), device=heatmaps.device)
    chunks = []
    for first in range(0, max(len(units), 1), size):  # once for no units: their columns are wanted
        image, finding = indices[first : first + size].unbind(dim=1)
        maps = heatmaps[image, finding].float()
        finite = torch.isfinite(maps.flatten(1).abs().amax(dim=1))  # NaN is the maximum of any with it
        large = _probabilities(maps, shape, are_probabilities, protocol)
        found = _peaks(large, finite)
        if aims is not None and protocol.ties != "first":
            found |= resolved(large, found["score"], protocol.ties, aims, first)
        if parts is not None:
            level = torch.as_tensor(
                levels(found["score"].cpu().numpy(), protocol.threshold), device=large.device
            )
            found |= _counts(large, level, parts[first : first + size])
        chunks.append(found)
    columns = {key: torch.cat([chunk[key] for chunk in chunks]).cpu().numpy() for key in chunks[0]}
    return units.assign(**columns)


def _probabilities(
    maps: Tensor, shape: Shape, are_probabilities: bool, protocol: LocalizationProtocol
) -> Tensor:
    """Returns maps [n, rows, columns] that are the caller's own, of maps [n, h, w]."""
    is_before = protocol.sigmoid == "before" and not are_probabilities
    small = sigmoid(maps) if is_before else maps
    large = enlarged(small.unsqueeze(1), shape, align_corners=protocol.align_corners).squeeze(1)
    return sigmoid(large) if protocol.sigmoid == "after" and not are_probabilities else large


def _peaks(large: Tensor, finite: Tensor) -> dict[str, Tensor]:
    """Returns peak, score and ties of enlarged maps; rows are reduced first, which reads a map once."""
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
    """Returns [n] pixels above `level` [n] of enlarged maps, which are overwritten, and those in `parts`.

    Products of zeros and ones are sums of at most as many as a map has rows: exact in float32, in any order.
    """
    device, (num_rows, num_columns) = large.device, large.shape[1:]
    predicted = large.gt_(level[:, None, None])
    whole = torch.tensor([[0, 0, num_rows, num_columns]], device=device).expand(len(large), 1, 4)
    every = torch.cat([whole, torch.as_tensor(parts, device=device)], dim=1)
    top, left, bottom, right = every.unsqueeze(3).unbind(dim=2)
    row, column = torch.arange(num_rows, device=device), torch.arange(num_columns, device=device)
    in_rows, in_columns = (top <= row) & (row < bottom), (left <= column) & (column < right)
    per_column = in_rows.to(predicted.dtype) @ predicted
    counts = (per_column * in_columns).sum(dim=2, dtype=torch.float64).long()
    return {"num_predicted": counts[:, 0], "num_both": counts[:, 1:].sum(dim=1)}
