"""The gallery within a report's page: between two marks, and no part of what the lock names.

A page is computed from records alone, which hold no radiographs; the gallery is drawn from images, which need
not be where the report is computed. So `bench gallery` leaves it in gallery.html, and whatever writes the
page puts in what lies there. Without it the page is again, to the byte, what records say.
"""

import re
from pathlib import Path

from bench.results.atomic import write_text

GALLERY = "gallery.html"
"""The gallery as a page of its own, in the report's folder."""

NOT_DRAWN = (
    '<p class="intro">Not drawn yet: <code>bench gallery</code> of this suite, and the end of a '
    "<code>bench run</code>, put the same test radiographs for every model here, typical ones and the worst "
    "cases. They need the images.</p>"
)

STALE = (
    '<p class="intro"><strong>Drawn from other results than the tables above</strong>: trials changed since, '
    "or a selection was drawn. <code>bench gallery</code> of this suite draws it again.</p>"
)

STYLE = """\
.units { display: grid; gap: 1.75rem 2.5rem; margin-top: 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--cells) * 11rem), 1fr)); }
.unit h4 { margin: 0 0 .4rem; }
.unit h4 small { font-weight: 400; color: var(--soft); margin-left: .4rem; }
.cells { display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fit, minmax(min(8rem, 29%), 1fr)); }
.cells figure { margin: 0; max-width: 17rem; }
.cells svg { display: block; width: 100%; height: auto; border-radius: 3px; background: #000; }
.cells figcaption { display: flex; flex-wrap: wrap; gap: 0 .5rem; justify-content: space-between;
  font-size: .85rem; margin-top: .25rem; font-variant-numeric: tabular-nums; }
.cells .outcome { white-space: nowrap; }
.cells .hit { font-weight: 700; } .cells .miss { color: var(--soft); }
.box { fill: none; stroke: #fff; stroke-width: 2; vector-effect: non-scaling-stroke; }
.case { fill: none; stroke: #000; stroke-width: 4; stroke-opacity: .75; vector-effect: non-scaling-stroke; }
.peak { stroke: #000; stroke-width: 1.5; fill: #3ddbff; vector-effect: non-scaling-stroke; }
.cross { fill: none; stroke: #fff; stroke-width: 2.5; vector-effect: non-scaling-stroke; }
.cross.case { stroke: #000; stroke-width: 5; }
@media print { .units { gap: 1rem 1.5rem;
    grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--cells) * 9rem), 1fr)); }
  .drawn + .drawn { break-before: page; } .unit { break-inside: avoid; }
  .cells { grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); }
  .cells svg { print-color-adjust: exact; } }
"""

_BEGIN, _END = "<!-- gallery -->\n", "\n<!-- /gallery -->"
_PLACE = re.compile(f"(?<={_BEGIN}).*(?={_END})", re.DOTALL)
_DRAWN = re.compile(f"<!-- gallery of (\\S+) -->\n(.*){_END}", re.DOTALL)


def empty_place() -> str:
    """Returns what a page has where its gallery comes to be."""
    return f"{_BEGIN}{NOT_DRAWN}{_END}"


def drawn(html: str, sources: str) -> str:
    """Returns a gallery as gallery.html holds it.

    Args:
        html: of it.
        sources: a digest of what it was drawn from.
    """
    return f"<!-- gallery of {sources} -->\n{html}{_END}"


def with_gallery(page: str, folder: Path, sources: str) -> str:
    """Returns the page with the gallery that lies in a folder; as it is without one there or place for one.

    Args:
        page: of a report.
        folder: may hold gallery.html, also one of other results, which the page then says.
        sources: a digest of what would be drawn now.
    """
    try:
        found = _DRAWN.search((folder / GALLERY).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return page
    if found is None:
        return page
    content = found[2] if found[1] == sources else f"{STALE}\n{found[2]}"
    return _PLACE.sub(lambda _: content, page, count=1)


def place_gallery(path: Path, sources: str) -> bool:
    """Puts the gallery that lies beside a page into it, and returns whether the page is there.

    Args:
        path: of the page.
        sources: as of `with_gallery`.
    """
    if not path.exists():
        return False
    page = without_gallery(path.read_text(encoding="utf-8"))
    write_text(path, with_gallery(page, path.parent, sources))
    return True


def without_gallery(page: str) -> str:
    """Returns the page as records alone give it."""
    return _PLACE.sub(lambda _: NOT_DRAWN, page, count=1)
