"""Controls: what each metric of maps gives without looking at the image, on the models' own boxes."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import pandas as pd

from bench.metrics.controls import ControlName, control_statistics
from bench.metrics.measure import measure_of
from bench.reporting.tables.table import Cell
from bench.statistics.multiplicity import holm
from bench.statistics.scores import ColumnScores
from bench.statistics.spread import ALPHA
from bench.statistics.unit_scores import UnitScores, scores_of_statistic
from bench.suite.metrics import AVERAGES, WEIGHTED, Metric, average_of

LABELS: dict[ControlName, str] = {
    "random": "Uniform random",
    "centre": "Image centre",
    "constant": "Best constant point",
    "prior": "Prior map",
}
CONSTANT = LABELS["constant"]


@dataclass(frozen=True, eq=False)
class Control:
    """A point or a map that does not depend on the image, scored by a metric.

    Attributes:
        name: which.
        units: its scores, as by a single seed.
    """

    name: ControlName
    units: UnitScores

    @property
    def label(self) -> str:
        """Its row."""
        return LABELS[self.name]

    def in_column(self, column: str) -> ColumnScores | None:
        """Returns its value in a column: weighted, macro or a finding; None of a finding without units."""
        if column not in AVERAGES and column not in self.units.units.findings:
            return None
        own, average = self.units.in_column(column), average_of(column)
        by_seed = {0: float(own.values(average)[0])}
        return ColumnScores(self.label, by_seed, load_units=lambda: own, average=average)

    @cached_property
    def weighted(self) -> ColumnScores:
        """Its weighted average."""
        found = self.in_column(WEIGHTED)
        assert found is not None
        return found

    def cell(self, column: str, decimals: int) -> Cell:
        """Returns its value in a column, with its interval over other patients."""
        scores = self.in_column(column)
        if scores is None or scores.over_patients is None:
            return Cell(None)
        return replace(Cell.of_interval(scores.over_patients, n=0), decimals=decimals)


@dataclass(frozen=True, eq=False)
class _Scored:
    """Boxes and units that trials were scored on; equal to others of the same content."""

    boxes: pd.DataFrame
    units: pd.DataFrame
    resolution: int

    @cached_property
    def _content(self) -> tuple[bytes, int]:
        digest = hashlib.sha256()
        for table in (self.boxes, self.units):
            digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
        return digest.digest(), self.resolution

    def __hash__(self) -> int:
        return hash(self._content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Scored) and self._content == other._content


def controls_of(
    boxes: pd.DataFrame, units: pd.DataFrame, resolution: int, metrics: Iterable[Metric]
) -> Mapping[str, tuple[Control, ...]]:
    """Returns by metric what each control scores on the boxes that a trial was scored with.

    Args:
        boxes: of the trial, px of its input; those of other units are left out.
        units: of the trial; none have no controls.
        resolution: side of its input, px.
        metrics: those without controls are left out. Many are faster together than one after the other.
    """
    if units.empty:
        return {}
    scored = _Scored(boxes, units[["image", "patient", "finding"]].astype(str), resolution)
    known = _known(scored)
    missing = [metric for metric in metrics if metric.has_controls and metric not in known]
    if missing:
        known.update(_computed(scored, missing))
    return {metric.name: controls for metric, controls in known.items()}


@lru_cache(maxsize=16)
def _known(scored: _Scored) -> dict[Metric, tuple[Control, ...]]:  # noqa: ARG001 the key of its cache
    """Returns what is computed so far, for tables and claims."""
    return {}


def _computed(scored: _Scored, metrics: Sequence[Metric]) -> dict[Metric, tuple[Control, ...]]:
    boxes = scored.boxes.merge(scored.units[["image", "finding"]])
    by_image = scored.units.drop_duplicates("image")
    images = {name: index for index, name in enumerate(by_image["image"])}
    findings = {name: index for index, name in enumerate(boxes["finding"].unique())}
    table = boxes.assign(image_index=boxes["image"].map(images), class_index=boxes["finding"].map(findings))
    patients = by_image.set_index(by_image["image"].map(images))["patient"]
    units, statistics = control_statistics(table, patients, scored.resolution, metrics)
    names = pd.DataFrame(
        {
            "image": units["image_index"].map(dict(enumerate(images))),
            "patient": units["image_index"].map(patients),
            "finding": units["class_index"].map(dict(enumerate(findings))),
        }
    )
    return {
        metric: tuple(
            Control(name, scores_of_statistic(names, statistic, measure_of(metric.name)))
            for name, statistic in statistics[metric.name].items()
        )
        for metric in metrics
    }


def best_of(controls: Iterable[Control], metric: Metric) -> Control:
    """Returns the control of the best weighted average; of equal ones the first."""
    return max(controls, key=lambda control: control.weighted.values[0] * metric.sign)


def is_beaten(control: Control, rows: Iterable[ColumnScores], metric: Metric) -> bool | None:
    """Returns whether any row is shown to be better than the control; None where no row can be tested.

    A row is better if the paired difference of the weighted averages is, p < .05 over other seeds and other
    patients, over patients alone where seeds are one or equal; Holm over all rows that can be tested.

    Args:
        control: the best one of the metric.
        rows: weighted averages; those without units cannot be tested.
        metric: of all.
    """
    differences = [row.minus_control(control.weighted) for row in rows if row.by_seed and row.units]
    p = [one.p_over_patients if one.spread is None else one.p_over_both for one in differences]
    tested = [(one, own) for one, own in zip(differences, p, strict=True) if not math.isnan(own)]
    if not tested:
        return None
    adjusted = holm([own for _, own in tested])
    return any(
        own < ALPHA and one.over_seeds.mean * metric.sign > 0
        for (one, _), own in zip(tested, adjusted, strict=True)
    )


def gain_heading(control: Control) -> str:
    """Returns the heading of gains over a control."""
    return f"Gain over {control.name}"


def gain_over(control: ColumnScores, row: ColumnScores, expected: int = 0) -> Cell:
    """Returns how far a row's weighted average is above that of a control, patient by patient.

    Its 95% interval is over seeds and patients, or over patients where seeds show no spread.

    Args:
        control: the control.
        row: without units it is a hole, and so is the control itself.
        expected: seeds that the suite asks for.
    """
    if row.label == control.label or not row.by_seed or row.units is None:
        return Cell(None, expected=expected)
    difference = row.minus_control(control)
    interval = difference.over_patients if difference.spread is None else difference.over_both
    assert interval is not None
    cell = Cell.of_interval(interval, n=row.num_seeds)
    return replace(cell, expected=expected, trial_ids=row.trial_ids, is_signed=True)
