"""The table of sanity checks: whether maps show what the model has learned and what it looks at."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.metrics.measure import Measure
from bench.metrics.sanity import SANITY_CONTROLS, SanityCheck, SanityControl, control_column
from bench.reporting.tables.controls import LABELS
from bench.reporting.tables.metric_rows import MetricRows, RowScores, population_of
from bench.reporting.tables.repeatability import Repeatability, repeatability_of
from bench.reporting.tables.standing import Standing, scored_cell, standing_caption, standings
from bench.reporting.tables.table import Cell, Column, Footnote, Row, Subject, Table
from bench.results.grid_results import native
from bench.statistics.multiplicity import holm
from bench.statistics.scores import ColumnScores
from bench.statistics.spread import ALPHA
from bench.statistics.unit_scores import scores_of
from bench.suite.metrics import (
    COUNTER_LABEL,
    DELETION,
    INSERTION,
    RANDOMISATION,
    ROAD,
    SHIFT,
    WEIGHTED,
    Metric,
)

CONTROL_LABELS: dict[SanityControl, str] = {"random": "Random map", "centre": LABELS["centre"]}


@dataclass(frozen=True)
class _Check:
    """A check's heading, the heading above it and its neighbours, and the controls that fail it."""

    heading: str
    group: str
    controls: tuple[SanityControl, ...]


_CHECKS: dict[str, _Check] = {
    RANDOMISATION.name: _Check("Weights ↓", "Depends on", ("centre",)),
    COUNTER_LABEL.name: _Check("Finding ↓", "Depends on", ("centre",)),
    SHIFT.name: _Check("Shift ↑", "Follows", ("centre",)),
    DELETION.name: _Check("Deletion ↓", "Matters to the model", SANITY_CONTROLS),
    INSERTION.name: _Check("Insertion ↑", "Matters to the model", SANITY_CONTROLS),
    ROAD.name: _Check("ROAD ↑", "Matters to the model", SANITY_CONTROLS),
}
_SEEDS = (Column("Seeds ↑", "Repeats"), Column("By chance", "Repeats"))

NOT_BETTER = Footnote(
    "§",
    "Not better than what fails the check: of Seeds what chance gives, of Weights, Finding and Shift the map "
    "of the image's middle, of the others the better control. Either its mean is not, or it is not shown to "
    "be (paired, p < .05, Holm over the rows of a column).",
)

_CAPTION = (
    "Sanity checks of heatmaps, on {units} units; they need no boxes and do not say whether a map finds the "
    "disease. Seeds: rank correlation of a unit's maps by models of two seeds, beside that with the map of "
    "another patient with the same finding; in brackets 95% intervals over other patients. Weights: absolute "
    "rank correlation with the map after weights are drawn anew, from the head down to the encoder's first "
    "layers, mean over the steps. Finding: that with the map of the likeliest other finding, 0 where it is "
    "negative. Shift: share of shifts by 32 px that the peak follows within 16 px. Deletion, insertion: area "
    "below the finding's probability while pixels are made grey, or a blurred image sharp, from the map's "
    "highest down. ROAD: probability without the map's lowest 10, 20 and 30% of pixels, filled from around, "
    "less that without its highest. Mean ± half-width of the 95% Student-t interval, other seeds, these "
    "images. ↑: more is better, ↓: less is."
)
_CONTROL_CAPTION = (
    "Below the line: maps that know neither the model nor the image, by the same checks of all models."
)


def trust_table(found: Sequence[MetricRows]) -> Table | None:
    """Returns the table of one data set and resolution; None where no map was checked.

    Args:
        found: rows of each sanity check that a trial has.
    """
    if not found:
        return None
    first = found[0]
    place = first.place
    subject = Subject("trust", dataset=place.dataset, resolution=place.resolution)
    repeats = {row.label: repeatability_of(row) for row in first.rows}
    marked = _not_repeated(repeats)
    cells_of = [_cells(rows) for rows in found]
    models = tuple(
        Row(
            row.label,
            (
                *_repeat_cells(repeats[row.label], row, is_marked=row.label in marked),
                *(own[row.label] for own in cells_of),
            ),
            cam=row.cam,
        )
        for row in first.rows
    )
    scored = [row for rows in found for row in rows.rows]
    caption = _CAPTION.format(units=_num_units(first))
    is_any_marked = any(NOT_BETTER.mark in cell.marks for row in models for cell in row.cells)
    return Table(
        key=f"trust-{subject.place_key}",
        subject=subject,
        title=f"Can these maps be trusted? {subject.place}",
        columns=(*_SEEDS, *(_column(rows.metric) for rows in found)),
        models=models,
        references=tuple(_control_row(control, found) for control in SANITY_CONTROLS),
        caption=" ".join([caption, standing_caption("a column", population_of(scored)), _CONTROL_CAPTION]),
        notes=first.notes,
        footnotes=(NOT_BETTER,) if is_any_marked else (),
    )


