"""Rows of reference runs in a suite's tables: results of others, below what was measured here."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

from bench.reporting.references import Reference
from bench.reporting.tables.metric_rows import MetricRows
from bench.reporting.tables.table import Cell, Row, Table
from bench.statistics.student import mean_interval
from bench.suite.metrics import Metric


def with_references(table: Table, rows: MetricRows, references: Iterable[Reference]) -> Table:
    """Returns the table with the references that belong to it first below its models, and a note on each.

    Args:
        table: of a metric; may have more columns after those of the metric.
        rows: that it shows.
        references: in the order of the suite.

    Raises:
        ResultsError: the units of a model cannot be read.
    """
    dataset = rows.finished.trial.dataset.name
    found = matching(references, dataset, rows.place.resolution, rows.metric)
    if not found:
        return table
    shown = [reference_row(reference, rows.metric, rows.columns) for reference in found]
    more = (Cell(None),) * (len(table.columns) - len(rows.columns))
    padded = [Row(row.label, (*row.cells, *more)) for row in shown]
    notes = [reference_note(reference, rows.units) for reference in found]
    return replace(table, references=(*padded, *table.references), notes=(*table.notes, *notes))


def matching(
    references: Iterable[Reference], dataset: str, resolution: int, metric: Metric
) -> list[Reference]:
    """Returns the references that have the metric on the data set at the resolution.

    Args:
        references: in the order of the suite.
        dataset: what suites call it.
        resolution: side of the network's input, px.
        metric: that they have to have.
    """
    return [
        reference
        for reference in references
        if (reference.record.dataset, reference.record.resolution) == (dataset, resolution)
        and any(metric.columns_in(seed.metrics) for seed in reference.record.seeds)
    ]


def reference_row(reference: Reference, metric: Metric, columns: Sequence[str]) -> Row:
    """Returns the mean over the reference's seeds with its interval; a single seed has none. Never best.

    Args:
        reference: one that `matching` gave.
        metric: of the table.
        columns: names of the metric's values: "weighted", "macro", findings.
    """
    cells = []
    for column in columns:
        key = metric.key(column)
        values = [seed.metrics[key] for seed in reference.record.seeds if key in seed.metrics]
        if values:
            interval = mean_interval(values)
            cells.append(Cell(interval.mean, interval.half_width, interval.n))
        else:
            cells.append(Cell(None))
    return Row(f"Reference: {reference.record.title} (n={len(reference.record.seeds)})", tuple(cells))


def reference_note(reference: Reference, units: pd.DataFrame | None) -> str:
    """Returns what sets the row apart from those above it, in a sentence.

    Args:
        reference: one that `matching` gave.
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
