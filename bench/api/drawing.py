"""Draws a run's figures and galleries beside its tables, and pictures of each trial."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.api.reports import draw_figures
from bench.api.suites import report_folder
from bench.data.dataset import DataContext
from bench.data.images.dicom import Gray
from bench.data.loading import dataset_digest, read_source
from bench.data.sources.source import DataSource, place_boxes, read_images
from bench.errors import BenchError, DataError, ResultsError, account
from bench.evaluation.predict import enlarge
from bench.execution.live import Display
from bench.metrics.regions import COLUMNS as BOX_COLUMNS
from bench.metrics.regions import MASK, regions_of
from bench.reporting.build import render_report, write_report
from bench.reporting.figures.curves import write_learning_curve
from bench.reporting.figures.data_set import LabelledBox, Tile, draw_contact_sheet
from bench.reporting.figures.files import save
from bench.reporting.figures.overlay import Overlay, draw_overlay
from bench.reporting.gallery.content import Gallery, Images, galleries_of, gallery_sources, samples_of
from bench.reporting.gallery.drawing import draw_gallery, draw_samples, gallery_page
from bench.reporting.writers.html import GALLERY
from bench.results.differences import require_same_data
from bench.results.files import write_text
from bench.results.grid_results import Results
from bench.results.invocation import take_folder
from bench.results.predictions import PredictedImage, describe, distinct_names, write_heatmaps
from bench.results.record import Record
from bench.results.store import ResultsStore
from bench.suite.dataset_specs import DatasetSpec
from bench.suite.grid import Grid
from bench.suite.load import LoadedSuite
from bench.suite.schema import Augmentation
from bench.suite.trial import Trial
from bench.tracking.observer import RunObserver

_PART = "test"
"""The part that trials are scored on."""


class ImageReader:
    """Images that trials are scored on, in the size of the network's input; each data set is read once."""

    def __init__(self, context: DataContext) -> None:
        self._context = context
        self._sources: dict[str, DataSource] = {}

    def of(self, spec: DatasetSpec, side_px: int) -> Images:
        """Returns a function that gives images of a data set in a size."""

        def read(names: Sequence[str]) -> npt.NDArray[np.uint8]:
            key = spec.model_dump_json()
            if key not in self._sources:
                self._sources[key] = read_source(spec, self._context)
            source = self._sources[key]
            if unknown := sorted(set(names) - set(source.parts[_PART])):
                raise DataError(
                    f"has no test image {unknown[0]} that trials were scored on",
                    place=spec.name,
                    value=unknown[0],
                )
            return read_images(source, _PART, names, side_px)

        return read


def write_run_report(loaded: LoadedSuite, store: ResultsStore, images: ImageReader, reports_dir: Path) -> str:
    """Writes the suite's figures, then its report, the lock last; returns the report's page."""
    report, title = render_report(loaded, store), loaded.suite.title or loaded.suite.name
    folder = reports_dir / report.name
    take_folder(folder, report.name, loaded.source)
    with _optional():
        draw_figures(loaded, store, report, reports_dir)
    with _optional():
        draw_galleries(title, loaded.grid, store, images, folder)
    write_report(report, reports_dir)
    return report.page


class TrialPictures(RunObserver):
    """Draws the learning curve of a trial that has ended, and samples of its heatmaps, into its folder."""

    def __init__(self, store: ResultsStore, images: ImageReader) -> None:
        self._store, self._images = store, images

    def ended(self, record: Record, metrics: Mapping[str, float]) -> None:
        """Draws both, as far as they can be drawn."""
        trial, folder = record.trial, self._store.folder(record.trial.id)
        with _optional():
            write_learning_curve(record, folder)
        with _optional():
            images = self._images.of(trial.dataset, trial.resolution)
            samples = samples_of(record, self._store, images, enlarge)
            if samples is not None:
                save(draw_samples(samples), folder.heatmap_samples)


