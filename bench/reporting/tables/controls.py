"""Controls: the localization accuracy that is reached without looking at the image, on the models' boxes."""

from dataclasses import dataclass, replace

import pandas as pd

from bench.metrics.controls import CONTROLS, DEALS, control_hits
from bench.metrics.measure import measure_of
from bench.reporting.tables.table import Cell
from bench.statistics.scores import ColumnScores, with_draws
from bench.statistics.unit_scores import MeanScores, scores_of
from bench.suite.metrics import AVERAGES, WEIGHTED, Metric, average_of

CONSTANT = CONTROLS["constant"]


@dataclass(frozen=True, eq=False)
class Control:
    """A point that does not depend on the image.

    Attributes:
        label: its row.
        hits: of its units, in place of seeds by draw.
    """

    label: str
    hits: MeanScores

    def in_column(self, column: str) -> ColumnScores | None:
        """Returns its values in a column: weighted, macro or a finding; None of a finding without units."""
        if column not in AVERAGES and column not in self.hits.units.findings:
            return None
        own, average = self.hits.in_column(column), average_of(column)
        by_draw = dict(enumerate(own.values(average).tolist()))
        return ColumnScores(self.label, by_draw, load_units=lambda: own, average=average)

    @property
    def weighted(self) -> ColumnScores:
        """Its weighted average."""
        found = self.in_column(WEIGHTED)
        assert found is not None
        return found

    def cell(self, column: str) -> Cell:
        """Returns its value in a column, with its interval over other patients."""
        scores = self.in_column(column)
        if scores is None or scores.over_patients is None:
            return Cell(None)
        return Cell.of_interval(scores.over_patients, n=0)


def controls_of(
    boxes: pd.DataFrame, units: pd.DataFrame, metric: Metric, resolution: int
) -> tuple[Control, ...]:
    """Returns the hits of each control on the boxes that a trial was scored with; none without units.

    Args:
        boxes: of the trial, px of its input.
        units: of the trial.
        metric: of peaks alone.
        resolution: side of its input, px.
    """
    if units.empty:
        return ()
    images = {name: index for index, name in enumerate(units["image"].unique())}
    findings = {name: index for index, name in enumerate(boxes["finding"].unique())}
    table = boxes.assign(image_index=boxes["image"].map(images), class_index=boxes["finding"].map(findings))
    by_image = units.drop_duplicates("image")
    patients = by_image.set_index(by_image["image"].map(images))["patient"]
    hits = control_hits(table, patients, resolution)
    hits["image"] = hits["image_index"].map(dict(enumerate(images)))
    hits["finding"] = hits["class_index"].map(dict(enumerate(findings)))
    hits["patient"] = hits["image_index"].map(patients)
    measure, found = measure_of(metric.name), []
    for control, label in CONTROLS.items():
        columns = DEALS if label == CONSTANT else (control,)
        draws = [hits.assign(**{measure.columns[0]: hits[column]}) for column in columns]
        scores = scores_of(draws, measure)
        assert isinstance(scores, MeanScores), "a metric of peaks is a mean of hits"
        found.append(Control(label, scores))
    return tuple(found)


def gain_over(constant: ColumnScores, row: ColumnScores, expected: int = 0) -> Cell:
    """Returns how far a row's weighted average is above that of the constant point, unit by unit.

    Its 95% interval is over seeds and patients, or over patients where seeds show no spread, and over how
    patients are dealt for the constant.

    Args:
        constant: the control.
        row: without units it is a hole, and so is the constant itself.
        expected: seeds that the suite asks for.
    """
    if row.label == constant.label or not row.by_seed or row.units is None:
        return Cell(None, expected=expected)
    difference = row.minus_control(constant)
    interval = difference.over_patients if difference.spread is None else difference.over_both
    assert interval is not None
    cell = Cell.of_interval(with_draws(interval, constant.values), n=row.num_seeds)
    return replace(cell, expected=expected, trial_ids=row.trial_ids, is_signed=True)
