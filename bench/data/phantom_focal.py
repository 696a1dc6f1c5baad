"""Focal findings of the procedural chest radiographs: what is round or small, anywhere in a lung."""

import numpy as np

from bench.data.phantom_anatomy import Patient, lung_points, to_image
from bench.data.phantom_drawing import AIR, FLUID, SOFT_TISSUE, Layer, Points, blobs

_NODULE_SHARE = 0.6


def mass(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    """Returns a large round opacity with an uneven edge."""
    return _round_lesion(rng, patient, side, (0.08, 0.12), 0.16, 0.32, 0.36)


def nodule(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    """Returns a small, dense, round opacity."""
    return _round_lesion(rng, patient, side, (0.042, 0.060), 0.05, 0.15, 0.48)


def nodule_or_mass(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    """Returns either, as VinDr-CXR has one label for both."""
    return (nodule if rng.random() < _NODULE_SHARE else mass)(rng, patient, side)


def calcification(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    """Returns a cluster of specks as bright as bone."""
    count = int(rng.integers(7, 13))
    centre = lung_points(patient, side, *rng.uniform((0.2, 0.15), (0.8, 0.85))[:, None])
    centres = centre + rng.uniform(-0.062, 0.062, (count, 2))
    specks = to_image(patient, blobs(rng, centres, rng.uniform(0.005, 0.011, count), 0.4, corners=9))
    return (Layer(specks, 0.0012, rng.uniform(0.85, 0.95), FLUID),)


def cavity(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    """Returns a ring around air, with a level of fluid in every other one."""
    radius = rng.uniform(0.085, 0.12)
    across, down = rng.uniform((0.32, 0.08 + radius), (0.68, 0.95 - radius))
    outline = blobs(rng, lung_points(patient, side, [across], [down]), np.array([radius]), 0.08, corners=40)
    middle = outline.mean(axis=1, keepdims=True)
    inside = middle + rng.uniform(0.68, 0.78) * (outline - middle) + rng.uniform(-0.08, 0.08, 2) * radius
    wall = Layer(to_image(patient, outline), 0.004, rng.uniform(0.85, 0.95), SOFT_TISSUE)
    air = Layer(to_image(patient, inside), 0.003, 0.9, AIR)
    if rng.random() < 0.5:
        return (wall, air)
    level = middle[..., 1] + rng.uniform(0.1, 0.35) * radius
    fluid: Points = np.stack([inside[..., 0], np.maximum(inside[..., 1], level)], axis=-1)
    return (wall, air, Layer(to_image(patient, fluid), 0.002, 0.9, SOFT_TISSUE))


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
