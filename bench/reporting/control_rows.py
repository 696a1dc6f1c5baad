"""What localization reaches without looking at the image, and how large its boxes are: rows below a table."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from bench.metrics.controls import CONTROLS, DEALS, NUM_DEALS, control_hits
from bench.reporting.row_hits import RowHits
from bench.reporting.table import Cell, Row
from bench.results.store import TrialFolder
from bench.results.units import read_table
from bench.statistics.unit_hits import from_unit_tables

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


def rows_of_controls(folder: TrialFolder, resolution: int) -> tuple[RowHits, ...]:
    """Returns the hits of each control on the boxes that a finished trial was scored with; of no seed.

    Raises:
        ResultsError: a table of the trial is missing or not readable.
    """
    boxes, units = read_table(folder.boxes), read_table(folder.units)
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
    return tuple(
        RowHits(label, (), from_unit_tables([hits.assign(hit=hits[column]) for column in columns[control]]))
        for control, label in CONTROLS.items()
    )


def control_row(control: RowHits, constant: RowHits, columns: Sequence[str]) -> Row:
    """Returns the control's accuracies for the columns and its gain, each with its interval over patients."""
    return Row(control.label, (*(_cell(control, column) for column in columns), gain_over(constant, control)))


def gain_over(constant: RowHits, row: RowHits | None, expected: int = 0) -> Cell:
    """Returns how far a row's weighted accuracy is above that of the constant point, unit by unit.

    Its 95% interval is over seeds and patients, or over patients where seeds show no spread, and over how
    patients are dealt for the constant.

    Args:
        constant: the control.
        row: None is a hole, and so is the constant itself.
        expected: seeds that the suite asks for.
    """
    if row is None or row.label == constant.label:
        return Cell(None, expected=expected)
    difference = row.minus_control(constant)
    interval = difference.over_patients if difference.spread is None else difference.over_both
    cell = Cell.of_interval(difference.with_draws_of(constant, interval))
    num_seeds = len(row.seeds)
    return replace(cell, n=num_seeds, expected=expected, trial_ids=row.trial_ids, is_signed=True)


def area_row(boxes: pd.DataFrame, columns: Sequence[str], resolution: int) -> Row:
    """Returns the mean share of the image that a finding's boxes cover; averages have none."""
    means = mean_areas(boxes, resolution)
    return Row("(Avg. box area)", tuple(Cell(means.get(column)) for column in columns))


def mean_areas(boxes: pd.DataFrame, resolution: int) -> dict[str, float]:
    """Returns by finding the mean share of the image that its boxes cover, in px of the input's side."""
    shares = boxes["w"] * boxes["h"] / resolution**2
    return {str(name): float(mean) for name, mean in shares.groupby(boxes["finding"]).mean().items()}


def _cell(control: RowHits, column: str) -> Cell:
    own = control.in_column(column)
    return Cell(None) if own is None else replace(Cell.of_interval(own.over_patients), n=0)
