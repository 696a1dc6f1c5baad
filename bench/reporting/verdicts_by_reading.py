"""Verdicts on a suite's claims by two readings of the same images, on the units that both have."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.metrics.measure import metrics_of
from bench.metrics.units import map_metrics
from bench.reporting.verdicts import ClaimVerdict, judge
from bench.results.grid_results import Results
from bench.suite.cam import CamMethod
from bench.suite.comparisons import StatedClaim
from bench.suite.grid import Point
from bench.suite.metrics import METRICS, Metric

Key = tuple[str, CamMethod]
"""A trial, and which of its maps."""


@dataclass(frozen=True)
class Reading:
    """Maps scored by one reading.

    Attributes:
        units: of each trial and map, as its own table has them.
        boxes: by trial, those that its units were scored with, as it keeps its own.
    """

    units: Mapping[Key, pd.DataFrame]
    boxes: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class ClaimByReading:
    """A claim with its verdicts.

    Attributes:
        own: by the boxes that the trials were scored with.
        other: by another annotation.
    """

    own: ClaimVerdict
    other: ClaimVerdict


class ReadResults(Results):
    """The results of trials, with the units of one reading in place of those that they keep."""

    def __init__(self, results: Results, reading: Reading, metrics: Collection[Metric]) -> None:
        """Takes points and records from `results`, and by the reading these metrics of units alone."""
        super().__init__(results.points, results.store)
        self._reading, self._asked = reading, metrics
        self._read: dict[Key, Mapping[str, float]] = {}

    def metrics(self, point: Point) -> Mapping[str, float]:
        """Returns those of units by the reading, and those of other tables as recorded; see `Results`."""
        if point.key not in self._read:
            self._read[point.key] = self._metrics(point)
        return self._read[point.key]

    def _metrics(self, point: Point) -> Mapping[str, float]:
        recorded = super().metrics(point)
        of_units = tuple(f"{metric.name}/" for metric in map_metrics())
        found = {name: value for name, value in recorded.items() if not name.startswith(of_units)}
        units = self._reading.units.get(point.key)
        if not recorded or units is None:
            return found
        return found | metrics_of(self._asked, units, tuple(dict.fromkeys(units["finding"])))

    def has_units(self, point: Point, metric: Metric | None = None) -> bool:
        """See `Results`."""
        if metric is not None and metric.table != "units":
            return super().has_units(point, metric)
        return point.key in self._reading.units

    def units_of(self, point: Point, metric: Metric | None = None) -> pd.DataFrame:
        """See `Results`."""
        if metric is not None and metric.table != "units":
            return super().units_of(point, metric)
        return self._reading.units[point.key]

    def boxes_of(self, trial_id: str) -> pd.DataFrame:
        """See `Results`."""
        return self._reading.boxes[trial_id]


def judge_by_readings(
    claims: Sequence[StatedClaim], results: Results, own: Reading, other: Reading
) -> tuple[ClaimByReading, ...]:
    """Returns the verdicts by both readings on the claims about units; all images are not read twice.

    Args:
        claims: all of a suite's, since their comparisons count together.
        results: those of the suite.
        own: the units of the trials' own boxes that the other reading has, too.
        other: the same units by the other reading.

    Raises:
        ResultsError: see `judge`.
    """
    named = (METRICS[claim.claim.metric] for claim in claims)
    asked = dict.fromkeys(metric for metric in named if metric.table == "units")
    verdicts = (judge(claims, ReadResults(results, reading, asked)) for reading in (own, other))
    return tuple(
        ClaimByReading(first, second)
        for first, second in zip(*verdicts, strict=True)
        if METRICS[first.stated.claim.metric] in asked
    )
