"""Renders a table as GitHub Markdown."""

import html
from collections.abc import Sequence

from bench.escapes import markdown as escape
from bench.escapes import paragraph
from bench.reporting.tables.table import Cell, Row, Table, by_section

_NO_BREAK = "\N{NO-BREAK SPACE}"
"""Keeps a value and its half-width on one line, however narrow the page."""


def to_markdown(table: Table) -> str:
    """Returns heading, table, caption and notes; ends with a newline.

    Markdown has one line of headings: a column's is that of its group and its own.
    """
    headings = [
        escape(": ".join(filter(None, (one.group, one.heading)))) + _raised(one.marks)
        for one in table.columns
    ]
    footnotes = [f"<sup>{escape(note.mark)}</sup> {escape(note.text)}" for note in table.all_footnotes]
    below = [paragraph(table.caption), *footnotes, *map(paragraph, table.notes)]
    lines = [
        f"### {escape(table.title)}",
        "",
        _line(["", *headings]),
        _line(["---", *["---:"] * len(headings)]),
        *_rows(table.models),
        *_rows(table.references, emphasis="*"),
        *(line for text in below for line in ("", text)),
    ]
    return "\n".join(lines) + "\n"


def folded(table: Table) -> str:
    """Returns the same below its title, closed until a reader opens it; ends with a newline."""
    return f"<details>\n<summary>{html.escape(table.title)}</summary>\n\n{to_markdown(table)}\n</details>\n"


def _rows(rows: Sequence[Row], emphasis: str = "") -> list[str]:
    lines = []
    for section, own in by_section(rows):
        if section:
            lines.append(_line([f"**{escape(section)}**", *[""] * len(own[0].cells)]))
        for row in own:
            indent = "&emsp;" if row.of else ""
            label = f"{indent}{emphasis}{escape(row.label)}{emphasis}{_raised(row.marks)}"
            lines.append(_line([label, *map(_cell, row.cells)]))
    return lines


def _cell(cell: Cell) -> str:
    text = escape(cell.printed_mean)
    if cell.printed_half_width is not None:
        text += f"{_NO_BREAK}±{_NO_BREAK}{cell.printed_half_width}"
    elif cell.printed_ends is not None:
        text += f"{_NO_BREAK}[{f',{_NO_BREAK}'.join(cell.printed_ends)}]"
    if cell.is_underlined:
        text = f"<u>{text}</u>"
    if cell.is_best:
        text = f"**{text}**"
    if cell.symbol:
        text += f"{_NO_BREAK}{cell.symbol}"
    if cell.shows_n:
        text += f"{_NO_BREAK}(n={cell.n})"
    return text + _raised(cell.raised)


def _raised(marks: str) -> str:
    return f"<sup>{escape(marks)}</sup>" if marks else ""


def _line(parts: list[str]) -> str:
    return "| " + " | ".join(parts) + " |"
