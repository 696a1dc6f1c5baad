"""Galleries as a page that needs nothing but itself: images within it, marks as vectors, words as text."""

import base64
import io
from collections.abc import Sequence
from html import escape

from PIL import Image

from bench.reporting.gallery import Colour, Gallery, GalleryRow, Heatmap
from bench.reporting.headings import heading_of
from bench.reporting.html import document
from bench.reporting.overlay_figure import Gray

_LARGEST_PX, _QUALITY = 256, 82
"""Of an image within the page: it is shown no larger than that."""

_STYLE = """\
.units { display: grid; gap: 1.75rem 2.5rem; margin-top: 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--cells) * 11rem), 1fr)); }
.unit h3 { margin: 0 0 .4rem; }
.unit h3 small { font-weight: 400; color: var(--soft); margin-left: .4rem; }
.cells { display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fill, minmax(min(8rem, 29%), 1fr)); }
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
  .unit { break-inside: avoid; } .cells { grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); }
  .cells svg { print-color-adjust: exact; } }
"""


def gallery_page(title: str, galleries: Sequence[Gallery]) -> str:
    """Returns the page of all galleries of a suite.

    Args:
        title: of the suite.
        galleries: at least one.
    """
    links = "".join(f'<a href="#{escape(g.key)}">{escape(g.title)}</a>' for g in galleries)
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<nav><a href="index.html">← Tables</a>{links}</nav>',
        *map(_section, galleries),
    ]
    return document(f"{title}: gallery", "\n".join(body), _STYLE)


def _section(gallery: Gallery) -> str:
    units = "\n".join(_unit(gallery.models, row) for row in gallery.rows)
    return (
        f'<section id="{escape(gallery.key)}">\n<h2>{escape(gallery.title)}</h2>\n'
        f'<p class="caption">{escape(gallery.caption)}</p>\n'
        f'<div class="units" style="--cells: {1 + len(gallery.models)}">\n{units}\n</div>\n</section>'
    )


def _unit(models: Sequence[str], row: GalleryRow) -> str:
    cells = [_cell("Radiograph", row.radiograph, row, None)]
    cells += [
        _cell(label, heatmap.overlay, row, heatmap)
        for label, heatmap in zip(models, row.heatmaps, strict=True)
    ]
    heading = f"{escape(heading_of(row.finding))} <small>{escape(row.image)}</small>"
    return (
        f'<article class="unit"><h3>{heading}</h3>\n'
        f'<div class="cells">\n{chr(10).join(cells)}\n</div></article>'
    )


def _cell(label: str, pixels: Gray | Colour, row: GalleryRow, heatmap: Heatmap | None) -> str:
    side = len(pixels)
    marks = "".join(
        f'<rect class="{name}" x="{x:.2f}" y="{y:.2f}" width="{w:.2f}" height="{h:.2f}"/>'
        for x, y, w, h in row.boxes
        for name in ("case", "box")
    )
    words, said = "", label
    if heatmap is not None:
        marks += _peak(heatmap, side)
        sign = "●" if heatmap.is_hit else "×"
        words = f'<span class="outcome {heatmap.outcome}">{sign} {heatmap.outcome} {heatmap.score:.2f}</span>'
        said = f"{label}: {heatmap.outcome}, probability {heatmap.score:.2f}"
    return (
        f'<figure><svg viewBox="0 0 {side} {side}" role="img" aria-label="{escape(said)}">'
        f'<image href="{_data_uri(pixels)}" width="{side}" height="{side}"/>{marks}</svg>'
        f"<figcaption><span>{escape(label)}</span>{words}</figcaption></figure>"
    )


def _peak(heatmap: Heatmap, side: int) -> str:
    """A disc where it hits and a cross where it misses; none for a map that is not finite."""
    if heatmap.peak is None:
        return ""
    (x, y), arm = heatmap.peak, side / 36
    if heatmap.is_hit:
        return f'<circle class="peak" cx="{x:.2f}" cy="{y:.2f}" r="{arm:.2f}"/>'
    lines = "".join(
        f"M{x - arm:.2f} {y - sign * arm:.2f}L{x + arm:.2f} {y + sign * arm:.2f}" for sign in (1, -1)
    )
    return "".join(f'<path class="{name}" d="{lines}"/>' for name in ("cross case", "cross"))


def _data_uri(pixels: Gray | Colour) -> str:
    image = Image.fromarray(pixels)
    if image.width > _LARGEST_PX:
        image = image.resize((_LARGEST_PX, _LARGEST_PX), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
