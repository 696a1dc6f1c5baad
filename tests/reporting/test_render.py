"""Rendering of a table as Markdown, LaTeX, HTML and CSV."""

import csv
import dataclasses
import io
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape as escape_html

from bench.escapes import latex as escape
from bench.reporting.tables.table import (
    Cell,
    Column,
    Footnote,
    Row,
    Subject,
    Table,
    decimals_by_interval,
    format_number,
)
from bench.reporting.writers.csv_cells import to_csv
from bench.reporting.writers.html import to_html
from bench.reporting.writers.latex import to_latex
from bench.reporting.writers.markdown import to_markdown

GOLDEN = Path(__file__).parents[1] / "golden"

TABLE = Table(
    key="point_accuracy-phantom-64px",
    subject=Subject("metric", "point_accuracy", "phantom", 64),
    title="Point accuracy, a_b & 50%",
    columns=(
        Column.of_metric("point_accuracy", "weighted"),
        Column("Pleural_Thickening", metric="point_accuracy", name="Pleural_Thickening"),
        Column("Mass #1"),
    ),
    models=(
        Row(
            "PYLON (up_layers=1)",
            (
                Cell(0.616, 0.0193, 5, 5, ("t-1", "t-2", "t-3", "t-4", "t-5"), is_best=True),
                Cell(1.0, 0.0, 5, 5, ("t-1",), is_best=True),
                Cell(0.125, None, 1, 5, ("t-1",), is_best=True),
            ),
            cam="native",
        ),
        Row(
            'A | B, "quoted"',
            (Cell(0.5, 0.25, 4, 5, ("u-1",)), Cell(None, expected=5), Cell(0.0, 0.005, 5, 5)),
        ),
    ),
    references=(Row("Uniform random point", (Cell(0.0751), Cell(None), Cell(1 / 3))),),
    caption="Mean ± half-width – 95% of {x}, x^2 ~ $1 × 2.",
    notes=("Failed: t_6.", "C:\\temp — gone."),
)
RENDERERS = {"md": to_markdown, "tex": to_latex, "html": to_html, "csv": to_csv}


@pytest.mark.parametrize("suffix", RENDERERS)
def test_golden_rendering(suffix: str) -> None:
    assert RENDERERS[suffix](TABLE) == (GOLDEN / f"table.{suffix}").read_text(encoding="utf-8")


@pytest.mark.parametrize("suffix", RENDERERS)
def test_a_table_without_models_and_references_still_renders(suffix: str) -> None:
    empty = dataclasses.replace(TABLE, models=(), references=(), notes=())
    text = RENDERERS[suffix](empty)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


@pytest.mark.parametrize(
    ("cell", "markdown", "latex"),
    [
        (Cell(None, expected=5), "—", "---"),
        (Cell(0.5), "0.50", "0.50"),
        (Cell(0.5, 0.25, 3, 3), "0.50 ± 0.25", r"0.50 $\pm$ 0.25"),
        (Cell(0.5, 0.25, 3, 3, is_best=True), "**0.50 ± 0.25**", r"\textbf{0.50} $\pm$ 0.25"),
        (Cell(0.5, 0.25, 2, 3), "0.50 ± 0.25 (n=2)", r"0.50 $\pm$ 0.25 \scriptsize($n=2$)"),
        (Cell(0.5, None, 1, 3, is_best=True), "**0.50** (n=1)", r"\textbf{0.50} \scriptsize($n=1$)"),
        (Cell(0.5, 0.0, 3, 3), "0.50 ± 0.00", r"0.50 $\pm$ 0.00"),
    ],
)
def test_cells(cell: Cell, markdown: str, latex: str) -> None:
    table = dataclasses.replace(
        TABLE, columns=(Column("X"),), models=(Row("m", (cell,)),), references=(), caption="", notes=()
    )
    unbroken = markdown.replace(" ", "\N{NO-BREAK SPACE}")  # a cell stays on one line
    assert f"| m | {unbroken} |\n" in to_markdown(table)
    assert f"m & {latex} \\\\\n" in to_latex(table)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0.00"), (1, "1.00"), (0.456, "0.46"), (0.004, "0.00"), (0.999, "1.00")]
)
def test_numbers_have_two_decimals(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(0.1, 2, "+0.10"), (-0.03, 2, "−0.03"), (-0.004, 2, "0.00"), (0.0006, 3, "+0.001")],
)
def test_differences_have_a_sign_unless_they_are_nothing(value: float, decimals: int, text: str) -> None:
    assert format_number(value, decimals, is_signed=True) == text


