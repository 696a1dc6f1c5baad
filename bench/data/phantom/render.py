"""Procedural chest radiographs with exact finding boxes: the embedded default data set.

A phantom is a function of (population, seed, index) alone. Its geometry lives in unit coordinates, so
the same triple at another resolution is the same patient with the same boxes scaled; only the quantum noise
is drawn anew. Phantoms are schematic: they exercise the benchmark where real radiographs are not at
hand, and say nothing about patients.
The average box areas of the eight boxed NIH findings follow the averages that the thesis prints.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from bench.data.phantom.anatomy import (
    SIDES,
    Patient,
    draw_bones,
    draw_distractors,
    draw_soft_tissue,
    overinflated,
    sample_patient,
)
from bench.data.phantom.drawing import Field, Layer, soft_mask
from bench.data.phantom.lesions import SHAPES
from bench.data.phantom.populations import POPULATIONS, PhantomPopulation, PopulationName
from bench.suite.findings import VINDR_NO_FINDING

MIN_SIZE_PX = 64

_PLACEMENT_TRIES = 6
_TOLERATED_OVERLAP = 0.10

BoxEdges = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of the image side."""


class PhantomBox(NamedTuple):
    """The exact box of one lesion: left edge, top edge, width and height in px of the rendered image.

    `finding_index` counts the population's findings.
    """

    finding_index: int
    x: float
    y: float
    w: float
    h: float


class Lesion(NamedTuple):
    """One drawn instance of a finding: the tight extent of its polygons, and these in order."""

    finding: str
    box: BoxEdges
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Truth:
    """The findings of a phantom.

    Attributes:
        labels: Presence of each of the population's findings, [c], uint8, 0 or 1.
        boxes: One box for every drawn lesion of a finding that has boxes.
    """

    labels: npt.NDArray[np.uint8]
    boxes: tuple[PhantomBox, ...]


@dataclass(frozen=True)
class Phantom(Truth):
    """A rendered chest radiograph with its ground truth.

    Attributes:
        image: Grey values [size, size], uint8.
    """

    image: npt.NDArray[np.uint8]


def render_phantom(
    seed: int, index: int, size_px: int, population: PopulationName = "eight", *, with_lesions: bool = True
) -> Phantom:
    """Renders one phantom; equal arguments give equal phantoms in any process and order.

    Args:
        seed: Seed of the data set, at least 0.
        index: Number of the phantom in the data set, at least 0.
        size_px: Image side in pixels, at least MIN_SIZE_PX.
        population: Which findings there are.
        with_lesions: Without them it is the same patient without findings.

    Returns:
        The image, its labels and its boxes.

    Raises:
        ValueError: If an argument is out of range.
    """
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must be at least 0, got {seed} and {index}")
    if size_px < MIN_SIZE_PX:
        raise ValueError(f"size_px must be at least {MIN_SIZE_PX}, got {size_px}")
    # Separate streams keep each part unchanged when another consumes more or fewer values.
    geometry, findings, appearance, noise = _streams(seed, index)
    patient = sample_patient(geometry)
    lesions: list[Lesion] = []
    if with_lesions:
        patient, lesions = _sample_findings(findings, patient, POPULATIONS[population])
    tissue = draw_soft_tissue(geometry, patient, size_px)
    _add_texture(appearance, tissue)
    for lesion in lesions:
        _draw_lesion(tissue, lesion)
    tissue += draw_bones(patient, size_px)
    distractors = draw_distractors(appearance, patient, size_px)
    if distractors is not None:
        tissue += distractors
    truth = _truth(lesions, size_px, POPULATIONS[population])
    return Phantom(truth.labels, truth.boxes, _expose(appearance, noise, tissue))


def phantom_truth(seed: int, index: int, size_px: float, population: PopulationName = "eight") -> Truth:
    """Returns what `render_phantom` draws, without rendering; a side of 1 gives shares of the image."""
    geometry, findings, _, _ = _streams(seed, index)
    _, lesions = _sample_findings(findings, sample_patient(geometry), POPULATIONS[population])
    return _truth(lesions, size_px, POPULATIONS[population])


def _streams(seed: int, index: int) -> list[np.random.Generator]:
    """Returns four independent generators (geometry, findings, appearance, noise)."""
    key = np.array([seed, index], np.uint64)
    counters = ([0, 0, 0, stream] for stream in range(4))
    return [np.random.Generator(np.random.Philox(counter=c, key=key)) for c in counters]


