"""A gallery as data: units chosen by rule, and for each model its heatmap, peak and score."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from bench.errors import ResultsError, listing
from bench.reporting.figures.overlay import Gray, heat_colours
from bench.reporting.tables.table import Subject
from bench.results.grid_results import Place, Results
from bench.results.record import Record
from bench.results.store import ResultsStore
from bench.suite.cam import NATIVE, cam_title
from bench.suite.grid import Point
from bench.suite.identity import bytes_digest, canonical_json, file_digest
from bench.suite.metrics import PRIMARY, column_title

Flags = npt.NDArray[np.bool_]
Colour = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]

Images = Callable[[Sequence[str]], Gray]
"""Given names of test images, returns uint8 [n, side, side]: them as the network's input has them."""

Enlarge = Callable[[Floats, int], Floats]
"""Given a map [h, w], returns it [side, side], enlarged as localization does it to look for its peak."""

_UNIT = ["image", "finding"]
_NUM_SAMPLES = 8
"""Samples of a trial, unless it has more findings: each is shown."""

_TYPICAL = (
    "The units of each finding are sorted by how many of the models hit them, then by the name of the image; "
    "shown is the middle one, or the middle one of each of several equal parts."
)
_WORST = "The misses of {best}, the best model by weighted average here, that it is most sure of."
_SAMPLES = (
    "The units of each finding are sorted by whether they are hit, then by image; shown is the middle one, "
    "or the middles of equal parts. Boxes: of the data set. Disc: the peak, a hit; cross: a miss; the number "
    "is the probability there."
)
_MARKS = (
    "Each heatmap is coloured over its own range, clear where it is lowest. Boxes are those of the data set; "
    "the map's peak is a disc where it hits (lies in a box of the finding) and a cross where it misses; the "
    "number is the probability there."
)

_OTHER_MAPS = (
    "Maps of other methods than the model itself are scaled to [0, 1] one by one: their number is no "
    "probability. The highest hundredth of their pixels has one colour."
)


@dataclass(frozen=True)
class Heatmap:
    """A model's map of a unit.

    Attributes:
        overlay: uint8 [side, side, 3], the radiograph below the coloured map.
        peak: (x, y) in px of the input, the middle of the pixel; None if the map is not finite.
        score: the probability there.
        is_hit: whether it lies in a box.
    """

    overlay: Colour
    peak: tuple[float, float] | None
    score: float
    is_hit: bool

    @property
    def outcome(self) -> str:
        """Hit or miss, in a word."""
        return "hit" if self.is_hit else "miss"

    @property
    def marked_outcome(self) -> str:
        """The word behind the mark that is drawn: a disc or a cross."""
        return f"{'●' if self.is_hit else '×'} {self.outcome}"


@dataclass(frozen=True)
class GalleryRow:
    """A finding of an image, and each model's map of it.

    Attributes:
        image: its name.
        finding: as the data set calls it.
        radiograph: uint8 [side, side].
        boxes: x, y, w, h in px of the input.
        heatmaps: one for each model.
    """

    image: str
    finding: str
    radiograph: Gray
    boxes: tuple[Box, ...]
    heatmaps: tuple[Heatmap, ...]

    @property
    def heading(self) -> str:
        """The finding as tables call it."""
        return column_title(self.finding)


class GalleryLine(NamedTuple):
    """Columns that stand side by side on the page, below each other's: a model's maps where it has several.

    Attributes:
        heading: the model; empty where all columns are in one line.
        columns: the positions of columns, each with what it is called there.
    """

    heading: str
    columns: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Gallery:
    """Rows of radiographs, columns of models.

    Attributes:
        key: names files, e.g. "gallery-phantom-128px".
        title: one line.
        caption: by which rule units were chosen, and what is drawn.
        models: headings of the columns.
        rows: at least one.
        lines: of all columns.
    """

    key: str
    title: str
    caption: str
    models: tuple[str, ...]
    rows: tuple[GalleryRow, ...]
    lines: tuple[GalleryLine, ...]


