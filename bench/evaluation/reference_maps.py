"""Reads heatmaps that were made elsewhere, with their units and boxes, and scores them as a reference run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from bench.data.dataset import ImageSet
from bench.data.sources.nih import official_name, patients_of, read_boxes
from bench.data.sources.tables import (
    finding_names,
    fixed_findings,
    match_rows,
    names_in,
    read_csv,
    read_patients,
    read_rows,
    require_finding,
)
from bench.errors import DataError, ResultsError, listing
from bench.evaluation.held_maps import HeldMaps
from bench.evaluation.score import SplitScores, map_scores
from bench.metrics.regions import UNIT, scaled
from bench.metrics.units import unit_columns
from bench.results.references import ReferenceFolder, ReferenceRecord, SeedMetrics
from bench.results.units import BOX_COLUMNS, FRAME_COLUMNS, Map, write_table, writing_maps
from bench.suite.identity import file_digest
from bench.suite.keys import Names
from bench.version import VERSION


def score_maps(
    maps: npt.NDArray[np.floating],
    units: pd.DataFrame,
    boxes: pd.DataFrame,
    findings: tuple[str, ...],
    grid_px: int,
    keep: Callable[[Map], None] | None = None,
    *,
    are_probabilities: bool = True,
) -> SplitScores:
    """Returns the scores of maps by the protocol of trials, without a network.

    Args:
        maps: [n, h, w], one for each unit.
        units: n rows in the order of the maps: image, patient, finding; each unit once.
        boxes: image, finding, x, y, w, h in px of grid_px, and width_px and height_px, the sizes of the
            images' own frames; at least one of each unit, and of no other.
        findings: the order of the metrics.
        grid_px: side of the square that peaks are looked for in, px.
        keep: given the map of each unit as `compact_maps` has it, in the order of the result.
        are_probabilities: see `localize`.
    """
    images = units.drop_duplicates("image")
    image_of = {name: i for i, name in enumerate(images["image"])}
    class_of = {name: i for i, name in enumerate(findings)}

    def numbered(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(
            image_index=table["image"].map(image_of), class_index=table["finding"].map(class_of)
        )

    scored = ImageSet(
        pixels=np.empty((len(images), 0, 0), np.uint8),  # the network that made the maps saw them
        labels=np.empty((len(images), 0), np.uint8),
        names=tuple(images["image"]),
        patients=tuple(images["patient"]),
        boxes=numbered(boxes),
    )
    in_order = numbered(units).reset_index(drop=True).sort_values(UNIT)[UNIT]
    held = HeldMaps(scored.boxes, grid_px, keep, are_probabilities=are_probabilities)
    held.add(torch.from_numpy(np.asarray(maps, np.float32)[in_order.index]), in_order)
    return map_scores(held.rows(), scored, findings)


_FINDING_COLUMNS = ("finding", "class", "cls")
_TOLERANCE = 0.05
"""Beyond [0, 1]: maps that were read off figures overshoot a little."""

_NAMED = 3


@dataclass(frozen=True)
class MapFiles:
    """The files of a reference run.

    Attributes:
        maps: .npz with one array, or .npy: [n, h, w].
        units: CSV of n rows: image, finding (or class, cls) and perhaps patient.
        boxes: CSV of boxes: NIH's own, or columns image, finding, x, y, width, height.
    """

    maps: Path
    units: Path
    boxes: Path


def add_reference(
    folder: ReferenceFolder,
    record: ReferenceRecord,
    files: MapFiles,
    frame_px: float,
) -> ReferenceRecord:
    """Scores the maps, keeps them, writes the reference's folder and returns the record with its metrics.

    Args:
        folder: where it is kept.
        record: of one seed, without metrics.
        files: to score.
        frame_px: side of the square that the boxes are in, px.

    Raises:
        DataError: a file cannot be read, or the files do not fit together.
        ResultsError: the folder cannot be written.
    """
    units = _read_units(files.units, record.dataset)
    maps = _read_maps(files.maps, len(units), files.units, are_probabilities=not record.are_logits)
    boxes = _boxes_of(units, files, record.dataset)
    findings = fixed_findings(record.dataset) or tuple(dict.fromkeys(units["finding"]))
    framed = scaled(boxes, record.grid_px / frame_px).assign(**dict.fromkeys(FRAME_COLUMNS, float(frame_px)))
    try:
        with writing_maps(folder.maps) as keep:
            scores = score_maps(
                maps,
                units,
                framed,
                findings,
                record.grid_px,
                keep,
                are_probabilities=not record.are_logits,
            )
        scored = record.model_copy(
            update={
                "seeds": (SeedMetrics(seed=record.seeds[0].seed, metrics=scores.metrics),),
                "notes": scores.notes,
                "inputs": {path.name: file_digest(path) for path in (files.maps, files.units, files.boxes)},
                "bench": VERSION,
            }
        )
        write_table(folder.units, scores.units, unit_columns())
        write_table(folder.boxes, framed, (*BOX_COLUMNS, *FRAME_COLUMNS))
        folder.write_record(scored)
    except OSError as error:
        raise ResultsError(f"cannot be written ({error.strerror or error})", place=folder.path) from None
    return scored


def _read_units(path: Path, dataset: str) -> pd.DataFrame:
    table = read_csv(path, ("image",), ("patient",))
    column = next((name for name in _FINDING_COLUMNS if name in table.columns), None)
    if column is None:
        raise DataError(
            f"no column has the finding, which one called {listing(_FINDING_COLUMNS)} would have; it has "
            f"{listing(table.columns, 8)}",
            place=path,
        )
    images, findings = names_in(table, "image", path), names_in(table, column, path)
    if dataset == "nih":
        images = images.map(official_name)
    fixed = fixed_findings(dataset)
    if fixed is not None:
        known = finding_names(fixed)
        findings = pd.Series(
            [require_finding(name, known, f"{path}:{line}") for line, name in findings.items()],
            index=findings.index,
        )
    patients = patients_of(images) if dataset == "nih" else images
    if "patient" in table.columns:
        given = read_patients(table["patient"], images)
        patients = given.of_image.set_axis(table.index)
    units = pd.DataFrame({"image": images, "finding": findings, "patient": patients}).reset_index(drop=True)
    twice = units.loc[units.duplicated(["image", "finding"]), "image"]
    if len(twice):
        raise DataError(f"{len(twice)} units are there twice, of {listing(twice, _NAMED)}", place=path)
    return units


def _read_maps(
    path: Path, num_units: int, units: Path, *, are_probabilities: bool
) -> npt.NDArray[np.float32]:
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = (
            {"": loaded} if isinstance(loaded, np.ndarray) else {key: loaded[key] for key in loaded.files}
        )
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise DataError(f"no readable array of numpy ({error})", place=path) from None
    if len(arrays) != 1:
        raise DataError(
            f"holds {len(arrays)} arrays ({listing(arrays, _NAMED)}); one is expected", place=path
        )
    (maps,) = arrays.values()
    if maps.ndim != 3 or len(maps) != num_units or maps.dtype.kind not in "fiu":
        raise DataError(
            f"holds {maps.dtype} {list(maps.shape)}; numbers [n, h, w] are expected, with n = {num_units}, "
            f"the number of units in {units}",
            place=path,
        )
    finite = maps[np.isfinite(maps)]
    if (
        are_probabilities
        and finite.size
        and not -_TOLERANCE <= finite.min() <= finite.max() <= 1 + _TOLERANCE
    ):
        raise DataError(
            f"values reach from {finite.min():.3g} to {finite.max():.3g}, which are no probabilities; "
            "--logits takes them as logits",
            place=path,
        )
    return maps.astype(np.float32)


def _boxes_of(units: pd.DataFrame, files: MapFiles, dataset: str) -> pd.DataFrame:
    """Returns the boxes of the units, px of their own frame; others are left out."""
    images = Names(dict.fromkeys(units["image"]))
    if dataset == "nih":
        boxes = read_boxes(files.boxes, images).boxes
    else:
        sides = ("x", "y", "width", "height")
        rows = read_rows(read_csv(files.boxes, ("image", "finding", *sides)), sides, files.boxes)
        findings = finding_names(dict.fromkeys(units["finding"]))
        boxes = match_rows(rows, images, findings, files.boxes).boxes
    wanted = units[["image", "finding"]]
    found = boxes.merge(wanted, on=["image", "finding"])
    boxed = set(zip(found["image"], found["finding"], strict=True))
    without = [
        f"{i} {f}" for i, f in zip(wanted["image"], wanted["finding"], strict=True) if (i, f) not in boxed
    ]
    if without:
        raise DataError(
            f"{len(without)} of {len(units)} units have no box: {listing(without, _NAMED)}", place=files.boxes
        )
    return found[list(BOX_COLUMNS)]
