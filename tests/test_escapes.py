"""Text that others wrote, as LaTeX, Markdown and figures print it: judged by what reads these formats."""

import html
import logging
import re
import shutil
import subprocess
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from matplotlib.figure import Figure

from bench.escapes import _KERNEL, code, code_block, latex, markdown, paragraph
from bench.reporting.figures.files import save
from bench.reporting.tables.table import Cell, Column, Footnote, Row, Subject, Table
from bench.reporting.writers.latex import PREAMBLE, to_document, to_latex
from bench.reporting.writers.markdown import to_markdown

FOREIGN = (
    'β-PYLON ≥ 2 → "new" | x',
    "*star* _under_ __both__ `code` ~~gone~~ $x_1$ and $5",
    "<img src=x onerror=alert(1)> <!-- --> </td> &lt; &amp &#36;",
    "[a](javascript:alert(1)) ![b](c) [^1] [d]: e",
    "# 1\n\n- 2\r\n\t3 \\ 4 \\\\ \\alpha {5} % ^ ~ #",
    "1. one",
    "−0.5 × ± ≈ ∼ … – — “q” «g» Ünïcödé Łódź ﬁ 肺 ✓ 😀 \u202f \u2011 --set=x",
)
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MARKS = st.text("ab1 *_`~$|<>&;#[]()!:\\^+-=./\"'\n", max_size=14)


def table_of(text: str) -> Table:
    """Returns a table with the text wherever a table may have some of others."""
    row = Row(text, (Cell(0.5), Cell(None, text=text, marks="†")), section=text, marks="a")
    return Table(
        key="k",
        subject=Subject("claims"),
        title=text,
        columns=(Column(text, text), Column("b", text)),
        models=(row,),
        references=(Row(text, (Cell(1.0),) * 2),),
        caption=text,
        notes=(text,),
        footnotes=(Footnote("a", text),),
    )


def words(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def in_one_line(text: str) -> str:
    return re.sub("\n+", " ", text).strip()


def printed(page: str) -> str:
    """What a reader of the HTML sees; fails if there is any element but ours."""
    elements = {tag.lower() for tag in re.findall(r"</?([A-Za-z][\w-]*)", page)}
    assert elements <= {
        *("p", "span", "h3", "table", "thead", "tbody", "tr", "th", "td"),
        *("em", "strong", "sup"),
    }
    return words(html.unescape(re.sub(r"<[^>]*>", " ", page)).replace("$ ", "$"))


@settings(max_examples=400)
@given(MARKS)
def test_markdown_prints_what_was_given(text: str) -> None:
    page = READER.render(paragraph(text))
    assert not re.search(r"<(?!/?(p|span)>)", page)
    assert html.unescape(re.sub(r"</?(p|span)>", "", page)).strip() == in_one_line(text)


@pytest.mark.parametrize("text", FOREIGN)
def test_text_of_others_stays_text_wherever_a_table_has_it(text: str) -> None:
    page = READER.render(to_markdown(table_of(text)))
    seen = printed(page)
    assert seen.count(printed(READER.render(paragraph(text)))) >= 8
    assert page.count("<tr>") == 4
    assert "<del>" not in page


@pytest.mark.parametrize("text", FOREIGN)
def test_no_formula_is_left_between_dollars(text: str) -> None:
    assert not re.search(r"\$[^$<]+\$", markdown(text))


@settings(max_examples=100)
@given(st.text("a`\n<*", max_size=12))
def test_code_is_what_was_given(text: str) -> None:
    block = READER.render(code_block(text))
    assert html.unescape(re.sub(r"</?(pre|code)>", "", block)).strip("\n") == text.strip("\n")
    line = READER.render(f"x {code(f'a{text}a')}")
    assert re.fullmatch(r"<p>x <code>[^<]*</code></p>\n", line)
    assert words(html.unescape(re.sub(r"</?(p|code)>", "", line))) == words(f"x a{text}a")


def test_every_character_that_the_library_is_asked_for_is_known(
    caplog: pytest.LogCaptureFixture,
) -> None:
    known = [character for character in map(chr, range(0x20, 0x10000)) if _KERNEL.match(character)]
    assert len(known) > 450
    with caplog.at_level(logging.WARNING):
        written = latex("".join(known))
    assert not caplog.records
    assert written.isascii()


@pytest.mark.parametrize("text", FOREIGN)
def test_latex_is_of_letters_that_every_installation_has(text: str) -> None:
    written = to_latex(table_of(text))
    assert written.isascii()
    assert "|" not in written
    assert '"' not in re.sub(r'\\"', "", written)
    assert "\n\n" not in written


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdfLaTeX on this machine")
def test_pdflatex_compiles_all_of_it(tmp_path) -> None:
    known = [character for character in map(chr, range(0x20, 0x10000)) if _KERNEL.match(character)]
    parts = ["".join(known[i : i + 40]) for i in range(0, len(known), 40)]
    tables = {f"t{i}.tex": table_of(text) for i, text in enumerate((*FOREIGN, *parts))}
    for name, table in tables.items():
        (tmp_path / name).write_text(to_latex(table), encoding="utf-8")
    # Without what a reader's installation may lack: the tables need no more than they say.
    document = [r"\documentclass{article}", PREAMBLE, r"\begin{document}"]
    document += [rf"\input{{{name}}}\clearpage" for name in tables]
    (tmp_path / "all.tex").write_text("\n".join([*document, r"\end{document}"]))
    assert to_document(tables, "x").count(r"\input") == len(tables)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=170, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


def test_figures_draw_text_of_others_and_no_formulas(tmp_path) -> None:
    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([1, 2], [1, 2], label="cost $5_{$")
    axes.set_title(r"$\nothing$ of $x_1$")
    axes.set_yticks([1, 2], ["$a_$", "$\\frac{$"])
    axes.set_xscale("log")
    axes.legend()
    save(figure, tmp_path / "figure.svg")
    drawn = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert r"$\nothing$ of $x_1$" in html.unescape(drawn)
