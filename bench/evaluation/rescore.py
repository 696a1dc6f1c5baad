"""Scores the stored maps of a finished trial again, by any protocol, on the CPU."""

from collections.abc import Callable, Mapping

import pandas as pd
import torch

from bench.errors import ResultsError
from bench.evaluation.localize import localize_units
from bench.metrics.boxes import UNIT
from bench.metrics.localization import MACRO, WEIGHTED, point_accuracy
from bench.metrics.overlap import is_hit
from bench.metrics.protocol import DEFAULT, OVERLAP_VARIANTS, THESIS, VARIANTS, LocalizationProtocol
from bench.results.maps import read_maps
from bench.results.sensitivity import Accuracy, Sensitivity
from bench.results.store import TrialFolder
from bench.results.units import FRAME_COLUMNS, read_table
from bench.suite.cam import CamMethod

_NAMES = ["image", "patient", "finding"]


def rescore(
    folder: TrialFolder,
    size_px: int,
    protocols: Mapping[str, LocalizationProtocol],
    on_progress: Callable[[int, int], None] = lambda *_: None,
    cam: CamMethod = "native",
) -> dict[str, pd.DataFrame]:
    """Returns, for each protocol, a row for each of the trial's units, in the order of their table.

    Columns: image, patient, finding, and those of `bench.evaluation.localize.localize` from peak_row on.

    Args:
        folder: of a trial that has maps.
        size_px: side of its network's square input, px.
        protocols: by any names.
        on_progress: told (done, total) units.
        cam: which maps.

    Raises:
        ResultsError: maps or tables are missing, damaged or not of each other, or a protocol needs the sizes
            of the images' own frames and the boxes lack them.
    """
    paths = folder.cam_units(cam), folder.cam_maps(cam)
    units = read_table(paths[0])
    if units.empty:
        return dict.fromkeys(protocols, units)
    boxes = read_table(folder.boxes)
    if any(protocol.needs_frames for protocol in protocols.values()) and not _has_frames(boxes):
        raise ResultsError(
            f"{folder.boxes}: lacks the sizes of the images' own frames, which a tolerance and the native "
            "grid need; score it by other choices"
        )
    units = units.assign(image_index=range(len(units)), class_index=0)
    boxes = boxes.merge(units[["image", "finding", *UNIT]], on=["image", "finding"])
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in protocols}
    done = 0
    for maps in read_maps(paths[1]):
        chunk, done = units[done : done + len(maps)], done + len(maps)
        if done > len(units):
            break
        for name, protocol in protocols.items():
            tensor = torch.from_numpy(maps)
            rows = localize_units(
                tensor, chunk, boxes, size_px, are_probabilities=cam != "native", protocol=protocol
            )
            found[name].append(rows)
        on_progress(done, len(units))
    if done != len(units):
        raise ResultsError(f"{paths[1]}: the maps are not those of the units in {paths[0].name}")
    return {
        name: pd.concat([units[_NAMES], pd.concat(parts, ignore_index=True).drop(columns=UNIT)], axis=1)
        for name, parts in found.items()
    }


def measure_sensitivity(
    folder: TrialFolder, size_px: int, on_progress: Callable[[int, int], None] = lambda *_: None
) -> Sensitivity:
    """Returns the accuracy of the trial's stored maps by the default protocol and by each variant.

    Left out are variants that are the default for all images (the native grid of those that have the size of
    the input), or that need sizes of frames which older tables of boxes lack. A trial without units has none.

    Args:
        folder: of a trial that has maps.
        size_px: side of its network's square input, px.
        on_progress: told (done, total) units.

    Raises:
        ResultsError: see `rescore`.
    """
    boxes = read_table(folder.boxes)
    has_frames = _has_frames(boxes)
    is_native = has_frames and bool((boxes[list(FRAME_COLUMNS)] == size_px).all(axis=None))
    protocols = {
        name: protocol
        for name, protocol in ({DEFAULT: THESIS} | VARIANTS).items()
        if (has_frames or not protocol.needs_frames) and not (is_native and protocol.grid == "native")
    }
    cut = {name: one for name, one in OVERLAP_VARIANTS.items() if one.threshold != THESIS.threshold}
    rescored = rescore(folder, size_px, protocols | cut, on_progress)
    default = rescored[DEFAULT]
    overlaps = {
        name: by_overlap(rescored.get(name, default), protocol)
        for name, protocol in ({DEFAULT: THESIS} | OVERLAP_VARIANTS).items()
    }
    return Sensitivity(
        num_units=len(default),
        accuracies=_accuracies({name: rescored[name] for name in protocols}),
        overlaps=_accuracies(overlaps),
    )


def by_overlap(units: pd.DataFrame, protocol: LocalizationProtocol) -> pd.DataFrame:
    """Returns the rows of units with hits by overlap in the place of those by peaks."""
    hit = is_hit(units["iobb"].to_numpy(float), units["iou"].to_numpy(float), protocol.iobb)
    return units.assign(hit=hit)


def _accuracies(rescored: Mapping[str, pd.DataFrame]) -> dict[str, Accuracy]:
    return {
        name: Accuracy(weighted=found[WEIGHTED], macro=found[MACRO])
        for name, units in rescored.items()
        if (found := point_accuracy(units, tuple(dict.fromkeys(units["finding"]))))
    }


def _has_frames(boxes: pd.DataFrame) -> bool:
    return set(FRAME_COLUMNS) <= set(boxes.columns)
