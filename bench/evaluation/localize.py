"""Localization: where heatmaps peak, and how each metric of maps scores a unit.

Protocol (thesis §5.4, code): sigmoid in float32 on the low-resolution logits; bilinear up-sampling
(align_corners false) to the network's input size; the peak is the maximum, on a tie the first in row-major
order; above a logit of about 16.6 the float32 sigmoid is exactly 1, so ties are real and counted. The order
matters: a sigmoid after up-sampling, or aligned corners, changes peaks. `bench.metrics.regions` defines
regions, and the file of each metric what it counts.

Each of these choices can be made otherwise: the same code takes another protocol (`bench.metrics.protocol`).
"""

from collections.abc import Collection, Iterator
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bench.evaluation.enlarge import enlarged, sigmoid
from bench.metrics.measure import UnitMaps, as_columns, columns_of
from bench.metrics.protocol import THESIS, LocalizationProtocol
from bench.metrics.regions import FRAME, UNIT, Regions, Shape, regions_of, units_of
from bench.metrics.units import PEAK_COLUMNS, map_measures
from bench.suite.metrics import Metric


def _resolved_ties(large: Tensor, maximum: Tensor, rule: Literal["last", "mean"]) -> dict[str, Tensor]:
    """Returns peak_row and peak_column [n] of the rule; −1 for a map of NaN.

    Args:
        large: [n, rows, columns] enlarged maps.
        maximum: [n] of each; NaN of one that is not finite.
        rule: the last of the pixels that share the maximum, in row-major order, or their mean position.
    """
    unit, row, column = (large == maximum[:, None, None]).nonzero(as_tuple=True)  # in row-major order
    counts = torch.bincount(unit, minlength=len(large))
    if rule == "last":
        last = (counts.cumsum(0) - 1).clamp(min=0)
        values = [torch.cat([index, index.new_full((1,), -1)])[last] for index in (row, column)]
    else:
        sums = [torch.bincount(unit, weights=i.double(), minlength=len(large)) for i in (row, column)]
        values = [total / counts for total in sums]
    return dict(
        zip(("peak_row", "peak_column"), (torch.where(counts > 0, v, -1) for v in values), strict=True)
    )


_PIXELS_ON_CPU = 2**19
"""Pixels of maps that are enlarged at a time: 2 MiB, which stay in a core's cache while they are reduced."""

_PIXELS_ON_DEVICE = 2**24
"""The same where calls are dear and memory is fast: 64 maps of 512 px are 64 MiB."""


@torch.no_grad()
def localize(
    heatmaps: Tensor,
    boxes: pd.DataFrame,
    size_px: int,
    *,
    are_probabilities: bool = False,
    protocol: LocalizationProtocol = THESIS,
    metrics: Collection[Metric] | None = None,
) -> pd.DataFrame:
    """Returns one row per unit, sorted by image_index and class_index. Only units' maps are enlarged.

    Columns: image_index, class_index, peak_row, peak_column (px of the grid, int; of a mean position
    float64), score (peak probability, float32), num_ties (pixels that share the maximum, 1 is no tie), finite
    (bool: all values of the map), then those of each metric of maps, see `bench.metrics.measure.MapMeasure`.
    A map that is not finite has peak −1, score NaN and no ties, and is a miss by every metric.

    Args:
        heatmaps: float [n, c, h, w], on any device; logits.
        boxes: table of boxes (see `bench.metrics.regions`) in the frame of size_px; several rows of one unit
            are one region. With the sizes of the images' own frames if the protocol needs them.
        size_px: side of the network's square input, px.
        are_probabilities: the heatmaps are in [0, 1] already and are taken as they are, without a sigmoid.
        protocol: choices of grid, peak and hit.
        metrics: those of maps whose columns are wanted; None is all of them.
    """
    found = []
    for shape, own in _grids(boxes, size_px, protocol):
        units = units_of(own)
        regions = regions_of(own, size_px, shape, protocol)
        found.append(_reduced(heatmaps, units, shape, are_probabilities, protocol, regions, metrics))
    return pd.concat(found).sort_values(UNIT, ignore_index=True)


def localize_units(
    maps: Tensor,
    units: pd.DataFrame,
    boxes: pd.DataFrame,
    size_px: int,
    *,
    are_probabilities: bool = False,
    protocol: LocalizationProtocol = THESIS,
    metrics: Collection[Metric] | None = None,
) -> pd.DataFrame:
    """Returns rows as `localize` does, in the order of `units`.

    Args:
        maps: [n, h, w], one for each unit.
        units: n rows with columns image_index and class_index, each once.
        boxes: of these units, and maybe of others.
        size_px: see `localize`.
        are_probabilities: see `localize`.
        protocol: see `localize`.
        metrics: see `localize`.
    """
    numbered = boxes.merge(units[UNIT].assign(unit=range(len(units))), on=UNIT)
    own = numbered.assign(image_index=numbered["unit"], class_index=0)
    found = localize(
        maps.unsqueeze(1),
        own,
        size_px,
        are_probabilities=are_probabilities,
        protocol=protocol,
        metrics=metrics,
    )
    return found.assign(**{column: units[column].to_numpy() for column in UNIT})


