"""Findings of the lung's framework in the procedural chest radiographs: nets, scars, and its destruction."""

import numpy as np

from bench.data.phantom_anatomy import SIDES, Patient, lung_points, to_image
from bench.data.phantom_drawing import FREE_AIR, SOFT_TISSUE, Layer, Points, band, blobs, sunflower


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
