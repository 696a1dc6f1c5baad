"""Lesions around the lungs of phantoms: of the pleura, heart, aorta and diaphragm."""

import numpy as np

from bench.data.phantom.anatomy import Patient, aortic_knob, heart_outline, lung_points, to_image
from bench.data.phantom.drawing import AIR, FLUID, FREE_AIR, SOFT_TISSUE, Layer, Points, band, blobs

_FREE_EFFUSION = 0.55
_APICAL_CAP = 0.35


def effusion(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    """Returns free fluid at the base, or a pocket at the chest wall."""
    free = rng.random() < _FREE_EFFUSION
    outline = _free_fluid(rng, patient, side) if free else _loculated_fluid(rng, patient, side)
    gain = rng.uniform(0.86, 0.96)
    return (Layer(to_image(patient, outline[None]), 0.008, gain, FLUID),)


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


def pneumothorax(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    """Returns free air beside the lung, at the apex or the chest wall, and the edge of the lung."""
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
        Layer(space, 0.003, 0.9, FREE_AIR),
        Layer(pleura, 0.0015, 0.20),
    )


def pleural_thickening(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    """Returns a strip along the chest wall, or a cap on the apex."""
    if rng.random() < _APICAL_CAP:
        top, length, thickness = 0.0, rng.uniform(0.14, 0.20), rng.uniform(0.26, 0.36)
    else:
        top, length, thickness = rng.uniform(0.22, 0.58), rng.uniform(0.24, 0.36), rng.uniform(0.11, 0.17)
    t = np.linspace(0.0, 1.0, 24)
    waves = 1.0 + 0.18 * np.sin(rng.uniform(1.5, 3.5) * np.pi * t + rng.uniform(0.0, 2.0 * np.pi))
    profile = np.sin(np.pi * t) ** 0.35 if top else (1.0 - t**2) ** 0.6
    down = top + length * t
    edge = lung_points(patient, side, 1.0 - thickness * profile * waves, down)
    wall = lung_points(patient, side, np.full_like(t, 1.01), down)
    strip = to_image(patient, np.concatenate([wall, edge[::-1]])[None])
    return (Layer(strip, 0.0025, rng.uniform(0.90, 1.0), SOFT_TISSUE),)


def cardiomegaly(_rng: np.random.Generator, patient: Patient, _side: int) -> tuple[Layer, ...]:
    """The heart itself is drawn with the anatomy; the layer only carries its outline."""
    outline = to_image(patient, heart_outline(patient)[None])
    return (Layer(outline, 0.006, 0.03),)


def aortic_enlargement(rng: np.random.Generator, patient: Patient, _side: int) -> tuple[Layer, ...]:
    """Returns an arch that bulges from the mediastinum where the aortic knob is."""
    theta = np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False)
    radii = rng.uniform((0.052, 0.068), (0.070, 0.094))
    middle = aortic_knob(patient) + np.array([rng.uniform(-0.012, 0.010), 0.015])
    arch = middle + np.column_stack([np.cos(theta), np.sin(theta)]) * radii
    return (Layer(to_image(patient, arch[None]), 0.005, 0.9, 0.74),)


def hiatal_hernia(rng: np.random.Generator, patient: Patient, _side: int) -> tuple[Layer, ...]:
    """Returns a part of the stomach behind the heart: round, with air above a level of fluid."""
    radius = rng.uniform(0.075, 0.10)
    middle = np.array([[0.5 + rng.uniform(-0.01, 0.05), patient.dome_y[1] - 0.55 * radius]])
    outline = blobs(rng, middle, np.array([radius]), 0.08, corners=40)
    inside = middle + 0.88 * (outline - middle)
    level = middle[0, 1] + rng.uniform(-0.3, 0.1) * radius
    air = np.stack([inside[..., 0], np.minimum(inside[..., 1], level)], axis=-1)
    return (
        Layer(to_image(patient, outline), 0.004, 0.7, FLUID),
        Layer(to_image(patient, air), 0.003, 0.75, AIR),
    )
