"""A table whose cells are text, and its writers: for what is no grid of rows and metrics."""

from dataclasses import dataclass

from bench.reporting.latex import escape


@dataclass(frozen=True)
class TextRow:
    """Cells of a row; a heading is emphasized and its first cell spans the others that are empty."""

    cells: tuple[str, ...]
    is_heading: bool = False


@dataclass(frozen=True)
class TextTable:
    """Rows of text under common columns; the first is aligned left.

    Attributes:
        key: names files.
        title: one line.
        columns: headings, one per cell of a row.
        rows: in their order.
        caption: what the cells are.
        notes: what is missing, and what else a reader should know.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[TextRow, ...]
    caption: str
    notes: tuple[str, ...] = ()


def to_markdown(table: TextTable) -> str:
    """Returns heading, table, caption and notes; ends with a newline."""
    lines = [f"### {table.title}", "", _line(table.columns)]
    lines.append(_line(("---", *("---:" for _ in table.columns[1:]))))
    lines += [_markdown_row(row) for row in table.rows]
    lines += ["", table.caption]
    lines += [part for note in table.notes for part in ("", note)]
    return "\n".join(lines) + "\n"


def _markdown_row(row: TextRow) -> str:
    cells = [" ".join(cell.split()).replace("|", "\\|") for cell in row.cells]
    return _line([f"**{cell}**" if row.is_heading and cell else cell for cell in cells])


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def to_latex(table: TextTable) -> str:
    r"""Returns a ``longtable``, which may go over pages; needs ``\usepackage{array,booktabs,longtable}``."""
    num = len(table.columns)
    head = [r"\toprule", _latex_line([escape(column) for column in table.columns]), r"\midrule"]
    lines = [
        "% needs \\usepackage{array,booktabs,longtable}",
        r"{\footnotesize\setlength{\tabcolsep}{2pt}\setlength{\LTcapwidth}{\linewidth}",
        rf"\begin{{longtable}}{{>{{\raggedright\arraybackslash}}p{{0.26\linewidth}}{'r' * (num - 1)}}}",
        rf"\caption{{{escape(' '.join((f'{table.title}.', table.caption, *table.notes)))}}}",
        rf"\label{{tab:{table.key.replace('_', '-')}}}\\",
        *head,
        r"\endfirsthead",
        *head,
        r"\endhead",
        r"\bottomrule",
        r"\endlastfoot",
    ]
    for index, row in enumerate(table.rows):
        if row.is_heading and index:
            lines.append(r"\addlinespace")
        lines.append(
            _latex_heading(row, num) if row.is_heading else _latex_line(list(map(escape, row.cells)))
        )
    lines += [r"\end{longtable}}"]
    return "\n".join(lines) + "\n"


def _latex_heading(row: TextRow, num_columns: int) -> str:
    first, *_, last = map(escape, row.cells)
    span = rf"\multicolumn{{{num_columns - 1}}}{{p{{0.74\linewidth}}}}{{\raggedright\textbf{{{first}}}}}"
    return rf"{span} & \textbf{{{last}}} \\*"


def _latex_line(cells: list[str]) -> str:
    first = f"{{{cells[0]}}}" if cells[0].startswith("[") else cells[0]
    return " & ".join([first, *cells[1:]]) + r" \\"
