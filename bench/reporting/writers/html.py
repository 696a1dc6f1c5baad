"""Renders pages by the templates of this package: each page needs nothing but itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bench.reporting.tables.table import Table

PAGE = "index.html"
"""The page of a report, in its folder."""

GALLERY = "gallery.html"
"""The page of a suite's gallery, in the same folder."""

_ENVIRONMENT = Environment(
    loader=PackageLoader("bench.reporting"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
)


def render(template: str, **facts: Any) -> str:
    """Returns the page that a file of ``templates/`` makes of the facts; text in these is escaped."""
    return _ENVIRONMENT.get_template(template).render(facts)


def to_html(table: Table) -> str:
    """Returns a page with the table alone."""
    return render("table.html", title=table.title, table=table)


def to_page(title: str, sections: Mapping[str, Sequence[Table]], introduction: str) -> str:
    """Returns a page with all tables, and links to each.

    Args:
        title: of the page.
        sections: tables by the heading above them.
        introduction: a paragraph.
    """
    return render("tables.html", title=title, sections=sections, introduction=introduction)
