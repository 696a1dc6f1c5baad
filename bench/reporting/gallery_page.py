"""Galleries as a page that needs nothing but itself: images within it, marks as vectors, words as text."""

import base64
import io
from collections.abc import Sequence
from html import escape

from PIL import Image

from bench.reporting.gallery import Colour, Gallery, GalleryRow, Heatmap
from bench.reporting.gallery_place import STYLE, drawn
from bench.reporting.html import document
from bench.reporting.overlay_figure import Gray
from bench.suite.metrics import column_title

_LARGEST_PX, _QUALITY, _EFFORT = 256, 75, 6
"""Of an image within the page, which is shown no larger than that: as WebP, half of what it is as JPEG."""


def gallery_page(title: str, galleries: Sequence[Gallery], sources: str) -> str:
    """Returns the page of all galleries of a suite.

    Args:
        title: of the suite.
        galleries: at least one.
        sources: a digest of what they were drawn from.
    """
    links = "".join(f'<a href="#{escape(g.key)}">{escape(g.title)}</a>' for g in galleries)
    body = [
        f"<h1>{escape(title)}</h1>",
        '<nav><a href="index.html">← Report</a></nav>',
        "<h2>Gallery</h2>",
        drawn("\n".join([f"<nav>{links}</nav>", *map(_section, galleries)]), sources),
    ]
    return document(f"{title}: gallery", "\n".join(body), STYLE)


def _section(gallery: Gallery) -> str:
    units = "\n".join(_unit(gallery.models, row) for row in gallery.rows)
    return (
        f'<section class="drawn" id="{escape(gallery.key)}">\n<h3>{escape(gallery.title)}</h3>\n'
        f'<p class="caption">{escape(gallery.caption)}</p>\n'
        f'<div class="units" style="--cells: {1 + len(gallery.models)}">\n{units}\n</div>\n</section>'
    )


def _unit(models: Sequence[str], row: GalleryRow) -> str:
    cells = [_cell("Radiograph", row.radiograph, row, None)]
    cells += [
        _cell(label, heatmap.overlay, row, heatmap)
        for label, heatmap in zip(models, row.heatmaps, strict=True)
    ]
    heading = f"{escape(column_title(row.finding))} <small>{escape(row.image)}</small>"
    return (
        f'<article class="unit"><h4>{heading}</h4>\n'
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
    image.save(stream, "WEBP", quality=_QUALITY, method=_EFFORT)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
