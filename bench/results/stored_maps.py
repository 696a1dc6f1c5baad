"""The maps that a trial or a reference run keeps: where they are, and how to score them again."""

from dataclasses import dataclass
from pathlib import Path

from bench.results.references import ReferenceFolder, ReferenceRecord
from bench.results.store import TrialFolder
from bench.suite.cam import NATIVE, CamMethod


@dataclass(frozen=True)
class StoredMaps:
    """Maps, the table of their units, and the boxes of these; `bench.results.units` describes the files.

    Attributes:
        units: a row for each map, in their order.
        maps: the archive.
        boxes: of these units, px of a square.
        size_px: side of that square, px.
        are_probabilities: whether the maps are in [0, 1] already, and no logits.
    """

    units: Path
    maps: Path
    boxes: Path
    size_px: int
    are_probabilities: bool


def maps_of_trial(folder: TrialFolder, size_px: int, cam: CamMethod = NATIVE) -> StoredMaps:
    """Returns the maps of a trial by a method.

    Args:
        folder: of the trial.
        size_px: side of its network's square input, px.
        cam: which maps; those that are not the model's own are in [0, 1].
    """
    paths = folder.cam_units(cam), folder.cam_maps(cam), folder.boxes
    return StoredMaps(*paths, size_px, are_probabilities=cam != NATIVE)


def maps_of_reference(folder: ReferenceFolder, record: ReferenceRecord) -> StoredMaps:
    """Returns the maps of a reference run, in the square that its peaks were looked for in."""
    paths = folder.units, folder.maps, folder.boxes
    return StoredMaps(*paths, record.grid_px, are_probabilities=not record.are_logits)
