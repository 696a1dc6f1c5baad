"""Renders tables as HTML: a page that needs nothing but itself."""

from collections.abc import Mapping, Sequence
from html import escape

from bench.reporting.table import Cell, Row, Table

_STYLE = """\
:root { color-scheme: light dark; --ink: #1c1f24; --soft: #5b636e; --line: #d5d9df; --faint: #eceff3;
  --page: #fff; --up: #0b6b3a; --down: #a3320b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #9aa3ae; --line: #3a4048;
  --faint: #262b31; --page: #17191c; --up: #6fd09b; --down: #f2a07b; } }
body { margin: 0 auto; max-width: 84rem; padding: 1.5rem 1rem 4rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 3rem 0 0; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; line-height: 1.35; margin: 2rem 0 .5rem; }
p, .intro { max-width: 70ch; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: .5rem 0; font-size: .95rem; }
nav strong { flex-basis: 100%; font-weight: 600; }
a { color: inherit; text-underline-offset: .2em; }
.scroll { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; font-size: .85rem; font-variant-numeric: tabular-nums;
  border-top: 2px solid var(--ink); border-bottom: 2px solid var(--ink); }
th, td { padding: .28rem .5rem; white-space: nowrap; text-align: right; font-weight: 400; }
thead th { font-weight: 600; vertical-align: bottom; }
thead tr:last-child th { border-bottom: 1px solid var(--ink); }
thead .group { text-align: center; border-bottom: 1px solid var(--line); }
tbody th { position: sticky; left: 0; background: var(--page); text-align: left; }
thead th:first-child { position: sticky; left: 0; background: var(--page); }
tbody .section th { font-style: italic; padding-top: .8rem; }
tbody .ours > * { border-top: 1px solid var(--faint); }
tbody .detail th { padding-left: 1.8rem; }
tbody .detail > * { color: var(--soft); }
tbody.references th { font-style: italic; }
tbody.references tr:first-child > * { border-top: 1px solid var(--ink); }
tbody b { font-weight: 700; }
.higher { color: var(--up); } .lower { color: var(--down); }
sup { line-height: 0; }
.lead { font-size: 1.05rem; }
.origin { font-size: .9rem; color: var(--soft); padding-left: 1.2rem; max-width: 80ch; }
.caption, .notes { font-size: .875rem; color: var(--soft); max-width: 80ch; margin: .5rem 0; }
@page { size: A4 landscape; margin: 12mm; }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --faint: #e4e4e4;
    --page: #fff; --up: #0b6b3a; --down: #a3320b; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav, details { display: none; } .scroll { overflow: visible; }
  h2, h3 { break-after: avoid; } tr { break-inside: avoid; } thead { display: table-header-group; }
  table { font-size: 7.5pt; break-inside: avoid; } th, td { padding: .15rem .3rem; white-space: normal; }
  tbody th, thead th:first-child { position: static; } .caption, .notes { font-size: 8pt; max-width: none; } }
"""


def to_html(table: Table) -> str:
    """Returns a page with the table alone, without scripts and without anything from elsewhere."""
    return document(table.title, table_section(table, level=1))


def to_page(title: str, sections: Mapping[str, Sequence[Table]], introduction: str) -> str:
    """Returns a page with all tables, and links to each.

    Args:
        title: of the page.
        sections: tables by the heading above them.
        introduction: a paragraph.
    """
    links = [
        f"<nav><strong>{escape(heading)}</strong>"
        + "".join(f'<a href="#{escape(t.key)}">{escape(_short(t))}</a>' for t in tables)
        + "</nav>"
        for heading, tables in sections.items()
        if len(tables) > 1
    ]
    body = [f"<h1>{escape(title)}</h1>", f'<p class="intro">{escape(introduction)}</p>', *links]
    for heading, tables in sections.items():
        body += [f"<h2>{escape(heading)}</h2>", *(table_section(table, level=3) for table in tables)]
    return document(title, "\n".join(body))


def _short(table: Table) -> str:
    """Which table it is, of one of the thesis; the titles of others."""
    return f"Table {table.subject.number}" if table.subject.number else table.title


def document(title: str, body: str, style: str = "") -> str:
    """Returns a page that needs nothing but itself.

    Args:
        title: of the page.
        body: HTML.
        style: CSS beside that of all pages.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def table_section(table: Table, level: int) -> str:
    """Returns the table with its heading of that level, caption and notes."""
    lines = [
        f'<section id="{escape(table.key)}">',
        f"<h{level}>{escape(table.title)}</h{level}>",
        '<div class="scroll">',
        "<table>",
        *_head(table),
        *_body(table.models, "models"),
    ]
    if table.references:
        lines += _body(table.references, "references")
    lines += ["</table>", "</div>", f'<p class="caption">{escape(table.caption)}</p>']
    notes = [f"{_raised(note.mark)} {escape(note.text)}" for note in table.all_footnotes]
    lines += [f'<p class="notes">{note}</p>' for note in (*notes, *map(escape, table.notes))]
    return "\n".join([*lines, "</section>"])


def _head(table: Table) -> list[str]:
    lines = ["<thead>"]
    if table.groups:
        headings = [
            f'<th scope="colgroup" class="{"group" if heading else "none"}" colspan="{span}">'
            f"{escape(heading)}</th>"
            for heading, span in table.groups
        ]
        lines.append(f"<tr><th></th>{''.join(headings)}</tr>")
    columns = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.headings)
    return [*lines, f"<tr><th></th>{columns}</tr>", "</thead>"]


def _body(rows: Sequence[Row], kind: str) -> list[str]:
    lines, section = [f'<tbody class="{kind}">'], ""
    for row in rows:
        if row.section and row.section != section:
            rest = f'<td colspan="{len(row.cells)}"></td>'
            lines.append(f'<tr class="section"><th scope="rowgroup">{escape(row.section)}</th>{rest}</tr>')
        section = row.section
        name = "detail" if row.of else row.kind or "model"
        label = f'<th scope="row">{escape(row.label)}{_raised(row.marks)}</th>'
        lines.append(f'<tr class="{escape(name)}">{label}{"".join(map(_cell, row.cells))}</tr>')
    return [*lines, "</tbody>"]


def _cell(cell: Cell) -> str:
    text = escape(cell.printed_mean)
    if cell.printed_half_width is not None:
        text += f" ± {cell.printed_half_width}"
    elif cell.printed_ends is not None:
        text += f" [{', '.join(cell.printed_ends)}]"
    if cell.is_underlined:
        text = f"<u>{text}</u>"
    if cell.is_best:
        text = f"<b>{text}</b>"
    if cell.symbol:
        text += f' <span class="{cell.verdict}" title="{cell.verdict}">{cell.symbol}</span>'
    if cell.shows_n:
        text += f" (n={cell.n})"
    return f"<td>{text}{_raised(cell.raised)}</td>"


def _raised(marks: str) -> str:
    return f"<sup>{escape(marks)}</sup>" if marks else ""
