"""Procedural chest radiographs with exact finding boxes: the embedded default data set.

A phantom is a function of (seed, index) alone. Its geometry lives in unit coordinates, so the same
pair at another resolution is the same patient with the same boxes scaled; only the quantum noise
is drawn anew. Phantoms are schematic: they exercise the benchmark where real radiographs are not at
hand, and say nothing about patients.
The average box areas follow the averages that the thesis prints for the NIH boxes.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from bench.data.findings import NIH_BOXED_FINDINGS
from bench.data.phantom_anatomy import (
    SIDES,
    Patient,
    draw_bones,
    draw_distractors,
    draw_soft_tissue,
    sample_patient,
)
from bench.data.phantom_drawing import Field
from bench.data.phantom_lesions import Lesion, draw_lesion, place_lesion

PHANTOM_FINDINGS: tuple[str, ...] = tuple(NIH_BOXED_FINDINGS)

MIN_SIZE_PX = 64

# Share of phantoms with the finding, and share of those with a second instance.
_PREVALENCE: dict[str, float] = {
    "Atelectasis": 0.30,
    "Cardiomegaly": 0.17,
    "Effusion": 0.22,
    "Infiltration": 0.26,
    "Mass": 0.30,
    "Nodule": 0.30,
    "Pneumonia": 0.26,
    "Pneumothorax": 0.26,
}
_SECOND_INSTANCE: dict[str, float] = {"Effusion": 0.12, "Infiltration": 0.12, "Nodule": 0.20}
# Large lesions are placed first, so that small ones can avoid them.
_PLACEMENT_ORDER = (
    "Cardiomegaly",
    "Pneumonia",
    "Effusion",
    "Pneumothorax",
    "Infiltration",
    "Mass",
    "Atelectasis",
    "Nodule",
)


@dataclass(frozen=True)
class PhantomBox:
    """The exact box of one lesion, in pixels of the rendered frame.

    Attributes:
        finding_index: Index into PHANTOM_FINDINGS.
        x: Left edge.
        y: Top edge.
        w: Width.
        h: Height.
    """

    finding_index: int
    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True)
class Phantom:
    """A rendered chest radiograph with its ground truth.

    Attributes:
        image: Grey values [size, size], uint8.
        labels: Presence of each of PHANTOM_FINDINGS, [8], uint8, 0 or 1.
        boxes: One box for every drawn lesion.
    """

    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    boxes: tuple[PhantomBox, ...]


def render_phantom(seed: int, index: int, size_px: int) -> Phantom:
    """Renders one phantom; equal arguments give equal phantoms in any process and order.

    Args:
        seed: Seed of the data set, at least 0.
        index: Number of the phantom in the data set, at least 0.
        size_px: Image side in pixels, at least MIN_SIZE_PX.

    Returns:
        The image, its labels and its boxes.

    Raises:
        ValueError: If an argument is out of range.
    """
    return _render(seed, index, size_px, with_lesions=True)


def phantom_boxes(seed: int, index: int, size_px: float) -> tuple[PhantomBox, ...]:
    """Returns the boxes of `render_phantom`, without rendering; a side of 1 gives shares of the image."""
    geometry, findings, _, _ = _streams(seed, index)
    _, lesions = _sample_findings(findings, sample_patient(geometry))
    return tuple(_to_box(lesion, size_px) for lesion in lesions)


def _render(seed: int, index: int, size_px: int, with_lesions: bool) -> Phantom:
    """Renders a phantom, or the same patient without findings (used to test visibility)."""
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must be at least 0, got {seed} and {index}")
    if size_px < MIN_SIZE_PX:
        raise ValueError(f"size_px must be at least {MIN_SIZE_PX}, got {size_px}")
    # Separate streams keep each part unchanged when another consumes more or fewer values.
    geometry, findings, appearance, noise = _streams(seed, index)
    patient = sample_patient(geometry)
    labels = np.zeros(len(PHANTOM_FINDINGS), np.uint8)
    lesions: list[Lesion] = []
    if with_lesions:
        patient, lesions = _sample_findings(findings, patient)
    tissue = draw_soft_tissue(geometry, patient, size_px)
    _add_texture(appearance, tissue)
    for lesion in lesions:
        draw_lesion(tissue, lesion)
    tissue += draw_bones(patient, size_px)
    distractors = draw_distractors(appearance, patient, size_px)
    if distractors is not None:
        tissue += distractors
    boxes = tuple(_to_box(lesion, size_px) for lesion in lesions)
    for box in boxes:
        labels[box.finding_index] = 1
    return Phantom(_expose(appearance, noise, tissue), labels, boxes)


def _streams(seed: int, index: int) -> list[np.random.Generator]:
    """Returns four independent generators (geometry, findings, appearance, noise)."""
    key = np.array([seed, index], np.uint64)
    counters = ([0, 0, 0, stream] for stream in range(4))
    return [np.random.Generator(np.random.Philox(counter=c, key=key)) for c in counters]


def _sample_findings(rng: np.random.Generator, patient: Patient) -> tuple[Patient, list[Lesion]]:
    """Draws which findings a patient has and where.

    Args:
        rng: Source of randomness.
        patient: The healthy patient.

    Returns:
        The patient with the changed heart and diaphragm, and the lesions.
    """
    present = dict(zip(_PLACEMENT_ORDER, rng.random(len(_PLACEMENT_ORDER)), strict=True))
    second = dict(zip(_PLACEMENT_ORDER, rng.random(len(_PLACEMENT_ORDER)), strict=True))
    collapsed_side = int(rng.integers(2))
    enlarged_ratio, lift = rng.uniform((0.58, 0.03), (0.72, 0.06))
    if present["Cardiomegaly"] < _PREVALENCE["Cardiomegaly"]:
        patient = replace(patient, heart_ratio=enlarged_ratio)
    if present["Atelectasis"] < _PREVALENCE["Atelectasis"]:
        # Volume loss lifts the diaphragm under the collapsed segment.
        left, right = patient.dome_y
        domes = (left - lift, right) if collapsed_side == 0 else (left, right - lift)
        patient = replace(patient, dome_y=domes)
    lesions: list[Lesion] = []
    for finding in _PLACEMENT_ORDER:
        if present[finding] >= _PREVALENCE[finding]:
            continue
        side = SIDES[collapsed_side] if finding == "Atelectasis" else None
        lesions.append(place_lesion(rng, patient, finding, lesions, side))
        if second[finding] < _SECOND_INSTANCE.get(finding, 0.0):
            lesions.append(place_lesion(rng, patient, finding, lesions))
    return patient, lesions


def _to_box(lesion: Lesion, size_px: float) -> PhantomBox:
    left, top, right, bottom = (edge * size_px for edge in lesion.box)
    index = PHANTOM_FINDINGS.index(lesion.finding)
    return PhantomBox(index, left, top, right - left, bottom - top)


def _add_texture(rng: np.random.Generator, tissue: Field) -> None:
    """Adds uneven thickness and parenchymal mottle to a tissue field [size, size], in place."""
    shape = (tissue.shape[1], tissue.shape[0])
    for cells, amplitude in ((4, 0.015), (14, 0.012), (48, 0.012)):
        lattice = rng.standard_normal((cells, cells), np.float32)
        lattice *= np.float32(amplitude)
        tissue += cv2.resize(lattice, shape, interpolation=cv2.INTER_CUBIC)


def _expose(
    appearance: np.random.Generator, noise: np.random.Generator, tissue: Field
) -> npt.NDArray[np.uint8]:
    """Turns a tissue field into grey values: exposure, contrast, noise, quantisation.

    Args:
        appearance: Source of the exposure; consumption does not depend on the size.
        noise: Source of the per-pixel noise.
        tissue: Tissue field [size, size].

    Returns:
        Grey values [size, size]; a soft curve keeps them off both ends of the range.
    """
    brightness, contrast, grain = appearance.uniform((-0.05, 0.88, 0.008), (0.05, 1.12, 0.020))
    level = (tissue - np.float32(0.45)) * np.float32(contrast * 1.4) + np.float32(brightness)
    level += noise.standard_normal(tissue.shape, np.float32) * np.float32(grain)
    # tanh saturates smoothly: no grey value is clipped.
    grey = np.float32(127.5) + np.float32(122.0) * np.tanh(np.float32(1.6) * level)
    return np.asarray(np.rint(grey), np.uint8)
