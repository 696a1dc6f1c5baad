"""Escapes text for LaTeX and Markdown: labels, titles, findings, names of files, errors.

All text that is not our own markup passes through the function of its format; HTML has `html.escape`.
"""

import re
import unicodedata
from functools import lru_cache

from pylatexenc.latexencode import (
    RULE_CALLABLE,
    RULE_DICT,
    RULE_REGEX,
    UnicodeToLatexConversionRule,
    UnicodeToLatexEncoder,
)

_BREAKS = re.compile(r"[^\S\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE} ]+")
"""White space other than blanks, which would end a paragraph."""

_OWN = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "—": "---",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≈": r"$\approx$",
    "↑": r"$\uparrow$",
    "→": r"$\rightarrow$",
    "↓": r"$\downarrow$",
    "←": r"$\leftarrow$",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "§": r"\S{}",
    "¶": r"\P{}",
    "Γ": r"$\Gamma$",
    "ϵ": r"$\epsilon$",
    "“": "``",
    "”": "''",
    "„": ",,",
    "«": r"$\ll$",
    "»": r"$\gg$",
    "\N{NO-BREAK SPACE}": "~",
    "\N{NARROW NO-BREAK SPACE}": r"\,",
    "\N{NON-BREAKING HYPHEN}": r"\mbox{-}",
}
"""Characters that we write otherwise than the library, some because the usual encoding, OT1, lacks them."""

_KERNEL = re.compile(
    r"[\x20-\x7e\u00a1-\u00aa\u00ac-\u00b7\u00b9\u00ba\u00bc-\u00cf\u00d1-\u00dd\u00df-\u00ef\u00f1-\u00fd\u00ff-\u0103"
    r"\u0106-\u010f\u0112-\u0117\u011a-\u012d\u0130-\u0148\u014c-\u0171\u0174-\u017e"
    r"\u0391\u0392\u0394-\u03a1\u03a3-\u03a9\u03b1-\u03c9\u2010\u2012-\u2014\u2016\u2018\u2019\u2020-\u2022"
    r"\u2026\u2030\u2032-\u2034\u2044\u2070\u2071\u2074-\u208e\u20ac\u2113\u2116\u2122\u2126\u212b"
    r"\u2190-\u2199\u21d0-\u21d5∀∂∃∆∇∈∉∋∏∐∑∓∗∘∙√∝∞∠∣∥∧∨∩∪∫∼≃≅≠≡≤≥≪≫≺≻⊂⊃⊆⊇⊎⊕⊖⊗⊘⊙⊢⊣⊤⊥⋅⋆⋈⋮⋯⋱⌈⌉⌊⌋〈〉]"
)
"""Characters that the library writes by commands that LaTeX has without a package."""


def latex(text: str) -> str:
    r"""Returns the text as pdfLaTeX prints it, within a line and with no package.

    A character without a command in LaTeX, such as Chinese, becomes its code point: ``⟨U+4E2D⟩``.
    """
    return str(_encoder().unicode_to_latex(_in_one_line(text)))


@lru_cache
def _encoder() -> UnicodeToLatexEncoder:
    rules = (
        UnicodeToLatexConversionRule(RULE_DICT, {ord(key): value for key, value in _OWN.items()}),
        UnicodeToLatexConversionRule(RULE_REGEX, [(re.compile("-(?=-)"), "-{}")]),  # two would be a dash
        UnicodeToLatexConversionRule(RULE_CALLABLE, _code_point),
        "defaults",
    )
    return UnicodeToLatexEncoder(conversion_rules=list(rules), replacement_latex_protection="braces")


def _code_point(text: str, position: int) -> tuple[int, str] | None:
    """A rule of pylatexenc: returns how many characters it replaces, and the replacement."""
    character = text[position]
    if _KERNEL.match(character):
        return None
    return 1, rf"$\langle$\texttt{{U+{ord(character):04X}}}$\rangle$"


_MARKS = re.compile(
    r"(?P<always>[\\`*|~])"
    r"|(?P<dollar>\$)"
    r"|(?P<entity>&(?=#?\w+;))"
    r"|(?P<tag><(?=[A-Za-z/!?]))"
    r"|(?P<underscore>(?<![^\W_])_|_(?![^\W_]))"  # within a word it means nothing
    r"|(?P<link>\](?=[(\[:])|\[(?=\^))"
)
"""Characters that are markup in Markdown, anywhere or in this place."""

_FIRST = re.compile(r"(\d{0,9})(#(?=#*(?:\s|$))|[+-](?=[\s-]|$)|[>=]|[.)](?=\s|$))")
"""Beginnings that make a line a heading, a list, a rule or a quotation."""

_INSTEAD = {"dollar": "<span>$</span>", "entity": "&amp;", "tag": "&lt;"}
"""Replacements of marks that a backslash cannot escape everywhere; GitHub reads formulas between dollars."""


def markdown(text: str) -> str:
    """Returns the text as GitHub's Markdown prints it, in one line: in a cell, a heading or a sentence."""
    return _MARKS.sub(_escaped, _in_one_line(text).strip())


def paragraph(text: str) -> str:
    """Returns the text as `markdown` does, where it begins a line."""
    escaped = markdown(text)
    found = _FIRST.match(escaped)
    return escaped if found is None else f"{found[1]}\\{escaped[found.start(2) :]}"


def _escaped(mark: re.Match[str]) -> str:
    return _INSTEAD.get(mark.lastgroup or "", f"\\{mark[0]}")


def code(text: str) -> str:
    """Returns the text as Markdown's code within a line: no mark means anything in it."""
    line, fence = _in_one_line(text), _fence(text, "`")
    return f"{fence} {line} {fence}" if "`" in line else f"`{line}`"


def code_block(text: str) -> str:
    """Returns the lines of the text as a block of Markdown's code."""
    fence = _fence(text, "```")
    return f"{fence}\n{text}\n{fence}"


def _fence(text: str, shortest: str) -> str:
    """Returns more backticks than follow each other anywhere in the text, and no fewer than the shortest."""
    while shortest in text:
        shortest += "`"
    return shortest


def _in_one_line(text: str) -> str:
    return _BREAKS.sub(" ", unicodedata.normalize("NFC", text))
