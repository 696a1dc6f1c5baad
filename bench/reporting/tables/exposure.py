"""The mark of rows that start from something that has seen their test images."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bench.reporting.tables.table import Footnote, Row, Table
from bench.results.store import ResultsStore
from bench.results.units import read_table
from bench.suite.cam import NATIVE
from bench.suite.grid import Grid
from bench.suite.trial import Trial

MARK = "¶"


def exposed_trials(grid: Grid, store: ResultsStore) -> dict[str, tuple[str, ...]]:
    """Returns by the id of a finished trial, in sentences, how its test images were seen before it began.

    Args:
        grid: of a suite.
        store: has the names of images where the suite lists those that were seen.

    Raises:
        ResultsError: a table of logits cannot be read.
    """

    def test_names(trial: Trial) -> Collection[str] | None:
        path = store.folder(trial.id).table("logits", NATIVE)
        return set(read_table(path)["image"].astype(str)) if path.exists() else None

    found: dict[str, tuple[str, ...]] = {}
    for trial, line in grid.exposures(test_names):
        if store.state(trial.id) == "finished":
            found[trial.id] = (*found.get(trial.id, ()), line)
    return found


def with_exposures(table: Table, exposed: Mapping[str, Sequence[str]]) -> Table:
    """Returns the table with a mark at each row that has a value of an exposed trial, and a footnote."""
    found: dict[str, None] = {}

    def marked(row: Row) -> Row:
        own = [line for cell in row.cells for key in cell.trial_ids for line in exposed.get(key, ())]
        found.update(dict.fromkeys(own))
        return replace(row, marks=row.marks + MARK) if own else row

    rows = tuple(map(marked, table.models))
    if not found:
        return table
    text = f"Its start has seen test images, or may have: no fair rival of the others. {'; '.join(found)}."
    return replace(table, models=rows, footnotes=(*table.footnotes, Footnote(MARK, text)))
