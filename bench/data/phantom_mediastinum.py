"""Findings of heart, aorta and diaphragm in the procedural chest radiographs."""

import numpy as np

from bench.data.phantom_anatomy import Patient, aortic_knob, heart_outline, to_image
from bench.data.phantom_drawing import AIR, FLUID, Layer, blobs


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
