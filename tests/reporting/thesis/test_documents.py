"""LaTeX and HTML of the thesis' tables: whole, balanced, and in need of nothing from elsewhere."""

import re
from html.parser import HTMLParser

import pytest

from bench.reporting.build import Report

VOID = {"meta"}


class Checked(HTMLParser):
    """Fails on tags that do not nest; keeps links, ids and the cells of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.rows: list[list[int]] = []
        self.tables = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.links += [value or "" for key, value in attrs if key in ("href", "src")]
        self.ids += [value or "" for key, value in attrs if key == "id"]
        self.tables += tag == "table"
        if tag == "tr":
            self.rows.append([self.tables])
        if tag in ("td", "th"):
            self.rows[-1].append(int(named.get("colspan") or 1))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(text: str) -> Checked:
    parser = Checked()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser


@pytest.mark.parametrize("filled", [True, False])
def test_html_nests_and_rows_are_equally_wide(
    filled: bool, filled_thesis: Report, empty_thesis: Report
) -> None:
    report = filled_thesis if filled else empty_thesis
    for name, text in report.files.items():
        if name.endswith(".html"):
            page = checked(text)
            assert page.rows, name
            for table in range(1, page.tables + 1):
                assert len({sum(row[1:]) for row in page.rows if row[0] == table}) == 1, name


def test_html_needs_nothing_from_elsewhere(filled_thesis: Report) -> None:
    for name, text in filled_thesis.files.items():
        if name.endswith(".html"):
            page = checked(text)
            assert all(link.startswith("#") and link[1:] in page.ids for link in page.links), name
            assert not re.search(r"https?:|@import|url\(|<script|<link", text), name


def test_index_has_every_table_once(filled_thesis: Report) -> None:
    page = checked(filled_thesis.files["index.html"])
    assert page.tables == 1 + 27
    assert len(set(page.ids)) == len(page.ids) == 28
    assert len(page.links) == 27


def test_html_says_verdicts_in_words_and_symbols(filled_thesis: Report) -> None:
    text = filled_thesis.files["beside/table-5-1-beside.html"]
    for verdict, symbol in (("reproduced", "≈"), ("higher", "↑"), ("lower", "↓"), ("inconclusive", "?")):
        assert f'<span class="{verdict}" title="{verdict}">{symbol}</span>' in text


@pytest.mark.parametrize("filled", [True, False])
def test_latex_is_balanced(filled: bool, filled_thesis: Report, empty_thesis: Report) -> None:
    report = filled_thesis if filled else empty_thesis
    for name, text in report.files.items():
        if not name.endswith(".tex"):
            continue
        assert text.isascii(), name
        opened = re.findall(r"\\begin\{(\w+\*?)\}", text)
        assert sorted(opened) == sorted(re.findall(r"\\end\{(\w+\*?)\}", text)), name
        bare = re.sub(r"\\[{}]", "", text)
        assert bare.count("{") == bare.count("}"), name
        assert len(re.findall(r"(?<!\\)\$", text)) % 2 == 0, name


def test_rows_of_latex_are_as_wide_as_their_columns(filled_thesis: Report) -> None:
    for name, text in filled_thesis.files.items():
        if not name.endswith(".tex") or name.startswith("tables"):
            continue
        (columns,) = re.findall(r"\\begin\{tabular\}\{@\{\}(l r*|lr*)@\{\}\}", text)
        for line in text.split(r"\toprule")[1].split(r"\bottomrule")[0].splitlines():
            if not line.endswith(r" \\"):
                continue
            spans = [int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", line)]
            width = len(re.findall(r"(?<!\\)&", line)) + 1 + sum(spans) - len(spans)
            assert width == len(columns), (name, line)


def test_documents_take_in_every_table(filled_thesis: Report) -> None:
    taken = [
        path
        for name in ("tables.tex", "tables-compact.tex")
        for path in re.findall(r"\\input\{(.+?)\}", filled_thesis.files[name])
    ]
    tables = [name for name in filled_thesis.files if name.endswith(".tex") and "/" in name]
    assert sorted(taken) == sorted(tables)
    labels = [re.findall(r"\\label\{(.+?)\}", filled_thesis.files[name]) for name in tables]
    assert len({label for (label,) in labels}) == 27
