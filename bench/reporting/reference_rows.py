"""Rows of reference runs in a suite's tables: results of others, below what was measured here."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

from bench.reporting.references import Reference
from bench.reporting.slices import Slice
from bench.reporting.table import Cell, Row, Table
from bench.results.store import ResultsStore
from bench.results.units import read_table
from bench.statistics.student import mean_interval

_OF_UNITS = ("point_accuracy", "iobb_accuracy")
"""Metrics that are means over units."""


def with_references(
    table: Table,
    piece: Slice,
    metric: str,
    columns: Sequence[str],
    store: ResultsStore,
    references: Iterable[Reference],
) -> Table:
    """Returns the table with the references that belong to it first below its models, and a note on each.

    Args:
        table: of the metric.
        piece: what the table shows.
        metric: say, "point_accuracy".
        columns: names of the metric's values; the table may have more columns after them.
        store: where the units of its models are.
        references: in the order of the suite.

    Raises:
        ResultsError: the units of a model cannot be read.
    """
    found = matching(references, piece.points[0].trial.dataset.name, piece.resolution, metric)
    if not found:
        return table
    scored = store.folder(next(iter(piece.finished))).units
    units = read_table(scored) if metric in _OF_UNITS else None
    rows = [reference_row(reference, metric, columns) for reference in found]
    padded = [
        Row(row.label, (*row.cells, *[Cell(None)] * (len(table.columns) - len(columns)))) for row in rows
    ]
    notes = [reference_note(reference, units) for reference in found]
    return replace(table, references=(*padded, *table.references), notes=(*table.notes, *notes))


def matching(references: Iterable[Reference], dataset: str, resolution: int, metric: str) -> list[Reference]:
    """Returns the references that have the metric on the data set at the resolution.

    Args:
        references: in the order of the suite.
        dataset: what suites call it.
        resolution: side of the network's input, px.
        metric: say, "point_accuracy".
    """
    return [
        reference
        for reference in references
        if (reference.record.dataset, reference.record.resolution) == (dataset, resolution)
        and any(key.startswith(f"{metric}/") for seed in reference.record.seeds for key in seed.metrics)
    ]


def reference_row(reference: Reference, metric: str, columns: Sequence[str]) -> Row:
    """Returns the mean over the reference's seeds with its interval; a single seed has none. Never best.

    Args:
        reference: one that `matching` gave.
        metric: of the table.
        columns: names of the metric's values: "weighted", "macro", findings.
    """
    cells = []
    for column in columns:
        key = f"{metric}/{column}"
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
