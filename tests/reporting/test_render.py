"""Rendering of a table as Markdown, LaTeX and CSV."""

import csv
import dataclasses
import io
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.reporting.csv_cells import to_csv
from bench.reporting.latex import escape, to_latex
from bench.reporting.markdown import to_markdown
from bench.reporting.table import Cell, Row, Table, format_number

GOLDEN = Path(__file__).parents[1] / "golden"

TABLE = Table(
    key="point_accuracy-phantom-64px",
    title="Point accuracy, a_b & 50%",
    columns=("Weighted avg.", "Pleural_Thickening", "Mass #1"),
    models=(
        Row(
            "PYLON (up_layers=1)",
            (
                Cell(0.616, 0.0193, 5, 5, ("t-1", "t-2", "t-3", "t-4", "t-5"), is_best=True),
                Cell(1.0, 0.0, 5, 5, ("t-1",), is_best=True),
                Cell(0.125, None, 1, 5, ("t-1",), is_best=True),
            ),
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
RENDERERS = {"md": to_markdown, "tex": to_latex, "csv": to_csv}


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
        TABLE, columns=("X",), models=(Row("m", (cell,)),), references=(), caption="", notes=()
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


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text("ab &%$#_{}~^\\", max_size=20))
def test_escaped_text_prints_what_was_given(text: str) -> None:
    assert _reference_print(escape(text)) == text


def _reference_print(latex: str) -> str:
    """What LaTeX prints: its commands replaced one by one, nothing special left over."""
    pattern = "|".join(re.escape(command) for command in sorted(_UNESCAPES, key=len, reverse=True))
    assert not re.search(r"[&%$#_{}~^\\]", re.sub(pattern, "", latex))
    return re.sub(pattern, lambda match: _UNESCAPES[match.group()], latex)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=12),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0, 1),
)
def test_csv_reads_back_exactly(label: str, mean: float | None, half_width: float | None) -> None:
    row = Row(label, (Cell(mean, half_width, 2, 3, ("a", "b")),) * 3)
    text = to_csv(dataclasses.replace(TABLE, models=(row,), references=()))
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [cell["column"] for cell in found] == list(TABLE.columns)
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
