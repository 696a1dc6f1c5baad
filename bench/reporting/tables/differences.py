"""What tables say below them of results that were not all made alike."""

from collections.abc import Iterable
from dataclasses import replace

from bench.reporting.tables.table import Table
from bench.results.differences import difference_notes, points_of
from bench.results.grid_results import Results
from bench.results.store import ResultsStore
from bench.suite.grid import Point


def noted(tables: Iterable[Table], points: Iterable[Point], store: ResultsStore) -> tuple[Table, ...]:
    """Returns the tables, each with what differs among the results of `points`, which they are computed from.

    Raises:
        ResultsError: a record cannot be read.
    """
    notes = difference_notes(points, store)
    return tuple(replace(table, notes=(*table.notes, *notes)) for table in tables)


def noted_by_place(tables: Iterable[Table], results: Results) -> tuple[Table, ...]:
    """Returns the tables, each with what differs among the results of its data set and resolution.

    Raises:
        ResultsError: a record cannot be read.
    """
    notes = {
        (place.dataset, place.resolution): difference_notes(place.points, results.store)
        for place in results.places
    }
    return tuple(
        replace(table, notes=(*table.notes, *notes[table.subject.dataset, table.subject.resolution]))
        for table in tables
    )


def noted_by_cells(table: Table, store: ResultsStore) -> Table:
    """Returns the table with what differs among the trials that its cells name.

    Raises:
        ResultsError: a record cannot be read.
    """
    ids = dict.fromkeys(key for row in table.models for cell in row.cells for key in cell.trial_ids)
    return noted((table,), points_of(ids, store), store)[0]
