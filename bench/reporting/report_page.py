"""The page of a suite's report: what was found in a sentence and a figure, then tables, claims and origin.

All of it comes from records alone, so that the same results give the same bytes. The gallery shows
radiographs, which records do not hold: there is a place for it (see `bench.reporting.gallery_place`).
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from bench.errors import listing
from bench.reporting.control_rows import CONSTANT
from bench.reporting.finding_plot import finding_columns, finding_plot
from bench.reporting.forest_plot import forest_plot
from bench.reporting.gallery_place import STYLE as GALLERY_STYLE
from bench.reporting.gallery_place import empty_place
from bench.reporting.html import document, table_section
from bench.reporting.lanes import STYLE
from bench.reporting.table import Table
from bench.reporting.thesis.tables import THESIS_TABLES
from bench.suite.metrics import PRIMARY, WEIGHTED


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
    intervals = [table for table in tables if has_forest(table)]
    plots = [forest_plot(table, published_means(name, table)) for table in intervals]
    lead = " ".join([*origin[:1], *map(_headline, intervals)])
    sections = {
        "tables": ("Tables", [part for table in tables for part in _with_figure(table)]),
        "claims": ("Claims", [table_section(table, level=3) for table in claims]),
        "gallery": ("Gallery", [empty_place()]),
        "origin": ("Where the numbers come from", [_list(origin)]),
    }
    shown = {key: section for key, section in sections.items() if section[1]}
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="intro lead">{escape(lead)}</p>',
        _links({key: heading for key, (heading, _) in shown.items()}, tables),
        *plots,
    ]
    for key, (heading, parts) in shown.items():
        body += [f'<section id="{key}">', f"<h2>{heading}</h2>", *parts, "</section>"]
    return document(title, "\n".join(body), STYLE + GALLERY_STYLE)


def has_forest(table: Table) -> bool:
    """Returns whether a table is drawn as a forest plot: one of how sure the first metric is."""
    return (table.subject.kind, table.subject.metric) == ("intervals", PRIMARY.name) and bool(table.models)


def has_findings(table: Table) -> bool:
    """Returns whether a table is drawn by finding: one of the first metric that has any."""
    is_meant = (table.subject.kind, table.subject.metric) == ("metric", PRIMARY.name)
    return is_meant and bool(table.models) and bool(finding_columns(table))


def published_means(suite: str, table: Table) -> Mapping[str, float]:
    """Returns the thesis' weighted averages of the rows of a table of intervals, by label.

    Args:
        suite: its name; only those of the thesis have any.
        table: of intervals of one metric at one resolution.
    """
    meant = (table.subject.metric, WEIGHTED, table.subject.resolution)
    slots = (slot for thesis in THESIS_TABLES for slot in thesis.slots())
    return {
        slot.source.model or slot.source.label: slot.published.value.mean
        for slot in slots
        if (slot.quantity.metric, slot.quantity.name, slot.resolution) == meant
        and slot.source.suites.get(slot.resolution) == suite
        and slot.published is not None
    }


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


def _links(sections: Mapping[str, str], tables: Sequence[Table]) -> str:
    first = "".join(f'<a href="#{key}">{heading}</a>' for key, heading in sections.items())
    rest = "".join(f'<a href="#{escape(table.key)}">{escape(table.title)}</a>' for table in tables)
    return f"<nav>{first}</nav>\n<details><summary>All tables</summary><nav>{rest}</nav></details>"


def _with_figure(table: Table) -> Iterator[str]:
    yield table_section(table, level=3)
    if has_findings(table):
        yield finding_plot(table)


def _list(sentences: Sequence[str]) -> str:
    return f'<ul class="origin">{"".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)}</ul>'