@torch.no_grad()
def find_peaks(
    heatmaps: Tensor, units: pd.DataFrame, size_px: int, *, are_probabilities: bool = False
) -> pd.DataFrame:
    """Returns `units` with the columns of `localize` that need no box: those of the peak.

    Args:
        heatmaps: see `localize`.
        units: columns image_index and class_index, each row once, numbered from 0.
        size_px: side of the network's square input, px.
        are_probabilities: see `localize`.
    """
    return _reduced(heatmaps, units, (size_px, size_px), are_probabilities, THESIS)


def _grids(
    boxes: pd.DataFrame, size_px: int, protocol: LocalizationProtocol
) -> Iterator[tuple[Shape, pd.DataFrame]]:
    """Yields the shapes that maps are enlarged to, each with the boxes of the units that are."""
    if protocol.grid != "native" or boxes.empty:
        side = protocol.grid if isinstance(protocol.grid, int) else size_px
        yield (side, side), boxes
        return
    sizes = np.rint(boxes[list(FRAME)].to_numpy(float)).astype(np.int64)
    for width, height in np.unique(sizes, axis=0).tolist():
        yield (height, width), boxes[(sizes == (width, height)).all(axis=1)]


def _reduced(
    heatmaps: Tensor,
    units: pd.DataFrame,
    shape: Shape,
    are_probabilities: bool,
    protocol: LocalizationProtocol,
    regions: Regions | None = None,
    metrics: Collection[Metric] | None = None,
) -> pd.DataFrame:
    """Returns `units` with the peak of each one's map once it is enlarged to `shape`, some at a time.

    With regions, those of the units, it returns the columns of the metrics, too; vectors as lists.
    """
    pixels = _PIXELS_ON_CPU if heatmaps.device.type == "cpu" else _PIXELS_ON_DEVICE
    size = max(pixels // (shape[0] * shape[1]), 1)
    indices = torch.as_tensor(units[UNIT].to_numpy(np.int64, copy=True), device=heatmaps.device)
    measures, chunks = map_measures(metrics).values(), []
    for first in range(0, max(len(units), 1), size):  # once for no units: their columns are wanted
        image, finding = indices[first : first + size].unbind(dim=1)
        maps = heatmaps[image, finding].float()
        finite = torch.isfinite(maps.flatten(1).abs().amax(dim=1))  # NaN is the maximum of any with it
        large = _probabilities(maps, shape, are_probabilities, protocol)
        peaks = _peaks(large, finite)
        if protocol.ties in ("last", "mean"):
            peaks |= _resolved_ties(large, peaks["score"], protocol.ties)
        found = {name: column.cpu().numpy() for name, column in peaks.items()}
        if regions is not None:
            if not found["finite"].all():
                large[~finite] = torch.nan
            own = regions[first : first + size]
            maps_of_units = UnitMaps(large.cpu().numpy(), found, own, protocol, maps.cpu().numpy())
            found = columns_of(maps_of_units, measures)
        chunks.append(found)
    columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    return units.assign(**as_columns(columns))


def _probabilities(
    maps: Tensor, shape: Shape, are_probabilities: bool, protocol: LocalizationProtocol
) -> Tensor:
    """Returns maps [n, rows, columns] that are the caller's own, of maps [n, h, w]."""
    is_before = protocol.sigmoid == "before" and not are_probabilities
    small = sigmoid(maps) if is_before else maps
    large = enlarged(small.unsqueeze(1), shape, align_corners=protocol.align_corners).squeeze(1)
    return sigmoid(large) if protocol.sigmoid == "after" and not are_probabilities else large


def _peaks(large: Tensor, finite: Tensor) -> dict[str, Tensor]:
    """Returns `PEAK_COLUMNS` of enlarged maps; rows are reduced first, which reads a map once."""
    of_rows = large.amax(dim=2)
    maximum = of_rows.amax(dim=1)
    has_peak = of_rows == maximum[:, None]
    row = _first(has_peak)
    own = torch.arange(len(large), device=large.device)
    column = _first(large[own, row] == maximum[:, None])
    unit, tied = has_peak.nonzero(as_tuple=True)
    ties = (large[unit, tied] == maximum[unit, None]).sum(dim=1)
    num_ties = torch.zeros_like(own).index_add_(0, unit, ties)
    score = torch.where(finite, maximum, torch.nan)
    places = (torch.where(finite, index, -1) for index in (row, column))
    return dict(zip(PEAK_COLUMNS, (*places, score, num_ties * finite, finite), strict=True))


def _first(is_true: Tensor) -> Tensor:
    """Returns [n] index of the first true of each row of bool [n, m]: stated for argmax of integers."""
    return is_true.to(torch.uint8).argmax(dim=1)
