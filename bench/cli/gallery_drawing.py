"""Draws a suite's galleries beside its tables: what `bench gallery` and the end of `bench run` share."""

from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.data.dataset import DataContext
from bench.data.registry import read_source
from bench.data.source import read_images
from bench.errors import DataError
from bench.reporting.figures import save
from bench.reporting.gallery import Gallery, Images, galleries_of
from bench.reporting.gallery_figure import draw_gallery
from bench.reporting.gallery_page import gallery_page
from bench.reporting.gallery_place import GALLERY
from bench.reporting.gallery_trials import gallery_sources
from bench.reporting.slices import slices
from bench.results.atomic import write_text
from bench.results.store import ResultsStore
from bench.suite.grid import Grid
from bench.suite.schema import DatasetSpec

_PART = "test"
"""What trials are scored on."""


def draw_galleries(
    title: str, grid: Grid, store: ResultsStore, context: DataContext, folder: Path, count: int = 1
) -> list[Path]:
    """Writes the galleries of all slices that have maps into `folder`; returns the files, none without maps.

    Args:
        title: of the suite.
        grid: its points.
        store: where their results are.
        context: where the data sets are.
        folder: of the suite's report.
        count: units of each finding.

    Raises:
        ResultsError: results are damaged, or a file cannot be written.
        DataError: images are missing or unreadable.
    """
    galleries: list[Gallery] = []
    for piece in slices(grid, store):
        images = _images(piece.points[0].trial.dataset, context, piece.resolution)
        galleries += galleries_of(piece, store, images, count)
    if not galleries:
        return []
    write_text(folder / GALLERY, gallery_page(title, galleries, gallery_sources(grid, store)))
    return [folder / GALLERY, *(path for gallery in galleries for path in _draw(gallery, folder))]


def _draw(gallery: Gallery, folder: Path) -> Iterator[Path]:
    """Yields the files of a gallery's pages as they are written; those of a longer one of before go."""
    number = 0
    for number, figure in enumerate(draw_gallery(gallery), start=1):
        path = _page_path(gallery, folder, number)
        save(figure, path)
        yield path
    while (path := _page_path(gallery, folder, number := number + 1)).exists():
        path.unlink()


def _page_path(gallery: Gallery, folder: Path, number: int) -> Path:
    return folder / f"{gallery.key}{'' if number == 1 else f'-page{number}'}.png"


def _images(spec: DatasetSpec, context: DataContext, side_px: int) -> Images:
    """Returns what gives test images as the network's input has them; the data set is read once if at all."""
    source = cache(partial(read_source, spec, context))

    def read(names: Sequence[str]) -> npt.NDArray[np.uint8]:
        if unknown := sorted(set(names) - set(source().parts[_PART])):
            raise DataError(f"{spec.name}: has no test image {unknown[0]} that trials were scored on")
        return read_images(source(), _PART, names, side_px)

    return read
