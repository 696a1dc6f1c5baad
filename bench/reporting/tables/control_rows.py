"""What localization reaches without looking at the image, and how large its boxes are: rows below a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from bench.metrics.controls import CONTROLS, DEALS, NUM_DEALS, control_hits
from bench.metrics.measure import measure_of
from bench.reporting.tables.table import Cell, Column, Row, Table
from bench.statistics.scores import Scores
from bench.statistics.unit_scores import MeanScores, scores_of
from bench.suite.metrics import AVERAGES, WEIGHTED, Metric, average_of

CONSTANT = CONTROLS["constant"]
GAIN = "Gain over constant"

CONTROL_CAPTION = (
    " Below the line too, what is reached without looking at the image: a uniform random point (expected "
    "value), the image centre, and each finding's best point fitted on other patients, the mean of "
    f"{NUM_DEALS} deals of patients into folds; in brackets their 95% interval over other patients, that of "
    "the point over other deals too. Gain: how far the weighted average is above that best constant point, "
    "unit by unit; its 95% interval is over other seeds and other patients, where there is one seed, or "
    "seeds do not differ, over other patients alone."
)


@dataclass(frozen=True, eq=False)
class Control:
    """What is reached without looking at the image.

    Attributes:
        label: its row.
        hits: of its units, in place of seeds by draw.
    """

    label: str
    hits: MeanScores

    def in_column(self, column: str) -> Scores | None:
        """Returns its values in a column: weighted, macro or a finding; None of a finding without units."""
        if column not in AVERAGES and column not in self.hits.units.findings:
            return None
        own, average = self.hits.in_column(column), average_of(column)
        by_draw = dict(enumerate(own.values(average).tolist()))
        return Scores(self.label, by_draw, load_units=lambda: own, average=average)

    @property
    def weighted(self) -> Scores:
        """Its weighted average."""
        found = self.in_column(WEIGHTED)
        assert found is not None
        return found


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
    columns = {control: DEALS if control == "constant" else (control,) for control in CONTROLS}
    measure, found = measure_of(metric.name), []
    for control, label in CONTROLS.items():
        draws = [hits.assign(**{measure.columns[0]: hits[column]}) for column in columns[control]]
        scores = scores_of(draws, measure)
        assert isinstance(scores, MeanScores), "a metric of peaks is a mean of hits"
        found.append(Control(label, scores))
    return tuple(found)


def control_row(control: Control, constant: Control, columns: Sequence[str]) -> Row:
    """Returns the control's accuracies for the columns and its gain, each with its interval over patients."""
    cells = (_cell(control.in_column(column)) for column in columns)
    return Row(control.label, (*cells, gain_over(constant.weighted, control.weighted)))


def gain_over(constant: Scores, row: Scores, expected: int = 0) -> Cell:
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
    cell = Cell.of_interval(difference.with_draws_of(constant, interval))
    return replace(cell, n=row.num_seeds, expected=expected, trial_ids=row.trial_ids, is_signed=True)


def with_controls(
    table: Table, rows: Sequence[Scores], controls: Sequence[Control], columns: tuple[str, ...]
) -> Table:
    """Returns the table with the controls below its models, and each row's gain over the best of them.

    Args:
        table: of a metric of peaks, with the row of areas.
        rows: weighted averages of its models, in its order.
        controls: at least one.
        columns: of the metric.
    """
    constant = next(control for control in controls if control.label == CONSTANT)
    models = tuple(
        replace(shown, cells=(*shown.cells, gain_over(constant.weighted, row, shown.cells[0].expected)))
        for shown, row in zip(table.models, rows, strict=True)
    )
    lines = tuple(control_row(control, constant, columns) for control in controls)
    areas = tuple(Row(row.label, (*row.cells, Cell(None))) for row in table.references)
    return replace(
        table,
        columns=(*table.columns, Column(GAIN)),
        models=models,
        references=(*lines, *areas),
        caption=table.caption + CONTROL_CAPTION,
    )


def area_row(areas: Mapping[str, float], columns: Sequence[str]) -> Row:
    """Returns the mean share of the image that a finding's boxes cover; averages have none."""
    return Row("(Avg. box area)", tuple(Cell(areas.get(column)) for column in columns))


def _cell(own: Scores | None) -> Cell:
    if own is None or own.over_patients is None:
        return Cell(None)
    return replace(Cell.of_interval(own.over_patients), n=0)