@contextmanager
def _optional() -> Iterator[None]:
    """Turns a figure that cannot be drawn into a warning: no result is lost."""
    try:
        yield
    except (BenchError, OSError) as error:
        logging.getLogger(__name__).warning("a figure is missing: %s", account(error))


def draw_suite(
    loaded: LoadedSuite, grid: Grid, store: ResultsStore, data: DataContext, reports_dir: Path, count: int
) -> list[Path]:
    """Writes the gallery of a suite into its report's folder.

    Args:
        loaded: the suite.
        grid: the selection that is drawn.
        store: where its results are.
        data: where its data sets are.
        reports_dir: has a folder for its report.
        count: units of each finding.

    Returns:
        The files that were written.

    Raises:
        ResultsError: there are no maps, or results are damaged or had different data.
        DataError: images are missing or unreadable.
    """
    context = replace(data, on_progress=Display(store).preparing)
    require_same_data(grid.points, store, grid.accepted)  # before images are read
    digests: dict[str, str | None] = {}
    for trial in grid.trials:
        record, key = store.record(trial.id), trial.dataset.model_dump_json()
        is_noted = record is not None and record.outcome is not None and record.outcome.provenance.data
        if is_noted and key not in digests:
            digests[key] = None
            with suppress(DataError):  # told where the data set is drawn
                digests[key] = dataset_digest(trial.dataset, context)
    require_same_data(grid.points, store, grid.accepted, digests)
    folder, suite = report_folder(reports_dir, loaded), loaded.suite
    files = draw_galleries(suite.title or suite.name, grid, store, ImageReader(context), folder, count)
    if not files:
        raise ResultsError(
            f"no finished trial in {store.root} has heatmaps of units with boxes (cams/*.npz), so there is "
            "nothing to draw; `bench run` makes them",
            place=suite.name,
        )
    take_folder(folder, suite.name, loaded.source)
    return files


def draw_galleries(
    title: str, grid: Grid, store: ResultsStore, images: ImageReader, folder: Path, count: int = 1
) -> list[Path]:
    """Writes galleries of all data sets and resolutions, `count` units of each finding; returns the files.

    Errors are those of `draw_suite`.
    """
    require_same_data(grid.points, store, grid.accepted)
    galleries: list[Gallery] = []
    results = Results(grid, store)
    for place in results.places:
        shown = images.of(place.points[0].trial.dataset, place.resolution)
        galleries += galleries_of(place, results, shown, enlarge, count)
    if not galleries:
        return []
    write_text(folder / GALLERY, gallery_page(title, galleries, gallery_sources(results)))
    return [folder / GALLERY, *(path for gallery in galleries for path in _draw(gallery, folder))]


def _draw(gallery: Gallery, folder: Path) -> Iterator[Path]:
    """Yields the files of a gallery's pages as they are written; those left by a longer gallery go."""
    number = 0
    for number, figure in enumerate(draw_gallery(gallery), start=1):
        path = _page_path(gallery, folder, number)
        save(figure, path)
        yield path
    while (path := _page_path(gallery, folder, number := number + 1)).exists():
        path.unlink()


def _page_path(gallery: Gallery, folder: Path, number: int) -> Path:
    return folder / f"{gallery.key}{'' if number == 1 else f'-page{number}'}.png"


def draw_sheet(
    spec: DatasetSpec,
    context: DataContext,
    path: Path,
    *,
    part: str = "train",
    num: int = 16,
    seed: int = 0,
    size_px: int = 256,
    is_augmented: bool = False,
) -> None:
    """Draws images of a data set with their findings and boxes, or as training sees them.

    Args:
        spec: which data set.
        context: where it is.
        path: of the figure.
        part: train, val or test.
        num: of images at most; those with boxes come first.
        seed: which images, and how augmented.
        size_px: side of each.
        is_augmented: as the first epoch of a trial of this seed and size sees them; without boxes.

    Raises:
        DataError: images are missing or unreadable.
        ResultsError: the figure cannot be written.
    """
    from bench.data.augment import augmented_images
    from bench.data.sources.source import choose_images, raw_images

    source = read_source(spec, context)
    positions = choose_images(source, part, num, seed)
    if is_augmented:
        pixels = augmented_images(source, positions, size_px, spec.oversize, Augmentation(), seed)
        tiles, manner = sheet_tiles(source, part, positions, pixels), "as training sees them in epoch 1"
    else:
        images = raw_images(source, part, positions, size_px)
        tiles, manner = with_boxes(source, sheet_tiles(source, part, positions, images)), "as they are"
    number = f"{len(tiles)} of {len(source.parts[part]):,} images"
    title = f"{spec.name} · {part} · {number} {manner} · seed {seed}"
    save(draw_contact_sheet(title, tiles, source.findings), path)


