"""Builds a suite's tables from its results: those of metrics, their intervals and their comparisons."""

from collections.abc import Sequence

import pandas as pd

from bench.metrics.folds import NUM_DEALS
from bench.reporting.references import Reference
from bench.reporting.tables.controls import gain_heading, gain_over
from bench.reporting.tables.intervals import comparison_table, interval_table
from bench.reporting.tables.metric_rows import MetricRows, rows_by_metric
from bench.reporting.tables.standing import Standing, scored_cell, standing_caption, standings
from bench.reporting.tables.summary import summary_table
from bench.reporting.tables.table import DIGITS, UNDECIDED, Cell, Column, Row, Table
from bench.reporting.tables.thresholds import threshold_table
from bench.reporting.tables.trust import trust_table
from bench.results.grid_results import Results
from bench.suite.metrics import PRIMARY, WEIGHTED

_CAPTION = f"Mean ± half-width of the 95% Student-t interval: other seeds, these images. {DIGITS}"

_CAM_CAPTION = "In square brackets: the map is that of the method, not the model's own."

_AREA_CAPTION = "Below the line, in brackets: the boxes' mean share of the image."

_OF_POINTS = (
    "of a uniform random point (expected value), of the image centre, of each finding's best constant point"
)
_OF_MAPS = (
    "of a random map of 8 × 8 cells, and of normal densities around the image centre and around each "
    "finding's best constant point"
)
_CONTROL_CAPTION = (
    "Also below the line: controls, the metric without looking at the image, {of}, and of the prior map, the "
    "mean of the finding's regions. The best constant point and the prior map know the boxes of other "
    "patients, all of them, which a weakly supervised model never sees (mean of {deals} deals of patients "
    "into folds). In brackets 95% intervals over other patients. Gain: weighted average less that of the "
    "best control, patient by patient; 95% interval over other seeds and patients, over patients alone where "
    "seeds are one or equal."
)


def build_tables(results: Results, references: Sequence[Reference] = ()) -> tuple[Table, ...]:
    """Returns tables for each data set and resolution.

    First a summary of all metrics; then one for each metric that a trial has; then what tuning thresholds
    would have added, sanity checks of maps, how sure the first metric is, and its paired comparisons. A
    metric of maps has a row for each map of a model, one of the model a row for each model. Rows without a
    finished trial are holes.

    Args:
        results: of the suite.
        references: runs of others, which stand in the tables of their data set, resolution and metrics.

    Raises:
        ResultsError: a record or a table of units cannot be read, or two are of different units.
    """
    tables: list[Table | None] = []
    for place in results.places:
        every = rows_by_metric(place, results)
        found = [rows for rows in every if rows.metric.table != "sanity"]
        if found:
            tables.append(summary_table(found, [one for one in references if found[0].is_of_place(one)]))
        tables += [_metric_table(rows, references) for rows in found]
        tables.append(threshold_table(found))
        tables.append(trust_table([rows for rows in every if rows.metric.table == "sanity"]))
        for rows in found:
            if rows.metric is PRIMARY and rows.controls and rows.with_units:
                controls = [control.weighted for control in rows.controls]
                cams = {row.label: row.cam for row in rows.rows}
                tables += [
                    interval_table(rows.subject("intervals"), rows.with_units, controls, cams),
                    comparison_table(rows.subject("comparisons"), rows.with_units),
                ]
    return tuple(table for table in tables if table is not None)


def _metric_table(rows: MetricRows, references: Sequence[Reference]) -> Table:
    """Returns the table of a metric: models, then references, controls and areas."""
    metric, subject = rows.metric, rows.subject("metric")
    scores = {column: rows.in_column(column) for column in rows.columns}
    places = {column: standings(own, metric.sign) for column, own in scores.items()}
    best = rows.best_control
    own_references = [reference for reference in references if rows.has_reference(reference)]
    columns = [Column.of_metric(metric.name, column) for column in scores]
    if best is not None:
        columns.append(Column(gain_heading(best)))
    models = []
    for row in rows.rows:
        expected = len(row.points)
        cells = [
            scored_cell(own[row.label], expected, places[column].get(row.label, Standing()), metric.decimals)
            for column, own in scores.items()
        ]
        if best is not None:
            cells.append(gain_over(best.weighted, scores[WEIGHTED][row.label], expected))
        models.append(Row(row.label, tuple(cells), cam=row.cam))
    below: list[tuple[str, list[Cell]]] = []
    for reference in own_references:
        means = (reference.mean(metric.key(column)) for column in scores)
        cells = [Cell(None) if one is None else Cell.of_mean(one, decimals=metric.decimals) for one in means]
        below.append((reference.label, cells))
    caption = [metric.caption, _CAPTION, standing_caption("a column", rows.population)]
    if rows.has_cams:
        caption.append(_CAM_CAPTION)
    if best is not None:
        for control in rows.controls:
            own_cells = (control.cell(column, metric.decimals) for column in scores)
            below.append((control.label, [*own_cells, gain_over(best.weighted, control.weighted)]))
    if not metric.is_of_model:
        below.append(("(Avg. box area)", [Cell(rows.areas.get(column)) for column in scores]))
        caption.append(_AREA_CAPTION)
    if best is not None:
        of = _OF_POINTS if metric.needs == {"peaks"} else _OF_MAPS
        caption.append(_CONTROL_CAPTION.format(of=of, deals=NUM_DEALS))
    if rows.is_undecided:
        caption.append(UNDECIDED.text)
    return Table(
        key=f"{metric.name}-{subject.place_key}",
        subject=subject,
        title=f"{metric.title}, {subject.place}",
        columns=tuple(columns),
        models=tuple(models),
        references=tuple(
            Row(label, (*cells, *(Cell(None) for _ in columns[len(cells) :]))) for label, cells in below
        ),
        caption=" ".join(caption),
        notes=(*rows.notes, *(_reference_note(reference, rows.units) for reference in own_references)),
    )


def _reference_note(reference: Reference, units: pd.DataFrame | None) -> str:
    """Returns what sets a reference apart from the rows above it, in a sentence.

    Args:
        reference: of the table.
        units: those that the table's models were scored on, with image and finding; None where the metric is
            none of units.
    """
    record = reference.record
    sentence = (
        f"{record.title}: reference run {record.name}, not measured here ({record.source}); {record.differs}."
    )
    if units is None or reference.units is None:
        return sentence
    theirs, ours = (
        set(zip(table["image"], table["finding"], strict=True)) for table in (reference.units, units)
    )
    if theirs == ours:
        return sentence
    return (
        f"{sentence} Its {len(theirs)} units are not those of the models: {len(theirs & ours)} of them are "
        f"among these {len(ours)}."
    )