@pytest.mark.parametrize(
    ("half_width", "decimals"),
    [
        (0.47, 2),  # one digit would do, and two decimals are the fewest
        (0.10, 2),
        (0.0783, 2),
        (0.02, 2),
        (0.0199, 3),  # begins with 1: two digits, 0.020
        (0.013, 3),
        (0.0096, 3),
        (0.003, 3),
        (0.0014, 3),  # one more than the fewest is the most
        (0.0, 2),
        (None, 2),
    ],
)
def test_decimals_by_the_half_widths_first_digit(half_width: float | None, decimals: int) -> None:
    assert decimals_by_interval(half_width) == decimals


@pytest.mark.parametrize(("half_width", "decimals"), [(0.2, 3), (0.003, 3), (0.0014, 4), (2e-5, 4), (0.0, 3)])
def test_three_decimals_at_least(half_width: float, decimals: int) -> None:
    assert decimals_by_interval(half_width, at_least=3) == decimals


def test_a_cells_mean_and_half_width_have_the_same_decimals() -> None:
    cell = Cell(0.5212, 0.01304, 3, 3)
    assert (cell.printed_mean, cell.printed_half_width) == ("0.521", "0.013")
    ends = Cell(0.5212, low=0.5082, high=0.5342)
    assert (ends.printed_mean, ends.printed_ends) == ("0.521", ("0.508", "0.534"))


ADORNED = Table(
    key="adorned",
    subject=Subject("claims"),
    title="Adorned",
    columns=(Column("Weighted", "Point"), Column("Macro", "Point"), Column("AUROC")),
    models=(
        Row(
            "PAN",
            (Cell(0.4, 0.2, 7, 5, is_underlined=True), Cell(None, marks="a"), Cell(0.8)),
            "(A)",
            kind="ours",
        ),
        Row("published", (Cell(0.4, 0.2, text="0.4 ± 0.2"),) * 3, "(A)", of="PAN", kind="published"),
        Row(
            "Wang",
            (Cell(0.1, is_signed=True, verdict="higher"), Cell(None, text=""), Cell(1)),
            "(B)",
            marks="†",
        ),
    ),
    references=(),
    caption="",
    notes=(),
    footnotes=(Footnote("†", "Theirs."), Footnote("a", "Gone & lost.")),
)


def test_adornments_in_markdown() -> None:
    lines = to_markdown(ADORNED).replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert lines[2:] == [
        "|  | Point: Weighted | Point: Macro | AUROC |",
        "| --- | ---: | ---: | ---: |",
        "| **(A)** |  |  |  |",
        "| PAN | <u>0.40 ± 0.20</u> (n=7) | —<sup>a</sup> | 0.80 |",
        "| &emsp;published | 0.4 ± 0.2 | 0.4 ± 0.2 | 0.4 ± 0.2 |",
        "| **(B)** |  |  |  |",
        "| Wang<sup>†</sup> | +0.10 ↑ |  | 1.00 |",
        "",
        "",
        "",
        "<sup>†</sup> Theirs.",
        "",
        "<sup>a</sup> Gone & lost.",
    ]


def test_adornments_in_latex() -> None:
    text = to_latex(ADORNED)
    assert r"\caption{Adorned.  \textsuperscript{$\dagger$}Theirs. \textsuperscript{a}Gone \& lost.}" in text
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0].strip("\n").splitlines()
    assert body == [
        r" & \multicolumn{2}{c}{Point} & \multicolumn{1}{c}{} \\",
        r"\cmidrule(lr){2-3}",
        r" & Weighted & Macro & AUROC \\",
        r"\midrule",
        r"\multicolumn{4}{@{}l}{\textit{(A)}} \\",
        r"PAN & \underline{0.40 $\pm$ 0.20} \scriptsize($n=7$) & ---\textsuperscript{a} & 0.80 \\",
        r"\quad published & 0.4 $\pm$ 0.2 & 0.4 $\pm$ 0.2 & 0.4 $\pm$ 0.2 \\",
        r"\addlinespace",
        r"\multicolumn{4}{@{}l}{\textit{(B)}} \\",
        r"Wang\textsuperscript{$\dagger$} & +0.10 $\uparrow$ &  & 1.00 \\",
    ]


