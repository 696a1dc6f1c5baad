"""The page of a suite's report: what was found in a sentence and a figure, then tables, claims and origin.

All of it comes from records alone, so that the same results give the same bytes. The gallery shows
radiographs, which records do not hold: it is a page of its own (see `bench.reporting.gallery.page`).
"""

from collections.abc import Sequence

from bench.errors import listing
from bench.reporting.figures.plots import COLOURS, finding_plot_of, forest_of, published_means
from bench.reporting.tables.controls import CONSTANT
from bench.reporting.tables.table import Table
from bench.reporting.writers.html import GALLERY, render


def report_page(
    name: str, title: str, tables: Sequence[Table], claims: Sequence[Table], origin: Sequence[str]
) -> str:
    """Returns the page as HTML that needs nothing but itself.

    Args:
        name: of the suite.
        title: of it, one line.
        tables: in their order.
        claims: the table of claims; none if the suite claims nothing.
        origin: where the numbers come from, in sentences; the first one counts trials.
    """
    drawn = [(table, forest_of(table, published_means(name, table))) for table in tables]
    forests = [(table, forest) for table, forest in drawn if forest is not None]
    return render(
        "report.html",
        title=title,
        lead=" ".join([*origin[:1], *(_headline(table) for table, _ in forests)]),
        forests=[forest for _, forest in forests],
        tables=[(table, finding_plot_of(table)) for table in tables],
        claims=claims,
        origin=origin,
        gallery=GALLERY,
        colours=COLOURS,
    )


def _headline(table: Table) -> str:
    """Says which row points best, or which are equal, and what the best constant point reaches."""
    known = [(row, mean) for row in table.models if (mean := row.cells[0].mean) is not None]
    if not known:
        return ""
    highest = max(mean for _, mean in known)
    best = [row for row, mean in known if mean == highest]
    cell = best[0].cells[0]
    names = f"{listing((row.label for row in best), 2)} {'has' if len(best) == 1 else 'have'}"
    sure = f" ± {cell.printed_half_width}" if cell.printed_half_width is not None else ""
    constant = next((row.cells[1].printed_mean for row in table.references if row.label == CONSTANT), None)
    against = f"; the best constant point reaches {constant}" if constant is not None else ""
    reached = f"{cell.printed_mean}{sure}{against}"
    return f"On {table.subject.place}, {names} the highest weighted point accuracy, {reached}."
