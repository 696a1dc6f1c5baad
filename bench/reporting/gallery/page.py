"""Galleries as a page of its own, beside the report's: images within it, marks as vectors, words as text.

A report is computed from records alone, which hold no radiographs; a gallery is drawn from images, which need
not be where the report is computed. So the report links to this page, and no lock names it.
"""

import base64
import io
from collections.abc import Sequence

from PIL import Image

from bench.reporting.figures.overlay import Gray
from bench.reporting.gallery.content import Colour, Gallery
from bench.reporting.writers.html import PAGE, render

_LARGEST_PX, _QUALITY, _EFFORT = 256, 75, 6
"""Of an image within the page, which is shown no larger than that: as WebP, half of what it is as JPEG."""


def gallery_page(title: str, galleries: Sequence[Gallery], sources: str) -> str:
    """Returns the page of all galleries of a suite.

    Args:
        title: of the suite.
        galleries: at least one.
        sources: a digest of what they were drawn from.
    """
    return render(
        "gallery.html",
        title=f"{title}: gallery",
        galleries=galleries,
        sources=sources,
        report=PAGE,
        data_uri=_data_uri,
    )


def _data_uri(pixels: Gray | Colour) -> str:
    image = Image.fromarray(pixels)
    if image.width > _LARGEST_PX:
        image = image.resize((_LARGEST_PX, _LARGEST_PX), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=_QUALITY, method=_EFFORT)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