def _column(metric: Metric) -> Column:
    check = _CHECKS[metric.name]
    return Column(check.heading, check.group, metric.name, WEIGHTED)


def _num_units(rows: MetricRows) -> int:
    scored = [row.scored[0] for row in rows.rows if row.scored]  # subjects may lack findings
    return max(len(rows.results.units_of(point, rows.metric)) for point in scored)


def _cells(rows: MetricRows) -> Mapping[str, Cell]:
    """Returns what each row scores by a check, marked where that is not better than a control."""
    metric, scores = rows.metric, rows.in_column(WEIGHTED)
    places = standings(scores, metric.sign)
    controls = {row.label: _best_control(row) for row in rows.rows}
    gains = {
        label: scores[label].minus(control) if control is not None else None
        for label, control in controls.items()
    }
    marked = _not_better({label: gain for label, gain in gains.items() if gain is not None}, metric.sign)
    return {
        row.label: replace(
            scored_cell(
                scores[row.label], len(row.points), places.get(row.label, Standing()), metric.decimals
            ),
            is_signed=metric.low < 0,
            marks=NOT_BETTER.mark if row.label in marked else "",
        )
        for row in rows.rows
    }


def _not_better(gains: Mapping[str, ColumnScores], sign: int) -> set[str]:
    """Returns the rows whose differences to a control are none for the better, or are not shown to be."""
    worse = {label for label, gain in gains.items() if gain.over_seeds.mean * sign <= 0}
    p = {
        label: one.p_over_patients if one.spread is None else one.p_over_both for label, one in gains.items()
    }
    tested = [label for label in gains if not math.isnan(p[label])]
    adjusted = holm([p[label] for label in tested])
    return worse | {label for label, own in zip(tested, adjusted, strict=True) if own >= ALPHA}


def _best_control(row: RowScores) -> ColumnScores | None:
    """Returns the best of the controls that a row has to beat, on the models of its trials."""
    controls = [_control(row, control) for control in _CHECKS[row.metric.name].controls]
    known = [control for control in controls if control is not None]
    return max(known, key=lambda one: one.over_seeds.mean * row.metric.sign, default=None)


def _control(row: RowScores, control: SanityControl) -> ColumnScores | None:
    """Returns what a control scores on the models of a row's trials; None where it has no such average."""
    natives = [native(point) for point in row.scored]
    if not row.has_average or not all(row.results.has(point, row.metric) for point in natives):
        return None
    measure: Measure = SanityCheck(control_column(row.metric.name, control))
    units = scores_of([row.results.units_of(point, row.metric) for point in natives], measure)
    values = units.values(WEIGHTED).tolist()
    by_seed = {point.trial.seed: value for point, value in zip(natives, values, strict=True)}
    ids = tuple(point.trial.id for point in natives)
    return ColumnScores(CONTROL_LABELS[control], by_seed, ids, lambda: units)


def _control_row(control: SanityControl, found: Sequence[MetricRows]) -> Row:
    """Returns the control's mean over the models, each once, and their seeds."""
    cells = []
    for rows in found:
        values: dict[str, float] = {}
        for row in rows.rows:
            scores = _control(row, control)
            if scores is not None:
                values |= dict(zip(scores.trial_ids, scores.values, strict=True))
        mean = math.fsum(values.values()) / len(values) if values else None
        cells.append(Cell(mean, decimals=rows.metric.decimals, is_signed=rows.metric.low < 0))
    return Row(CONTROL_LABELS[control], (Cell(None), Cell(None), *cells))


def _not_repeated(repeats: Mapping[str, Repeatability | None]) -> set[str]:
    gains = {label: one.same.minus(one.other) for label, one in repeats.items() if one is not None}
    return _not_better({label: gain for label, gain in gains.items() if gain is not None}, 1)


def _repeat_cells(repeats: Repeatability | None, row: RowScores, *, is_marked: bool) -> tuple[Cell, Cell]:
    if repeats is None:
        return Cell(None, expected=len(row.points)), Cell(None)
    found = []
    for scores in repeats:
        interval = scores.over_patients
        assert interval is not None
        cell = Cell.of_interval(interval, n=len(scores.trial_ids))
        found.append(replace(cell, expected=len(row.points), trial_ids=scores.trial_ids, is_signed=True))
    same, other = found
    return replace(same, marks=NOT_BETTER.mark if is_marked else ""), other