def typical_units(units: pd.DataFrame, hits: Flags, count: int) -> list[int]:
    """Returns rows of `units`, by finding: the middle one by how many models hit it.

    For a larger count, a finding's units are cut into as many equal parts, and each part gives its middle,
    the lower one of an even number. A finding with fewer units gives all of them.

    Args:
        units: columns image and finding, a row for each unit.
        hits: [units, models].
        count: how many of each finding, at least 1.
    """
    table = units[["image", "finding"]].reset_index(drop=True).assign(hits=hits.sum(axis=1))
    chosen: list[int] = []
    for _, own in table.groupby("finding"):
        rows = own.sort_values(["hits", "image"], kind="stable").index.to_list()
        num = min(count, len(rows))
        chosen += [rows[((2 * part + 1) * len(rows) - 1) // (2 * num)] for part in range(num)]
    return chosen


def worst_units(units: pd.DataFrame, hits: Flags, scores: Sequence[float], count: int) -> list[int]:
    """Returns rows of the units that a model misses with the highest scores, the highest first.

    Equal scores go by the names of image and finding. Maps that are not finite have no score, and are left
    out.

    Args:
        units: columns image and finding.
        hits: [units], of the model.
        scores: [units], its highest probabilities.
        count: how many at most.
    """
    table = units[["image", "finding"]].reset_index(drop=True).assign(score=np.asarray(scores, float))
    missed = table[~hits & table["score"].notna()]
    order = missed.sort_values(["score", "image", "finding"], ascending=[False, True, True])
    return order.index.to_list()[:count]


class ShownSeed(NamedTuple):
    """The seed of a gallery, its trials and maps by their row, and the rows that have no maps of it."""

    seed: int
    points: dict[str, Point]
    left_out: tuple[str, ...]


def _shown_seed(place: Place, results: Results) -> ShownSeed | None:
    """Returns the lowest seed among those that most rows have maps of; None without maps."""
    found: dict[int, dict[str, Point]] = {}
    shown = [one for one in place.points if results.has(one, PRIMARY) and results.has_maps(one)]
    for point in shown:
        found.setdefault(point.trial.seed, {})
    for point in shown:
        seeds = [point.trial.seed] if point.trial.subject is None else list(found)
        for seed in seeds:
            found[seed][point.row] = point
    if not found:
        return None
    seed = min(found, key=lambda seed: (-len(found[seed]), seed))
    rows = dict.fromkeys(point.row for point in place.points)
    return ShownSeed(seed, found[seed], tuple(row for row in rows if row not in found[seed]))


def _subject(place: Place) -> Subject:
    return Subject("gallery", "", place.dataset, place.resolution)


def gallery_sources(results: Results) -> str:
    """Returns ``sha256:…`` of what galleries of the results would show: which rows, and their units.

    Maps are not read: units change where maps do.

    Raises:
        ResultsError: a record cannot be read.
    """
    found = []
    for place in results.places:
        shown = _shown_seed(place, results)
        if shown is None:
            continue
        folders = {row: results.store.folder(point.trial.id) for row, point in shown.points.items()}
        files = [
            [row, file_digest(folders[row].cam_units(point.cam)), file_digest(folders[row].boxes)]
            for row, point in shown.points.items()
        ]
        found.append([f"gallery-{_subject(place).place_key}", shown.seed, files, list(shown.left_out)])
    return bytes_digest(canonical_json(found).encode())


def galleries_of(
    place: Place, results: Results, images: Images, enlarge: Enlarge, count: int
) -> tuple[Gallery, ...]:
    """Returns galleries of typical units, and of the best model's worst; none without maps.

    Args:
        place: which.
        results: of the suite.
        images: gives test images.
        enlarge: enlarges maps.
        count: units of each finding; of the worst cases as many are shown in all.

    Raises:
        ResultsError: tables or maps are damaged, or of different units.
        DataError: an image is missing or unreadable.
    """
    shown = _shown_seed(place, results)
    if shown is None:
        return ()
    labels, points = tuple(shown.points), tuple(shown.points.values())
    tables = _of_common_findings([results.units_of(point) for point in points])
    units = tables[0].reset_index(drop=True)
    for point, table in zip(points, tables, strict=True):
        if not table[_UNIT].reset_index(drop=True).equals(units[_UNIT]):
            raise ResultsError(
                "were scored on different units, so that no gallery has both",
                place=f"{points[0].trial.id} and {point.trial.id}",
            )
    hits = np.column_stack([table["hit"].to_numpy(bool) for table in tables])
    native = [i for i, point in enumerate(points) if point.cam == NATIVE] or list(range(len(points)))
    typical = typical_units(units, hits, count)
    best = native[int(hits[:, native].sum(axis=0).argmax())]  # the first of equals
    worst = worst_units(units, hits[:, best], tables[best]["score"].to_list(), len(typical))
    subject = _subject(place)
    which = f"Seed {shown.seed}, the lowest of those that most models have maps of."
    if shown.left_out:
        which += f" Without maps of that seed: {listing(shown.left_out)}."
    marks = _MARKS if len(native) == len(points) else f"{_MARKS} {_OTHER_MAPS}"
    galleries = []
    for what, title, rule, positions in (
        ("gallery", "Heatmaps side by side", _TYPICAL, typical),
        ("gallery-worst", "Worst cases", _WORST.format(best=labels[best]), worst),
    ):
        if positions:
            key, heading = f"{what}-{subject.place_key}", f"{title}, {subject.place}"
            chosen = [table.iloc[list(positions)] for table in tables]
            rows = _rows(chosen, points, results, images, enlarge)
            galleries.append(Gallery(key, heading, f"{rule} {which} {marks}", labels, rows, _lines(points)))
    return tuple(galleries)


def samples_of(record: Record, store: ResultsStore, images: Images, enlarge: Enlarge) -> Gallery | None:
    """Returns typical units of a finished trial, at least one of each finding; None without maps of them.

    Args:
        record: of the trial.
        store: where its results are.
        images: gives test images.
        enlarge: enlarges maps.

    Raises:
        ResultsError: its tables or maps are damaged.
        DataError: an image is missing or unreadable.
    """
    trial = record.trial
    point = Point(trial, trial.label)
    results = Results([point], store)
    if not results.has_units(point) or not results.has_maps(point):
        return None
    units = results.units_of(point)
    num_findings = units["finding"].nunique()
    if num_findings == 0:
        return None
    hits = units["hit"].to_numpy(bool)
    positions = typical_units(units, hits[:, None], max(1, _NUM_SAMPLES // num_findings))
    rows = _rows([units.iloc[list(positions)]], (point,), results, images, enlarge)
    title = trial.title(trial.label)
    key, labels = store.folder(trial.id).heatmap_samples.stem, (trial.label,)
    return Gallery(key, title, _SAMPLES, labels, rows, _lines((point,)))


def _lines(points: Sequence[Point]) -> tuple[GalleryLine, ...]:
    """Returns a line for each model; one for all of them where they have no maps but their own."""
    if all(point.cam == NATIVE for point in points):
        return (GalleryLine("", tuple((i, point.row) for i, point in enumerate(points))),)
    columns: dict[str, list[tuple[int, str]]] = {}
    for i, point in enumerate(points):
        caption = "own map" if point.cam == NATIVE else cam_title(point.cam)
        columns.setdefault(point.label, []).append((i, caption))
    return tuple(GalleryLine(label, tuple(own)) for label, own in columns.items())


def overlay_of(
    radiograph: Gray, values: Floats, enlarge: Enlarge, *, are_probabilities: bool = False
) -> Colour:
    """Returns uint8 [side, side, 3]: a map's probabilities, enlarged, in colour.

    The highest hundredth of the pixels of a map of probabilities has one colour, unless it is no more than a
    peak: in maps of pixels single ones stand out so far that no others would be seen.

    Args:
        radiograph: uint8 [side, side].
        values: [h, w], logits as the model returned them. A map that is not finite is not drawn.
        enlarge: enlarges probabilities.
        are_probabilities: whether values are used as they are.
    """
    gray = np.repeat(radiograph[:, :, None], 3, axis=2)
    if not np.isfinite(values).all():
        return gray
    small = values.astype(np.float32)
    heat = enlarge(small if are_probabilities else expit(small), len(radiograph))
    low, high = float(heat.min()), float(heat.max())
    if are_probabilities:
        hundredth = float(np.quantile(heat, 0.99))
        high = hundredth if hundredth > low else high
    colours = heat_colours()((heat - low) / max(high - low, 1e-6))
    opacity = colours[:, :, 3:]
    mixed = gray * (1 - opacity) + 255 * colours[:, :, :3] * opacity
    return np.asarray(np.rint(mixed), np.uint8)


def _of_common_findings(tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Returns the units of the findings that all tables have; their index is the place in the whole."""
    common = set.intersection(*(set(table["finding"].astype(str)) for table in tables))
    numbered = (table.reset_index(drop=True) for table in tables)
    return [table[table["finding"].astype(str).isin(common)] for table in numbered]


def _rows(
    tables: Sequence[pd.DataFrame],
    points: Sequence[Point],
    results: Results,
    images: Images,
    enlarge: Enlarge,
) -> tuple[GalleryRow, ...]:
    """Returns the rows of chosen units; the index of a point's table is their place among its maps."""
    names, findings = (tables[0][column].astype(str).to_list() for column in _UNIT)
    radiographs = images(names)
    boxes = results.boxes_of(points[0].trial.id)
    values = [
        results.maps_of(point, table.index.to_list()) for point, table in zip(points, tables, strict=True)
    ]
    rows = []
    for i, (name, finding) in enumerate(zip(names, findings, strict=True)):
        own = boxes[(boxes["image"] == name) & (boxes["finding"] == finding)]
        heatmaps = []
        for table, of_trial, point in zip(tables, values, points, strict=True):
            unit, is_native = table.iloc[i], point.cam == NATIVE
            peak = (unit["peak_column"] + 0.5, unit["peak_row"] + 0.5) if unit["finite"] else None
            overlay = overlay_of(radiographs[i], of_trial[i], enlarge, are_probabilities=not is_native)
            heatmaps.append(Heatmap(overlay, peak, float(unit["score"]), bool(unit["hit"])))
        places = tuple(own[["x", "y", "w", "h"]].astype(float).itertuples(index=False, name=None))
        rows.append(GalleryRow(name, finding, radiographs[i], places, tuple(heatmaps)))
    return tuple(rows)