def sheet_tiles(
    source: DataSource,
    part: str,
    positions: npt.NDArray[np.int64],
    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.float32],
) -> list[Tile]:
    """Returns a tile without boxes for each of the images [n] at `positions` [n] of the part."""
    names = [source.parts[part][i] for i in positions]
    labels = source.labels.loc[names, list(source.findings)].to_numpy()
    present = [tuple(int(i) for i in row.nonzero()[0]) for row in labels]
    return [Tile(*values) for values in zip(pixels, names, present, strict=True)]


def with_boxes(source: DataSource, tiles: Sequence[Tile]) -> list[Tile]:
    """Returns the tiles with the boxes and masks of their images."""
    side_px = tiles[0].pixels.shape[-1]
    table = place_boxes(source, [tile.name for tile in tiles], side_px)
    boxes: list[list[LabelledBox]] = [[] for _ in tiles]
    masks = table[MASK].notna() if MASK in table else np.zeros(len(table), dtype=bool)
    for row, (i, finding_index, x, y, w, h) in enumerate(table[list(BOX_COLUMNS)].to_numpy()):
        outline = regions_of(table.iloc[[row]], side_px).rasterise()[0] if masks[row] else None
        boxes[int(i)].append(LabelledBox(int(finding_index), x, y, w, h, outline))
    return [replace(tile, boxes=tuple(own)) for tile, own in zip(tiles, boxes, strict=True)]


def write_prediction(
    folder: Path,
    name: str,
    image: PredictedImage,
    gray: Gray,
    trial: Trial,
    findings: Sequence[str],
    shown: Sequence[int],
) -> dict[str, Any]:
    """Writes the maps of an image, and an overlay for some findings; returns everything as `--json` has it.

    Args:
        folder: receives the files.
        name: of the image in file names.
        image: with its prediction.
        gray: its pixels.
        trial: whose model predicted.
        findings: its classes.
        shown: indices of the findings that are drawn.

    Raises:
        ResultsError: a file cannot be written.
    """
    maps = folder / f"{name}.npy"
    write_heatmaps(maps, image, findings, trial.id)
    entries = [describe(image, index, finding) for index, finding in enumerate(findings)]
    safe_names = distinct_names(findings)
    for index in shown:
        path, entry = folder / f"{name}.{safe_names[index]}.png", entries[index]
        peak, probability = "map not finite", "not finite"
        if entry["peak_x"] is not None:
            peak = f"peak at x {entry['peak_x']:.0f}, y {entry['peak_y']:.0f} px"
        if entry["probability"] is not None:
            probability = f"probability {entry['probability']:.3f}"
        lines = (
            f"{trial.title(trial.label)} · {peak}",
            f"{image.path.name} · {image.width_px} × {image.height_px} px",
        )
        heatmap = enlarge(image.prediction.heatmaps[index], image.prediction.input_px)
        overlay = Overlay(gray, image.width_px, image.height_px, heatmap, image.peak(index))
        save(draw_overlay(overlay, f"{findings[index]} · {probability}", lines), path)
        entry["overlay"] = str(path)
    return {
        "image": str(image.path),
        "width_px": image.width_px,
        "height_px": image.height_px,
        "heatmaps": str(maps),
        "findings": [{key: value for key, value in entry.items() if key != "image"} for entry in entries],
    }
