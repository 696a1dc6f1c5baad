"""Renders a table as LaTeX for the booktabs package."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise

from bench.escapes import latex as escape
from bench.reporting.tables.table import Cell, Row, Table, by_section

PREAMBLE = r"\usepackage{booktabs,graphicx}"
"""Packages that a paper needs to include our tables."""

_MOST_COLUMNS_UPRIGHT = 8
"""A table with more columns is set on a page that lies, since its type would become too small."""


def to_latex(table: Table) -> str:
    r"""Returns a ``table*`` environment, of a narrow table a ``table``; needs `PREAMBLE`. Ends in a newline.

    A table that is wider than the page is scaled to it; none is enlarged.
    """
    environment = "table" if table.is_narrow else "table*"
    caption = escape(" ".join((f"{table.title}.", table.caption)))
    footnotes = [f"{_raised(note.mark)}{escape(note.text)}" for note in table.all_footnotes]
    caption = " ".join([caption, *footnotes, *map(escape, table.notes)])
    size, separation = (r"\scriptsize", "2pt") if table.is_narrow else (r"\footnotesize", "4pt")
    lines = [
        f"% needs {PREAMBLE}",
        rf"\begin{{{environment}}}",
        r"\centering",
        rf"\caption{{{caption}}}",
        rf"\label{{tab:{table.key.replace('_', '-')}}}",
        r"\vspace{1ex}",
        rf"{size}\setlength{{\tabcolsep}}{{{separation}}}%",
        *_lines_between((_tabular(part) for part in _parts(table)), r"\par\vspace{1ex}"),
        rf"\end{{{environment}}}",
    ]
    return "\n".join(lines) + "\n"


def _lines_between(parts: Iterable[list[str]], line: str) -> list[str]:
    """Returns the lines of all parts, with one between two of them."""
    lines: list[str] = []
    for part in parts:
        lines += [*([line] if lines else []), *part]
    return lines


def _parts(table: Table) -> list[Table]:
    """Returns the table, of a summary parts of it that are narrow enough to be read, cut between groups."""
    if table.subject.kind != "summary":
        return [table]
    ends = list(accumulate(span for _, span in table.groups))
    cuts = [0]
    for start, end in zip((0, *ends), ends, strict=False):
        if end - cuts[-1] > _MOST_COLUMNS_UPRIGHT and start > cuts[-1]:
            cuts.append(start)
    return [table.with_columns(slice(*span)) for span in pairwise((*cuts, len(table.columns)))]


def _tabular(table: Table) -> list[str]:
    lines = [
        r"\resizebox{\ifdim\width>\linewidth \linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{@{{}}l{'r' * len(table.columns)}@{{}}}}",
        r"\toprule",
        *_groups(table),
        _line(["", *(escape(one.heading) + _raised(one.marks) for one in table.columns)]),
        r"\midrule",
        *_rows(table.models),
    ]
    if table.references:
        lines += [r"\midrule", *_rows(table.references)]
    return [*lines, r"\bottomrule", r"\end{tabular}}"]


def to_document(tables: Mapping[str, Table], title: str) -> str:
    """Returns a document that includes the files of tables and compiles alone.

    Narrow tables are set in two columns, as in many papers; others on a page each, those of many columns on
    landscape pages.

    Args:
        tables: by the path of their file, relative to the document; all of them narrow, or none.
        title: for who reads the source.
    """
    is_narrow = all(table.is_narrow for table in tables.values())
    lines = [
        rf"\documentclass[10pt,a4paper{',twocolumn' if is_narrow else ''}]{{article}}",
        f"% {title}",
        r"\usepackage[margin=1.6cm]{geometry}",
        PREAMBLE,
        r"\usepackage[font=small,labelformat=empty]{caption}",
        r"\usepackage{pdflscape}",
        r"\setcounter{totalnumber}{9}\setcounter{topnumber}{9}\renewcommand{\topfraction}{1}",
        r"\renewcommand{\textfraction}{0}\renewcommand{\floatpagefraction}{.5}",
        r"\makeatletter\setlength{\@fptop}{0pt}\makeatother",
        r"\begin{document}",
    ]
    for path, table in tables.items():
        if is_narrow:
            lines.append(rf"\input{{{path}}}")
        elif len(table.columns) > _MOST_COLUMNS_UPRIGHT:
            lines.append(rf"\begin{{landscape}}\input{{{path}}}\end{{landscape}}")
        else:
            lines.append(rf"\input{{{path}}}\clearpage")
    return "\n".join([*lines, r"\end{document}"]) + "\n"


def _groups(table: Table) -> list[str]:
    """Returns the line of headings above those of the columns, with a rule below each."""
    if not table.groups:
        return []
    ends = accumulate((span for _, span in table.groups), initial=1)
    headings = [rf"\multicolumn{{{span}}}{{c}}{{{escape(heading)}}}" for heading, span in table.groups]
    rules = [
        rf"\cmidrule(lr){{{start + 1}-{start + span}}}"
        for start, (heading, span) in zip(ends, table.groups, strict=False)
        if heading
    ]
    return [_line(["", *headings]), "".join(rules)]


def _rows(rows: Sequence[Row]) -> list[str]:
    lines: list[str] = []
    for section, own in by_section(rows):
        if section:
            lines += [r"\addlinespace"] if lines else []
            heading = rf"\textit{{{escape(section)}}}"
            lines.append(rf"\multicolumn{{{len(own[0].cells) + 1}}}{{@{{}}l}}{{{heading}}} \\")
        for before, row in zip((None, *own), own, strict=False):
            if before is not None and before.of and not row.of:
                lines.append(r"\addlinespace[2pt]")
            lines.append(_row(row))
    return lines


def _row(row: Row) -> str:
    label = escape(row.label) + _raised(row.marks)
    if label.startswith("["):  # which the line break before would take as its argument
        label = f"{{{label}}}"
    if row.of:
        label = rf"\quad {label}"
    return _line([label, *map(_cell, row.cells)])


def _cell(cell: Cell) -> str:
    text = escape(cell.printed_mean)
    if cell.is_best:
        text = rf"\textbf{{{text}}}"
    if cell.printed_half_width is not None:
        text += rf" $\pm$ {escape(cell.printed_half_width)}"
    elif cell.printed_ends is not None:
        text += f" [{escape(', '.join(cell.printed_ends))}]"
    if cell.is_underlined:
        text = rf"\underline{{{text}}}"
    if cell.symbol:
        text += f" {escape(cell.symbol)}"
    if cell.shows_n:
        text += rf" \scriptsize($n={cell.n}$)"
    return text + _raised(cell.raised)


def _raised(marks: str) -> str:
    return rf"\textsuperscript{{{escape(marks)}}}" if marks else ""


def _line(parts: list[str]) -> str:
    return " & ".join(parts) + r" \\"