def test_adornments_in_csv() -> None:
    found = list(csv.DictReader(io.StringIO(to_csv(ADORNED))))
    assert [(c["row"], c["kind"], c["section"], c["group"], c["printed"]) for c in found[:4]] == [
        ("PAN", "ours", "(A)", "Point", ""),
        ("PAN", "ours", "(A)", "Point", ""),
        ("PAN", "ours", "(A)", "", ""),
        ("PAN", "published", "(A)", "Point", "0.4 ± 0.2"),
    ]
    assert [(c["underlined"], c["verdict"], c["marks"]) for c in (found[0], found[1], found[6])] == [
        ("1", "", ""),
        ("0", "", "a"),
        ("0", "higher", "†"),
    ]


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a & b", '"quoted"'])
def test_html_escapes_what_people_write(text: str) -> None:
    row = Row(text, (Cell(0.5, text=text),) * 3, section=text)
    page = to_html(dataclasses.replace(TABLE, title=text, models=(row,), caption=text, notes=(text,)))
    assert page.count(str(escape_html(text))) == 9
    assert text not in page or text == str(escape_html(text))


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("50%", r"50\%"),
        ("a_b & c", r"a\_b \& c"),
        ("#1 $2", r"\#1 \$2"),
        ("{x}", r"\{x\}"),
        ("x^2 ~ y", r"x\textasciicircum{}2 \textasciitilde{} y"),
        ("\\", r"\textbackslash{}"),
        ("1 ± 2", r"1 $\pm$ 2"),
        ("3–4 — 5 − 6", r"3--4 --- 5 $-$ 6"),
        ("2 × 3 · 4", r"2 $\times$ 3 $\cdot$ 4"),
        ("1 < 2 > 0", "1 $<$ 2 $>$ 0"),
        ("", ""),
    ],
)
def test_latex_escapes_what_it_would_not_print(text: str, escaped: str) -> None:
    assert escape(text) == escaped


_UNESCAPES = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    **{f"\\{character}": character for character in "&%$#_{}"},
}


@settings(max_examples=150)
@given(st.text("ab &%$#_{}~^\\", max_size=20))
def test_escaped_text_prints_what_was_given(text: str) -> None:
    assert _reference_print(escape(text)) == text


def _reference_print(latex: str) -> str:
    """What LaTeX prints: its commands replaced one by one, nothing special left over."""
    pattern = "|".join(re.escape(command) for command in sorted(_UNESCAPES, key=len, reverse=True))
    assert not re.search(r"[&%$#_{}~^\\]", re.sub(pattern, "", latex))
    return re.sub(pattern, lambda match: _UNESCAPES[match.group()], latex)


@settings(max_examples=60)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=12),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0, 1),
)
def test_csv_reads_back_exactly(label: str, mean: float | None, half_width: float | None) -> None:
    row = Row(label, (Cell(mean, half_width, 2, 3, ("a", "b")),) * 3)
    text = to_csv(dataclasses.replace(TABLE, models=(row,), references=()))
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [cell["column"] for cell in found] == list(TABLE.headings)
    for cell in found:
        assert cell["row"] == label
        assert (float(cell["mean"]) if cell["mean"] else None) == mean
        assert (float(cell["half_width_95"]) if cell["half_width_95"] else None) == half_width
        assert cell["trial_ids"].split() == ["a", "b"]


@pytest.mark.parametrize("label", ["a|b", "a\nb", "|", "a\r\nb"])
def test_labels_cannot_break_a_markdown_table(label: str) -> None:
    row = Row(label, (Cell(0.5),) * 3)
    text = to_markdown(dataclasses.replace(TABLE, models=(row,), references=(), caption="", notes=()))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 3
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {5}


def test_a_label_in_brackets_is_no_argument_of_the_line_before() -> None:
    r"""In LaTeX, `\\` takes `[…]` at the start of the next line as a length."""
    row = Row("[12] Ours", (Cell(0.5),) * 3)
    text = to_latex(dataclasses.replace(TABLE, models=(*TABLE.models, row), references=()))
    assert not re.search(r"\\\\\s*\[", text)