def _sample_findings(
    rng: np.random.Generator, patient: Patient, population: PhantomPopulation
) -> tuple[Patient, list[Lesion]]:
    """Returns the patient with findings, whose heart, lungs and diaphragm may change, and the lesions."""
    present = population.choose(rng.random(len(population.kinds)).tolist())
    second = rng.random(len(population.kinds))
    collapsed_side = int(rng.integers(2))
    enlarged_ratio, lift = rng.uniform((0.58, 0.03), (0.72, 0.06))
    findings = {kind.finding for kind in compress(population.kinds, present)}
    if "Cardiomegaly" in findings:
        patient = replace(patient, heart_ratio=enlarged_ratio)
    if "Atelectasis" in findings:
        # Volume loss lifts the diaphragm under the collapsed segment.
        left, right = patient.dome_y
        domes = (left - lift, right) if collapsed_side == 0 else (left, right - lift)
        patient = replace(patient, dome_y=domes)
    if "Emphysema" in findings:
        patient = overinflated(patient)
    lesions: list[Lesion] = []
    for kind, draw in compress(zip(population.kinds, second, strict=True), present):
        side = SIDES[collapsed_side] if kind.finding == "Atelectasis" else None
        lesions.append(_place_lesion(rng, patient, kind.finding, lesions, side))
        if draw < kind.second:
            lesions.append(_place_lesion(rng, patient, kind.finding, lesions))
    return patient, lesions


def _truth(lesions: Sequence[Lesion], size_px: float, population: PhantomPopulation) -> Truth:
    """Returns labels and boxes of the lesions; the complement is present where nothing else is."""
    found = {lesion.finding for lesion in lesions} or {VINDR_NO_FINDING}
    labels = np.array([finding in found for finding in population.findings], np.uint8)
    boxes = []
    for lesion in lesions:
        if lesion.finding in population.boxed:
            left, top, right, bottom = (edge * size_px for edge in lesion.box)
            index = population.findings.index(lesion.finding)
            boxes.append(PhantomBox(index, left, top, right - left, bottom - top))
    return Truth(labels, tuple(boxes))


def _place_lesion(
    rng: np.random.Generator,
    patient: Patient,
    finding: str,
    placed: Sequence[Lesion],
    side: int | None = None,
) -> Lesion:
    """Returns a lesion that overlaps those already `placed` as little as a few tries can do.

    The patient has the final heart and diaphragm. A side is drawn if `side` is None.
    """
    best, least = None, np.inf
    for _ in range(_PLACEMENT_TRIES):
        chosen_side = SIDES[int(rng.integers(2))] if side is None else side
        layers = SHAPES[finding](rng, patient, chosen_side)
        candidate = Lesion(finding, _tight_box(layers), layers)
        overlap = max((_overlap(candidate.box, other.box) for other in placed), default=0.0)
        if overlap < least:
            best, least = candidate, overlap
        if overlap <= _TOLERATED_OVERLAP:
            break
    assert best is not None
    return best


def _tight_box(layers: Sequence[Layer]) -> BoxEdges:
    points = np.concatenate([layer.outlines.reshape(-1, 2) for layer in layers])
    left, top = np.clip(points.min(axis=0), 0.0, 1.0)
    right, bottom = np.clip(points.max(axis=0), 0.0, 1.0)
    return float(left), float(top), float(right), float(bottom)


def _overlap(first: BoxEdges, second: BoxEdges) -> float:
    """Returns the intersection of two boxes over the area of the smaller one."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0.0 or height <= 0.0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return width * height / max(min(areas), 1e-9)


def _draw_lesion(tissue: Field, lesion: Lesion) -> None:
    """Draws a lesion into a tissue field [size, size], in place."""
    for layer in lesion.layers:
        mask = soft_mask(layer.outlines, tissue.shape[0], layer.blur)
        mask *= np.float32(layer.gain)
        if layer.target is not None:
            mask *= np.float32(layer.target) - tissue
        tissue += mask


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

    How many values `appearance` gives does not depend on the size; `noise` gives one for each pixel.

    Returns:
        Grey values [size, size]; a soft curve keeps them off both ends of the range.
    """
    brightness, contrast, grain = appearance.uniform((-0.05, 0.88, 0.008), (0.05, 1.12, 0.020))
    level = (tissue - np.float32(0.45)) * np.float32(contrast * 1.4) + np.float32(brightness)
    level += noise.standard_normal(tissue.shape, np.float32) * np.float32(grain)
    # tanh saturates smoothly: no grey value is clipped.
    grey = np.float32(127.5) + np.float32(122.0) * np.tanh(np.float32(1.6) * level)
    return np.asarray(np.rint(grey), np.uint8)
