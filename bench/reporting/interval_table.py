"""A table of intervals: how sure an accuracy is for other seeds, for other patients, and for both."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.reporting.table import Cell, Column, Row, Subject, Table
from bench.statistics.interval import Interval
from bench.statistics.scores import FEWEST_PATIENTS, Scores
from bench.suite.cam import CamMethod

_CAPTION = (
    "Weighted average with 95% intervals. Over seeds: Student's t, as in the other tables; other seeds, "
    "these images. Over patients: bootstrap of patients with all of their units (BCa; Wilson's interval "
    "where every unit is hit or none); these seeds, other patients. Over both: other seeds and other "
    "patients; the half-widths of seeds and patients add as squares, on the logit scale, and the interval "
    "holds that over seeds as far as it lies between 0 and 1."
)


def interval_table(
    subject: Subject, rows: Sequence[Scores], controls: Sequence[Scores], cams: Mapping[str, CamMethod]
) -> Table:
    """Returns the table: a row for each model, then the controls, which have no seeds.

    Intervals over patients are holes where there are fewer than `FEWEST_PATIENTS`.

    Args:
        subject: its metric, data set and resolution.
        rows: weighted averages, each with units.
        controls: the same, at least one.
        cams: map of each row, by its label.
    """
    units = controls[0].units
    assert units is not None
    note = f"{len(units.units.images)} units of {units.num_patients} patients"
    if units.num_patients < FEWEST_PATIENTS:
        note += f": too few for intervals over patients alone, which need {FEWEST_PATIENTS}"
    return Table(
        key=f"{subject.kind}-{subject.place_key}",
        subject=subject,
        title=f"How sure the weighted average is, {subject.place}",
        columns=tuple(map(Column, ("Over seeds", "Over patients", "Over both"))),
        models=tuple(Row(row.label, _cells(row), cam=cams[row.label]) for row in rows),
        references=tuple(
            Row(row.label, (Cell(None), replace(_cell(row.over_patients), n=0), Cell(None)))
            for row in controls
        ),
        caption=_CAPTION,
        notes=(f"{note}.",),
    )


def _cells(row: Scores) -> tuple[Cell, ...]:
    seeds = Cell(row.over_seeds.mean, row.over_seeds.half_width, row.over_seeds.n)
    cells = (seeds, _cell(row.over_patients), _cell(row.over_both))
    return tuple(replace(cell, trial_ids=row.trial_ids) for cell in cells)


def _cell(interval: Interval | None) -> Cell:
    return Cell(None) if interval is None or interval.low is None else Cell.of_interval(interval)
