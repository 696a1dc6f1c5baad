"""Lesions of the procedural chest radiographs: placing and drawing what findings look like.

A lesion is a stack of soft polygons (layers) with an exact box: the tight extent of the polygons
in the image frame. All lengths are fractions of the image side; the y axis points down. Shapes are
placed with the lung coordinates of `anatomy.lung_points`, so they follow the patient.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.phantom import airspace, chest_lesions, lung_lesions
from bench.data.phantom.anatomy import SIDES, Patient
from bench.data.phantom.drawing import Field, Layer, soft_mask

_PLACEMENT_TRIES = 6
_TOLERATED_OVERLAP = 0.10

_SAMPLERS: dict[str, Callable[[np.random.Generator, Patient, int], tuple[Layer, ...]]] = {
    "Aortic enlargement": chest_lesions.aortic_enlargement,
    "Atelectasis": airspace.atelectasis,
    "Calcification": lung_lesions.calcification,
    "Cardiomegaly": chest_lesions.cardiomegaly,
    "Consolidation": airspace.consolidation,
    "Edema": airspace.edema,
    "Effusion": chest_lesions.effusion,
    "Emphysema": lung_lesions.emphysema,
    "Fibrosis": lung_lesions.fibrosis,
    "Hernia": chest_lesions.hiatal_hernia,
    "ILD": lung_lesions.interstitial_disease,
    "Infiltration": airspace.infiltration,
    "Lung Opacity": airspace.lung_opacity,
    "Mass": lung_lesions.mass,
    "Nodule": lung_lesions.nodule,
    "Nodule/Mass": lung_lesions.nodule_or_mass,
    "Other lesion": lung_lesions.cavity,
    "Pleural effusion": chest_lesions.effusion,
    "Pleural thickening": chest_lesions.pleural_thickening,
    "Pleural_Thickening": chest_lesions.pleural_thickening,
    "Pneumonia": airspace.pneumonia,
    "Pneumothorax": chest_lesions.pneumothorax,
    "Pulmonary fibrosis": lung_lesions.fibrosis,
}
"""How each finding is drawn, by the names of both data sets, from (randomness, patient, side)."""


@dataclass(frozen=True)
class Lesion:
    """One drawn instance of a finding.

    Attributes:
        finding: Name of the finding.
        box: (left, top, right, bottom) in the image frame, units.
        layers: What is drawn, in order.
    """

    finding: str
    box: tuple[float, float, float, float]
    layers: tuple[Layer, ...]


def place_lesion(
    rng: np.random.Generator,
    patient: Patient,
    finding: str,
    placed: Sequence[Lesion],
    side: int | None = None,
) -> Lesion:
    """Draws a lesion of a finding, avoiding the ones already there where that is possible.

    Args:
        rng: Source of randomness.
        patient: The patient, with the final heart and diaphragm.
        finding: Name of the finding.
        placed: Lesions that the new one should not cover.
        side: LEFT_IN_IMAGE or RIGHT_IN_IMAGE; None draws a side.

    Returns:
        The candidate that overlaps the placed lesions least.
    """
    best: tuple[float, Lesion] | None = None
    for _ in range(_PLACEMENT_TRIES):
        chosen_side = SIDES[int(rng.integers(2))] if side is None else side
        layers = _SAMPLERS[finding](rng, patient, chosen_side)
        candidate = Lesion(finding, _tight_box(layers), layers)
        overlap = max((_overlap(candidate.box, other.box) for other in placed), default=0.0)
        if best is None or overlap < best[0]:
            best = overlap, candidate
        if overlap <= _TOLERATED_OVERLAP:
            break
    assert best is not None
    return best[1]


def draw_lesion(tissue: Field, lesion: Lesion) -> None:
    """Draws a lesion into a tissue field [size, size], in place."""
    for layer in lesion.layers:
        mask = soft_mask(layer.outlines, tissue.shape[0], layer.blur)
        mask *= np.float32(layer.gain)
        if layer.target is not None:
            mask *= np.float32(layer.target) - tissue
        tissue += mask


def _tight_box(layers: Sequence[Layer]) -> tuple[float, float, float, float]:
    points = np.concatenate([layer.outlines.reshape(-1, 2) for layer in layers])
    left, top = np.clip(points.min(axis=0), 0.0, 1.0)
    right, bottom = np.clip(points.max(axis=0), 0.0, 1.0)
    return float(left), float(top), float(right), float(bottom)


def _overlap(first: tuple[float, float, float, float], second: tuple[float, float, float, float]) -> float:
    """Returns the intersection of two boxes over the area of the smaller one."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0.0 or height <= 0.0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return width * height / max(min(areas), 1e-9)
