"""Maps that do not depend on the image, and what each metric of maps makes of them.

- random: independent uniform values of 8 × 8 cells, the coarsest map that networks return for a square of
  256 px; each unit has one of `NUM_RANDOM` such maps, by fixed random numbers. Values of single pixels would
  be no fair control: of 65,536 of them one of the highest lies in any region;
- centre: a normal density around the middle, its standard deviation a fifth of the image's side;
- constant: the same around the best constant point;
- prior: the mean of the finding's regions in other patients. Without other patients it is the centre.

The last two are fitted on other patients, and their statistics are means over the same deals of folds.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.metrics.measure import MapMeasure, UnitMaps, as_columns, columns_of
from bench.metrics.regions import Floats, Integers, Patch, Regions

Map = npt.NDArray[np.float32]

NUM_RANDOM = 100
CELLS = 8
SIGMA = 0.2
"""Of the normal density, as a share of the image's side."""

_DECIMALS = 9
"""Of its values, so that it is the same whichever library computes an exponential."""


@dataclass(frozen=True)
class ControlMaps:
    """The maps of a control.

    Attributes:
        which: [deals, n] number of each unit's map.
        draw: returns a map by its number, [rows, columns].
    """

    which: Integers
    draw: Callable[[int], Map]


def random_maps(num_units: int, size_px: int) -> ControlMaps:
    """Returns uniform random maps."""
    generator = np.random.default_rng(0)
    cells = generator.random((NUM_RANDOM, CELLS, CELLS), dtype=np.float32)
    which = generator.integers(0, NUM_RANDOM, (1, num_units))
    places = np.arange(size_px) * CELLS // size_px
    return ControlMaps(which, lambda number: cells[number][np.ix_(places, places)])


def gaussian_maps(points: Floats, size_px: int) -> ControlMaps:
    """Returns normal densities around points [deals, n, 2], row and column."""
    distinct, which = np.unique(points.reshape(-1, 2), axis=0, return_inverse=True)
    return ControlMaps(which.reshape(points.shape[:2]), lambda number: gaussian(distinct[number], size_px))


def gaussian(point: Sequence[float] | Floats, size_px: int) -> Map:
    """Returns a normal density around (row, column), 1 at its highest."""
    at = np.arange(size_px)
    rows, columns = (np.exp(-np.square(at - place) / (2 * (SIGMA * size_px) ** 2)) for place in point)
    return np.outer(rows.round(_DECIMALS), columns.round(_DECIMALS)).astype(np.float32)


def prior_maps(finding_of: Integers, folds: Integers, regions: Regions) -> ControlMaps:
    """Returns the mean of the regions of the same finding in other folds.

    Args:
        finding_of: [n] finding of each unit.
        folds: [deals, n] fold of each unit's patient.
        regions: of the units.
    """
    which = np.zeros(folds.shape, dtype=np.int64)
    fitted: dict[tuple[int, bytes], int] = {}
    of_others: list[tuple[int, Integers]] = []
    members = {finding: np.flatnonzero(finding_of == finding) for finding in np.unique(finding_of).tolist()}
    for deal, own_folds in enumerate(folds):
        for finding, units in members.items():
            for fold in np.unique(own_folds[units]):
                own = units[own_folds[units] == fold]
                number = fitted.setdefault((finding, own.tobytes()), len(fitted))
                if number == len(of_others):
                    of_others.append((finding, own))
                which[deal, own] = number
    patches = regions.covered
    depths = {finding: depth_of(units, patches, regions.shape) for finding, units in members.items()}

    def draw(number: int) -> Map:
        finding, own = of_others[number]
        num_others = len(members[finding]) - len(own)
        if num_others == 0:
            middle = (regions.shape[0] - 1) / 2
            return gaussian((middle, middle), regions.shape[0])
        depth = depths[finding] - depth_of(own, patches, regions.shape)
        return (depth / num_others).astype(np.float32)

    return ControlMaps(which, draw)


def depth_of(units: Integers, patches: Sequence[Patch], shape: tuple[int, int]) -> Integers:
    """Returns of how many of the units' patches each pixel is, [rows, columns]."""
    depth = np.zeros(shape, dtype=np.int64)
    for patch in (patches[unit] for unit in units.tolist()):
        depth[patch.place] += patch.pixels
    return depth


def statistics_of(
    maps: ControlMaps, names: pd.DataFrame, regions: Regions, measures: Mapping[str, MapMeasure]
) -> dict[str, Floats]:
    """Returns the statistic of each unit by each measure, [n, k], its mean over deals.

    Args:
        maps: of the control.
        names: n rows with image, patient and finding.
        regions: of the n units.
        measures: by name.
    """
    tables = list(_tables(maps, regions, measures.values()))
    of_deals = [pd.concat([names, table], axis=1) for table in tables]
    return {
        name: np.mean([measure.statistic(table) for table in of_deals], axis=0)
        for name, measure in measures.items()
    }


def _tables(maps: ControlMaps, regions: Regions, measures: Collection[MapMeasure]) -> Iterator[pd.DataFrame]:
    """Yields the columns of units by each deal. A unit and a map that meet in several are scored once."""
    num_units = maps.which.shape[1]
    pairs, row_of = np.unique(maps.which * num_units + np.arange(num_units), return_inverse=True)
    number, unit = np.divmod(pairs, num_units)
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    chunks = [
        _scored(maps.draw(int(number[own[0]])), regions[unit[own]], measures)
        for own in np.split(np.arange(len(pairs)), starts[1:])
    ]
    columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    for rows in row_of.reshape(maps.which.shape):
        yield pd.DataFrame(as_columns({name: own[rows] for name, own in columns.items()}))


def _scored(values: Map, regions: Regions, measures: Collection[MapMeasure]) -> dict[str, npt.NDArray[Any]]:
    """Returns the peak and the columns of the units of these regions, which share a map."""
    num_units, first = len(regions), int(values.argmax())
    row, column = divmod(first, values.shape[1])
    peaks = {
        "peak_row": np.full(num_units, row),
        "peak_column": np.full(num_units, column),
        "score": np.full(num_units, values[row, column]),
        "num_ties": np.full(num_units, np.count_nonzero(values == values[row, column])),
        "finite": np.ones(num_units, dtype=bool),
    }
    shared = np.broadcast_to(values, (num_units, *values.shape))
    return columns_of(UnitMaps(shared, peaks, regions, regions.protocol), measures)
