"""Renders a table as LaTeX for the booktabs package."""

from bench.reporting.table import Cell, Row, Table, format_number

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": "$<$",
        ">": "$>$",
        "±": r"$\pm$",
        "−": "$-$",
        "–": "--",
        "—": "---",
        "×": r"$\times$",
        "·": r"$\cdot$",
    }
)


def to_latex(table: Table) -> str:
    r"""Returns a ``table*`` environment; needs ``\usepackage{booktabs,graphicx}``. Ends with a newline."""
    caption = escape(" ".join((f"{table.title}.", table.caption, *table.notes)))
    lines = [
        "% needs \\usepackage{booktabs,graphicx}",
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{caption}}}",
        rf"\label{{tab:{table.key.replace('_', '-')}}}",
        r"\vspace{1ex}",
        r"\resizebox{\textwidth}{!}{%",
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        _line(["", *map(escape, table.columns)]),
        r"\midrule",
        *map(_row, table.models),
    ]
    if table.references:
        lines += [r"\midrule", *map(_row, table.references)]
    lines += [r"\bottomrule", r"\end{tabular}}", r"\end{table*}"]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Returns `text` with LaTeX's special characters and our typographic ones escaped."""
    return text.translate(_ESCAPES)


def _row(row: Row) -> str:
    label = escape(row.label)
    if label.startswith("["):  # which the line break before would take as its argument
        label = f"{{{label}}}"
    return _line([label, *map(_cell, row.cells)])


def _cell(cell: Cell) -> str:
    if cell.text is not None:
        return escape(cell.text)
    if cell.mean is None:
        return "---"
    text = escape(format_number(cell.mean, cell.decimals, is_signed=cell.is_signed))
    if cell.is_best:
        text = rf"\textbf{{{text}}}"
    if cell.half_width is not None:
        text += rf" $\pm$ {format_number(cell.half_width, cell.decimals)}"
    elif cell.low is not None and cell.high is not None:
        text += f" [{escape(cell.formatted_ends(', '))}]"
    return rf"{text} \scriptsize($n={cell.n}$)" if cell.is_short else text


def _line(parts: list[str]) -> str:
    return " & ".join(parts) + r" \\"
