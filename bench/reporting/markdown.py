"""Renders a table as GitHub Markdown."""

from bench.reporting.table import DASH, Cell, Row, Table, format_number

_NO_BREAK = "\N{NO-BREAK SPACE}"
"""Keeps a value and its half-width on one line, however narrow the page."""


def to_markdown(table: Table) -> str:
    """Returns heading, table, caption and notes; ends with a newline."""
    header = ["", *table.columns]
    lines = [f"### {table.title}", "", _line(header), _line(["---", *["---:"] * len(table.columns)])]
    lines += [_row(row) for row in table.models]
    lines += [_row(row, emphasis="*") for row in table.references]
    lines += ["", table.caption]
    lines += [part for note in table.notes for part in ("", note)]
    return "\n".join(lines) + "\n"


def _row(row: Row, emphasis: str = "") -> str:
    label = " ".join(row.label.split()).replace("|", "\\|")
    return _line([f"{emphasis}{label}{emphasis}", *map(_cell, row.cells)])


def _cell(cell: Cell) -> str:
    if cell.text is not None:
        return cell.text.replace("|", "\\|")
    if cell.mean is None:
        return DASH
    text = format_number(cell.mean, cell.decimals, is_signed=cell.is_signed)
    if cell.half_width is not None:
        text += f"{_NO_BREAK}±{_NO_BREAK}{format_number(cell.half_width, cell.decimals)}"
    elif cell.low is not None and cell.high is not None:
        text += f"{_NO_BREAK}[{cell.formatted_ends(f',{_NO_BREAK}')}]"
    if cell.is_best:
        text = f"**{text}**"
    return f"{text}{_NO_BREAK}(n={cell.n})" if cell.is_short else text


def _line(parts: list[str]) -> str:
    return "| " + " | ".join(parts) + " |"
