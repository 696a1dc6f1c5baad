"""The eight boxed findings of the procedural chest radiographs.

A lesion is a stack of soft polygons (layers) with an exact box: the tight extent of the polygons
in the image frame. All lengths are fractions of the image side; the y axis points down. Shapes are
placed with the lung coordinates of `phantom_anatomy.lung_points`, so they follow the patient.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.phantom_anatomy import SIDES, Patient, heart_outline, lung_points, to_image
from bench.data.phantom_drawing import Field, Points, band, blobs, soft_mask

_PLACEMENT_TRIES = 6
_TOLERATED_OVERLAP = 0.10
_SOFT_TISSUE = 0.67
_FLUID = 0.88
_FREE_EFFUSION = 0.55
_FREE_AIR = 0.08


@dataclass(frozen=True)
class Layer:
    """Soft polygons that brighten or darken the tissue field.

    Attributes:
        outlines: Closed outlines [k, n, 2] in the image frame.
        blur: Edge softening (standard deviation), units.
        gain: Brightness added where the mask is 1; with a target, the share of the way to it.
        target: Tissue value that the layer pulls towards, or None for plain addition.
    """

    outlines: Points
    blur: float
    gain: float
    target: float | None = None


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


def _cardiomegaly(_rng: np.random.Generator, patient: Patient, _side: int) -> tuple[Layer, ...]:
    """The heart itself is drawn with the anatomy; the layer only carries its outline."""
    outline = to_image(patient, heart_outline(patient)[None])
    return (Layer(outline, 0.006, 0.03),)


def _mass(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    return _round_lesion(rng, patient, side, (0.08, 0.12), 0.16, 0.32, 0.36)


def _nodule(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    return _round_lesion(rng, patient, side, (0.042, 0.060), 0.05, 0.15, 0.48)


def _round_lesion(
    rng: np.random.Generator,
    patient: Patient,
    side: int,
    radii: tuple[float, float],
    wobble: float,
    margin: float,
    mean_gain: float,
) -> tuple[Layer, ...]:
    radius = rng.uniform(*radii)
    # Large lesions need a larger margin to stay in the lung.
    across, down = rng.uniform((margin, 0.08 + radius), (1.0 - margin, 0.98 - radius))
    centre = lung_points(patient, side, [across], [down])
    outline = to_image(patient, blobs(rng, centre, np.array([radius]), wobble, corners=32))
    middle = outline.mean(axis=1, keepdims=True)
    gain = mean_gain * rng.uniform(0.88, 1.12)
    return (
        Layer(outline, 0.004, 0.7 * gain),
        Layer(middle + 0.7 * (outline - middle), 0.25 * radius, 0.3 * gain),
    )


def _atelectasis(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    across, down = rng.uniform((0.4, 0.2), (0.65, 0.88))
    centre = lung_points(patient, side, [across], [down])[0]
    angle = rng.uniform(-0.5, 0.5)
    length = rng.uniform(0.19, 0.275)
    direction = np.array([side * np.cos(angle), np.sin(angle)])
    gain = rng.uniform(0.26, 0.34)
    t = np.linspace(-0.5, 0.5, 10)[:, None]
    if rng.random() < 0.5:
        # Plate-like: one or two thin, slightly bowed lines.
        bow = np.array([0.0, 1.0]) * rng.uniform(-0.12, 0.12) * (0.25 - t**2)
        plate = centre + direction * length * t + bow
        gap = np.array([0.0, rng.uniform(0.05, 0.075)])
        plates = np.stack([plate, 0.7 * plate + 0.3 * centre + gap])
        return (Layer(to_image(patient, band(plates, 0.013)), 0.004, gain),)
    # Wedge: widens from the hilum towards the chest wall.
    wedge = band(centre + direction * 0.85 * length * t, (0.006 + 0.075 * (t + 0.5))[:, 0])
    return (Layer(to_image(patient, wedge[None]), 0.005, gain),)


def _effusion(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    free = rng.random() < _FREE_EFFUSION
    outline = _free_fluid(rng, patient, side) if free else _loculated_fluid(rng, patient, side)
    gain = rng.uniform(0.86, 0.96)
    return (Layer(to_image(patient, outline[None]), 0.008, gain, _FLUID),)


def _free_fluid(rng: np.random.Generator, patient: Patient, side: int) -> Points:
    """Returns fluid that fills the base of the lung below a meniscus, [40, 2], patient frame."""
    level = rng.uniform(0.55, 0.87)
    medial_end = max(rng.uniform(-0.5, 0.45), 0.0)
    t = np.linspace(0.0, 1.0, 20)
    across = medial_end + (1.02 - medial_end) * t
    # The meniscus climbs along the chest wall; a small effusion tapers to the dome medially.
    fall = rng.uniform(0.06, 0.14) if medial_end == 0.0 else 1.0 - level
    surface = level + np.minimum(fall, 0.97 - level) * (1.0 - t) ** 1.7
    # The fluid reaches behind the dome, whose edge disappears.
    down = np.concatenate([surface, np.full_like(surface, 1.025)])
    return lung_points(patient, side, np.concatenate([across, across[::-1]]), down)


def _loculated_fluid(rng: np.random.Generator, patient: Patient, side: int) -> Points:
    """Returns a pocket of fluid that bulges inwards from the chest wall, [40, 2], patient frame."""
    half_height = rng.uniform(0.16, 0.255)
    middle = rng.uniform(0.10 + half_height, 0.97 - half_height)
    t = np.linspace(0.0, 1.0, 20)
    down = middle + half_height * (2.0 * t - 1.0)
    bulge = rng.uniform(0.50, 0.75) * np.sin(np.pi * t) ** 0.6
    across = np.concatenate([1.02 - bulge, np.full_like(t, 1.02)])
    return lung_points(patient, side, across, np.concatenate([down, down[::-1]]))


def _infiltration(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    reach = rng.uniform((0.36, 0.20), (0.46, 0.32))
    centre = rng.uniform(0.04 + reach, 0.97 - reach)
    count = 22
    # A sunflower pattern covers the ellipse evenly; jitter makes it patchy.
    angle = np.arange(count) * 2.39996 + rng.uniform(0.0, 2.0 * np.pi)
    distance = np.sqrt((np.arange(count) + 0.5) / count)
    offset = np.column_stack([np.cos(angle), np.sin(angle)]) * distance[:, None] * reach
    position = np.clip(centre + offset + rng.normal(0.0, 0.02, (count, 2)), 0.05, 0.95)
    centres = lung_points(patient, side, position[:, 0], position[:, 1])
    radii = rng.uniform(0.014, 0.027, count)
    patches = to_image(patient, blobs(rng, centres, radii, 0.35, corners=10))
    gain = rng.uniform(0.42, 0.55)
    return (
        Layer(patches, 0.020, 0.7 * gain, _SOFT_TISSUE),
        Layer(patches, 0.006, gain, _SOFT_TISSUE),
    )


def _pneumonia(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    half_width, half_height = rng.uniform((0.40, 0.20), (0.50, 0.34))
    centre_u = rng.uniform(half_width, 1.0 - half_width)
    centre_v = rng.uniform(0.05 + half_height, 0.99 - half_height)
    theta = np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False)
    # A superellipse is lobar: straight against the fissure, rounded at the corners.
    cosine, sine = np.cos(theta), np.sin(theta)
    u = centre_u + half_width * np.sign(cosine) * np.abs(cosine) ** 0.6
    v = centre_v + half_height * np.sign(sine) * np.abs(sine) ** 0.6
    v = v + 0.05 * (u - centre_u) * rng.choice([-1.0, 1.0])
    lobe = lung_points(patient, side, np.clip(u, 0.0, 1.0), np.clip(v, 0.0, 1.0))
    bronchi = _air_bronchogram(rng, patient, side, (centre_u, centre_v), (half_width, half_height))
    return (
        Layer(to_image(patient, lobe[None]), 0.012, rng.uniform(0.62, 0.75), _SOFT_TISSUE),
        Layer(bronchi, 0.003, -0.15),
    )


def _air_bronchogram(
    rng: np.random.Generator,
    patient: Patient,
    side: int,
    centre: tuple[float, float],
    reach: tuple[float, float],
) -> Points:
    """Returns dark branching airways [3, 12, 2] inside a consolidation, in the image frame."""
    t = np.linspace(0.0, 1.0, 6)
    root_u = centre[0] - 0.75 * reach[0]
    lines: list[Points] = []
    for direction in (-0.6, 0.0, 0.6):
        tip_u = centre[0] + rng.uniform(0.3, 0.7) * reach[0]
        tip_v = centre[1] + (direction + rng.uniform(-0.12, 0.12)) * reach[1]
        across = root_u + (tip_u - root_u) * t
        down = centre[1] + (tip_v - centre[1]) * t
        lines.append(lung_points(patient, side, across, down))
    return to_image(patient, band(np.stack(lines), 0.011 - 0.006 * t))


def _pneumothorax(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    t = np.linspace(0.0, 1.0, 24)
    if rng.random() < 0.55:
        top, bottom = 0.0, rng.uniform(0.27, 0.45)
        profile = (1.0 - t**1.6) ** 0.8
        thickness = rng.uniform(0.48, 0.72)
    else:
        top = rng.uniform(0.12, 0.5)
        bottom = min(top + rng.uniform(0.38, 0.52), 0.97)
        profile = np.sin(np.pi * t) ** 0.7
        thickness = rng.uniform(0.36, 0.53)
    down = top + (bottom - top) * t
    edge = lung_points(patient, side, 1.0 - thickness * profile, down)
    wall = lung_points(patient, side, np.ones_like(t), down)
    space = to_image(patient, np.concatenate([wall, edge[::-1]])[None])
    pleura = to_image(patient, band(edge[None, 1:-1], 0.004))
    return (
        Layer(space, 0.003, 0.9, _FREE_AIR),
        Layer(pleura, 0.0015, 0.20),
    )


_SAMPLERS: dict[str, Callable[[np.random.Generator, Patient, int], tuple[Layer, ...]]] = {
    "Atelectasis": _atelectasis,
    "Cardiomegaly": _cardiomegaly,
    "Effusion": _effusion,
    "Infiltration": _infiltration,
    "Mass": _mass,
    "Nodule": _nodule,
    "Pneumonia": _pneumonia,
    "Pneumothorax": _pneumothorax,
}
