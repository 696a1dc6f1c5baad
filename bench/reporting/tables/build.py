"""Builds a suite's tables from its results: those of metrics, their intervals and their comparisons."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from bench.errors import listing
from bench.reporting.references import Reference
from bench.reporting.tables.control_rows import area_row, with_controls
from bench.reporting.tables.metric_rows import MetricRows, rows_by_metric
from bench.reporting.tables.reference_rows import with_references
from bench.reporting.tables.standing import Standing, standing_caption, standings
from bench.reporting.tables.table import DIGITS, Cell, Column, Row, Subject, Table, format_p
from bench.results.grid_results import Results
from bench.statistics.interval import Interval
from bench.statistics.mcnemar import clustered_mcnemar
from bench.statistics.multiplicity import holm
from bench.statistics.paired import EXACT_UP_TO, sign_flip_by_seed
from bench.statistics.scores import FEWEST_PATIENTS, Scores
from bench.statistics.spread import SEEDS_ALONE
from bench.statistics.unit_scores import MeanScores
from bench.suite.cam import CamMethod
from bench.suite.metrics import METRICS, PRIMARY, WEIGHTED, Metric

_INTERVAL_CAPTION = (
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
        models=tuple(Row(row.label, _interval_cells(row), cam=cams[row.label]) for row in rows),
        references=tuple(
            Row(row.label, (Cell(None), replace(_interval_cell(row.over_patients), n=0), Cell(None)))
            for row in controls
        ),
        caption=_INTERVAL_CAPTION,
        notes=(f"{note}.",),
    )


def _interval_cells(row: Scores) -> tuple[Cell, ...]:
    seeds = Cell(row.over_seeds.mean, row.over_seeds.half_width, row.over_seeds.n)
    cells = (seeds, _interval_cell(row.over_patients), _interval_cell(row.over_both))
    return tuple(replace(cell, trial_ids=row.trial_ids) for cell in cells)


def _interval_cell(interval: Interval | None) -> Cell:
    return Cell(None) if interval is None or interval.low is None else Cell.of_interval(interval)


MOST_ROWS = 10
"""With more rows than these, each is compared with the best one alone, not with every other."""

_GROUPS = {
    "Difference": ("Over seeds", "Over both"),
    "Decides": ("p", "p, Holm"),
    "Beside it, p": ("t by seed", "signs by seed", "McNemar"),
}
_COLUMNS = tuple(Column(heading, group) for group, headings in _GROUPS.items() for heading in headings)

_COMPARISON_CAPTION = (
    "Differences of the weighted average between two rows, seed by seed and unit by unit, for the seeds "
    "that both have. Over seeds: mean ± half-width of the 95% Student-t interval; other seeds, these "
    "images. Over both: 95% interval for other seeds and other patients. One p decides, as in the suite's "
    "claims: that of other seeds and other patients; Holm adjusts it for all comparisons of the table. The "
    "others stand beside it. t by seed: other seeds, these images. Signs by seed: the same by the exact "
    "sign-flip test, with the smallest p that so many seeds could give in brackets. McNemar: clustered by "
    "patient (Obuchowski), over all seeds; these trained models, other patients. A p above .05 is no sign "
    "of equality."
)


def comparison_table(subject: Subject, rows: Sequence[Scores]) -> Table | None:
    """Returns the table, a row for each comparison of weighted averages; None where no two share a seed."""
    pairs, note = _pairs(rows, METRICS[subject.metric].sign)
    differences = [found for first, second in pairs if (found := first.minus(second)) is not None]
    if not differences:
        return None
    adjusted = holm([one.decision[0] for one in differences], family=_num_pairs(rows) if note else 0)
    lines = tuple(
        Row(difference.label, _with_trials(_comparison_cells(difference, p), difference))
        for difference, p in zip(differences, adjusted, strict=True)
    )
    return Table(
        key=f"{subject.kind}-{subject.place_key}",
        subject=subject,
        title=f"Paired comparisons, {subject.place}",
        columns=_COLUMNS,
        models=lines,
        references=(),
        caption=_COMPARISON_CAPTION,
        notes=(*note, *_note_on_seeds(differences)),
    )


def _pairs(rows: Sequence[Scores], sign: int) -> tuple[list[tuple[Scores, Scores]], tuple[str, ...]]:
    """Returns what to compare, the row with the better mean first, and a note on the choice."""
    ordered = sorted(rows, key=lambda row: -row.over_seeds.mean * sign)
    if len(rows) <= MOST_ROWS:
        return list(itertools.combinations(ordered, 2)), ()
    best, *others = ordered
    note = (
        f"More than {MOST_ROWS} rows: each is compared with the best one alone. These data chose it, so that "
        f"Holm counts all {_num_pairs(rows)} pairs."
    )
    return [(best, other) for other in others], (note,)


def _note_on_seeds(differences: Sequence[Scores]) -> tuple[str, ...]:
    """Says where patients could not be counted, if that is so anywhere."""
    decisions = {one.label: one.decision for one in differences}
    alone = [name for name, (p, whom) in decisions.items() if whom == SEEDS_ALONE and not math.isnan(p)]
    return (f"Decided for {SEEDS_ALONE} alone: {listing(alone)}.",) if alone else ()


def _num_pairs(rows: Sequence[object]) -> int:
    return math.comb(len(rows), 2)


def _comparison_cells(difference: Scores, adjusted_p: float) -> tuple[Cell, ...]:
    seeds, both = difference.over_seeds, difference.over_both
    ends = (
        Cell(None)
        if both is None or both.low is None
        else Cell(both.mean, low=both.low, high=both.high, is_signed=True)
    )
    return (
        Cell(seeds.mean, seeds.half_width, seeds.n, is_signed=True),
        ends,
        _p_cell(difference.decision[0]),
        _p_cell(adjusted_p),
        _p_cell(difference.p_over_seeds),
        _sign_cell(difference),
        _p_cell(
            clustered_mcnemar(difference.units).p if isinstance(difference.units, MeanScores) else math.nan
        ),
    )


def _with_trials(cells: Sequence[Cell], difference: Scores) -> tuple[Cell, ...]:
    """Returns the cells, those that have a value with the trials behind it."""
    num_seeds = len(difference.by_seed)
    return tuple(
        cell if cell.mean is None else replace(cell, n=num_seeds, trial_ids=difference.trial_ids)
        for cell in cells
    )


def _sign_cell(difference: Scores) -> Cell:
    if len(difference.tested) > EXACT_UP_TO:
        return Cell(None)
    test = sign_flip_by_seed(difference.tested)
    return Cell(test.p, text=f"{format_p(test.p)} ({format_p(test.smallest_p)})")


def _p_cell(p: float) -> Cell:
    return Cell(None) if math.isnan(p) else Cell(p, text=format_p(p))


_CAPTION = f"Mean ± half-width of the 95% Student-t interval: other seeds, these images. {DIGITS}"

_AREA_CAPTION = " Below the line, in brackets: the boxes' mean share of the image."

_CAM_CAPTION = " In square brackets: not the map that the model returns but that of the method."


def build_tables(results: Results, references: Sequence[Reference] = ()) -> tuple[Table, ...]:
    """Returns tables for each data set and resolution.

    One for each metric that a trial has; then how sure the first one is, and its paired comparisons. A metric
    of maps has a row for each map of a model, one of the model a row for each model. Rows without a
    finished trial are holes.

    Args:
        results: of the suite.
        references: runs of others, which stand in the tables of their data set, resolution and metrics.

    Raises:
        ResultsError: a record or a table of units cannot be read, or two are of different units.
    """
    found = rows_by_metric(results)
    return tuple(
        table
        for place in results.places
        for table in _tables_of([rows for rows in found if rows.place is place], references)
    )


def _tables_of(found: Sequence[MetricRows], references: Sequence[Reference]) -> Iterator[Table]:
    for rows in found:
        table = _table(rows)
        yield with_references(table, rows, references)
    for rows in found:
        if rows.metric is PRIMARY and rows.controls and (scored := rows.with_units):
            weighted = [control.weighted for control in rows.controls]
            cams = {row.label: row.cam for row in rows.rows}
            yield interval_table(rows.subject("intervals"), scored, weighted, cams)
            comparisons = comparison_table(rows.subject("comparisons"), scored)
            if comparisons is not None:
                yield comparisons


def _table(rows: MetricRows) -> Table:
    subject = rows.subject("metric")
    columns = {column: rows.in_column(column) for column in rows.columns}
    places = {column: standings(scores, rows.metric.sign) for column, scores in columns.items()}
    best = standing_caption("a column", rows.population)
    models = []
    for row in rows.rows:
        cells = [
            _cell(scores[row.label], len(row.points), places[column].get(row.label, Standing()), rows.metric)
            for column, scores in columns.items()
        ]
        models.append(Row(row.label, tuple(cells), cam=row.cam))
    table = Table(
        key=f"{rows.metric.name}-{subject.place_key}",
        subject=subject,
        title=f"{rows.metric.title}, {subject.place}",
        columns=tuple(Column.of_metric(rows.metric.name, column) for column in columns),
        models=tuple(models),
        references=(),
        caption=f"{rows.metric.caption} {_CAPTION} {best}{_CAM_CAPTION if rows.has_cams else ''}",
        notes=rows.notes,
    )
    if not rows.metric.is_of_model:
        areas = (area_row(rows.areas, tuple(columns)),)
        table = replace(table, references=areas, caption=table.caption + _AREA_CAPTION)
    if not rows.controls:
        return table
    weighted = [columns[WEIGHTED][row.label] for row in table.models]
    return with_controls(table, weighted, rows.controls, tuple(columns))


def _cell(scores: Scores, expected: int, standing: Standing, metric: Metric) -> Cell:
    if not scores.by_seed:
        return Cell(None, expected=expected)
    interval = scores.recorded
    return Cell(
        interval.mean,
        interval.half_width,
        interval.n,
        expected,
        scores.trial_ids,
        standing.is_best,
        standing.p_to_best,
        decimals=metric.decimals,
    )
