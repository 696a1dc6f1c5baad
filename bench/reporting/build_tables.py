"""Builds a suite's tables from its results: those of metrics, and what backs them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.reporting.comparison_table import comparison_table
from bench.reporting.control_rows import area_row, with_controls
from bench.reporting.interval_table import interval_table
from bench.reporting.metric_rows import MetricRows, rows_by_metric
from bench.reporting.reference_rows import with_references
from bench.reporting.references import Reference
from bench.reporting.standing import Standing, standing_caption, standings
from bench.reporting.table import DIGITS, Cell, Column, Row, Table
from bench.results.frame import Results
from bench.statistics.scores import Scores
from bench.suite.metrics import PRIMARY, WEIGHTED, Metric

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
