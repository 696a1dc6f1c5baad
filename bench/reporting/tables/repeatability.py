"""Repeatability of maps over seeds: how alike the maps of a unit are by models that differ in their seed.

Source: Arun 2021, Assessing the trustworthiness of saliency maps for localizing abnormalities in medical
imaging: there by SSIM of two models; here by Spearman's rank correlation of every two, beside what maps of
other images of the same finding have in common.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.metrics.sanity import SanityCheck, rank_correlations
from bench.reporting.tables.metric_rows import RowScores
from bench.results.units import UNIT_NAMES
from bench.statistics.scores import ColumnScores
from bench.statistics.unit_scores import scores_of_statistic
from bench.suite.metrics import WEIGHTED

_MEASURE = SanityCheck("repeatability")
_KEY = ["image", "finding"]


class Repeatability(NamedTuple):
    """Mean rank correlation of maps by two seeds, over units that have a partner.

    Attributes:
        same: of the same unit.
        other: of a unit and its partner, a unit of the same finding of another patient: what chance gives.
    """

    same: ColumnScores
    other: ColumnScores


def repeatability_of(row: RowScores) -> Repeatability | None:
    """Returns it for the units whose sanity was checked; None of one seed, without maps or any partner.

    Raises:
        ResultsError: maps or tables are damaged.
    """
    points = [point for point in row.scored if row.results.has_maps(point)]
    if len(points) < 2:
        return None
    names = row.results.units_of(points[0], row.metric)[list(UNIT_NAMES)]
    partners = partners_of(names)
    kept = np.flatnonzero(partners >= 0)
    if not len(kept):
        return None
    maps = []
    for point in points:
        numbered = row.results.units_of(point)[_KEY].reset_index(names="row")
        rows = names[_KEY].merge(numbered, how="left")["row"].astype(int).tolist()
        maps.append(np.stack(row.results.maps_of(point, rows)))
    pairs = list(combinations(maps, 2))
    same = [rank_correlations(one[kept], other[kept]) for one, other in pairs]
    others = [rank_correlations(one[kept], other[partners[kept]]) for one, other in pairs]
    ids = tuple(point.trial.id for point in points)
    return Repeatability(*(_scores(row.label, names.iloc[kept], found, ids) for found in (same, others)))


def partners_of(names: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Returns the place of each unit's partner, [n]; −1 where there is none.

    It is the next of the same finding, in a circle, that is of another patient.
    """
    found = np.full(len(names), -1)
    patients = names["patient"].to_numpy()
    for own in names.groupby("finding", observed=True).indices.values():
        for place, unit in enumerate(own):
            after = np.roll(own, -place)
            others = after[patients[after] != patients[unit]]
            if len(others):
                found[unit] = others[0]
    return found


def _scores(
    label: str, names: pd.DataFrame, found: Sequence[np.ndarray], ids: tuple[str, ...]
) -> ColumnScores:
    """Returns the mean over pairs of seeds as of a single seed; of maps that are not finite −1."""
    statistic = np.nan_to_num(np.stack(found), nan=-1.0).mean(axis=0)[:, None]
    units = scores_of_statistic(names, statistic, _MEASURE)
    return ColumnScores(label, {0: float(units.values(WEIGHTED)[0])}, ids, lambda: units)
