"""Lesions within the lungs of phantoms: focal ones, and those of the interstitium."""

import numpy as np

from bench.data.phantom.anatomy import SIDES, Patient, lung_points, to_image
from bench.data.phantom.drawing import (
    AIR,
    FLUID,
    FREE_AIR,
    SOFT_TISSUE,
    Layer,
    Points,
    band,
    blobs,
    sunflower,
)

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


def interstitial_disease(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    """Returns a fine net of rings over the lower part of a lung, and its haze."""
    count = 110
    middle = np.array([0.54, 0.66]) + rng.uniform(-0.04, 0.04, 2)
    reach = rng.uniform((0.40, 0.24), (0.46, 0.31))
    # Jitter makes the net irregular.
    offset = sunflower(rng, count) * reach
    position = np.clip(middle + offset + rng.normal(0.0, 0.015, (count, 2)), 0.03, 0.97)
    centres = lung_points(patient, side, position[:, 0], position[:, 1])
    net = to_image(patient, _rings(rng, centres, rng.uniform(0.009, 0.017, count), 0.0024))
    gain = rng.uniform(0.36, 0.48)
    return (Layer(net, 0.014, 0.5 * gain, SOFT_TISSUE), Layer(net, 0.0012, gain, SOFT_TISSUE))


def fibrosis(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    """Returns wavy streaks that run from the hilum to a shrunken upper or lower zone, and their haze."""
    upwards = rng.random() < 0.7
    start, end = (0.38, rng.uniform(0.08, 0.13)) if upwards else (0.60, rng.uniform(0.88, 0.94))
    count, t = 13, np.linspace(0.0, 1.0, 16)
    roots, tips = rng.uniform(0.08, 0.50, (count, 1)), rng.uniform(0.12, 0.92, (count, 1))
    phase, turns = rng.uniform(0.0, 2.0 * np.pi, (count, 1)), rng.uniform(2.0, 4.0, (count, 1))
    begin, stop = rng.uniform((0.0, 0.55), (0.4, 1.0), (count, 2)).T[..., None]
    along = begin + (stop - begin) * t
    across = roots + (tips - roots) * along + 0.025 * np.sin(turns * np.pi * t + phase)
    down = start + (end - start) * along + rng.normal(0.0, 0.02, (count, 1))
    lines = lung_points(patient, side, np.clip(across, 0.02, 0.97).ravel(), down.ravel())
    widths = rng.uniform(0.0020, 0.0045, (count, 1)) * (1.0 - 0.4 * t)
    streaks = to_image(patient, band(lines.reshape(count, len(t), 2), widths))
    gain = rng.uniform(0.52, 0.66)
    return (Layer(streaks, 0.016, 0.6 * gain, SOFT_TISSUE), Layer(streaks, 0.0015, gain, SOFT_TISSUE))


def emphysema(rng: np.random.Generator, patient: Patient, _side: int) -> tuple[Layer, ...]:
    """Returns bullae with thin walls in the upper lungs; that the lungs are large and dark is anatomy."""
    centres = np.concatenate(
        [
            lung_points(patient, side, rng.uniform(0.25, 0.85, 3), np.array([0.14, 0.28, 0.42]))
            for side in SIDES
        ]
    )
    radii = rng.uniform(0.022, 0.048, len(centres))
    bullae = to_image(patient, blobs(rng, centres, radii, 0.10, corners=20))
    walls = to_image(patient, _rings(rng, centres, radii, 0.002))
    return (Layer(bullae, 0.004, 0.55, FREE_AIR), Layer(walls, 0.001, 0.09))


def _rings(rng: np.random.Generator, centres: Points, radii: Points, half_width: float) -> Points:
    """Returns closed lines [k, 34, 2] around `centres` [k, 2]."""
    loops = blobs(rng, centres, radii, 0.18, corners=16)
    return band(np.concatenate([loops, loops[:, :1]], axis=1), half_width)
