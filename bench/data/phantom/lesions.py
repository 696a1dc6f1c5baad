"""Shapes of the lesions of phantoms, for every finding.

A shape is drawn from (randomness, patient, side) as soft polygons (layers) in the image frame. It is placed
with the lung coordinates of `anatomy.lung_points`, so that it follows the patient. All lengths are fractions
of the image side; the y axis points down.
"""

from collections.abc import Callable

import numpy as np

from bench.data.phantom.anatomy import SIDES, Patient, aortic_knob, heart_outline, lung_points, to_image
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

Layers = tuple[Layer, ...]

_NODULE_SHARE = 0.6
_FREE_EFFUSION_SHARE = 0.55
_APICAL_CAP_SHARE = 0.35


def atelectasis(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
    """Returns plates or a wedge of collapsed lung."""
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


def infiltration(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
    """Returns patches that are spread over a part of the lung."""
    reach, count = rng.uniform((0.36, 0.20), (0.46, 0.32)), 22
    centres = _scattered(
        rng, patient, side, rng.uniform(0.04 + reach, 0.97 - reach), reach, count, 0.02, 0.05
    )
    radii = rng.uniform(0.014, 0.027, count)
    patches = to_image(patient, blobs(rng, centres, radii, 0.35, corners=10))
    gain = rng.uniform(0.42, 0.55)
    return (
        Layer(patches, 0.020, 0.7 * gain, SOFT_TISSUE),
        Layer(patches, 0.006, gain, SOFT_TISSUE),
    )


def pneumonia(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
    """Returns a lobe filled up to its fissure, with dark airways in it."""
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
        Layer(to_image(patient, lobe[None]), 0.012, rng.uniform(0.62, 0.75), SOFT_TISSUE),
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
    lines = []
    for direction in (-0.6, 0.0, 0.6):
        tip_u = centre[0] + rng.uniform(0.3, 0.7) * reach[0]
        tip_v = centre[1] + (direction + rng.uniform(-0.12, 0.12)) * reach[1]
        across = root_u + (tip_u - root_u) * t
        down = centre[1] + (tip_v - centre[1]) * t
        lines.append(lung_points(patient, side, across, down))
    return to_image(patient, band(np.stack(lines), 0.011 - 0.006 * t))


def consolidation(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
    """Returns a dense cloud with a frayed edge."""
    cloud = _cloud(rng, patient, side, rng.uniform((0.32, 0.14), (0.42, 0.20)), 0.22)
    return (Layer(cloud, 0.014, rng.uniform(0.82, 0.92), SOFT_TISSUE),)


def lung_opacity(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
    """Returns a veil like ground glass, through which vessels are seen."""
    veil = _cloud(rng, patient, side, rng.uniform((0.34, 0.16), (0.44, 0.22)), 0.10)
    return (Layer(veil, 0.022, rng.uniform(0.15, 0.20)),)


def edema(rng: np.random.Generator, patient: Patient, _side: int) -> Layers:
    """Returns clouds around both hila, and short septal lines at the chest wall."""
    gain = rng.uniform(0.42, 0.56)
    wings, septa = [], []
    for side in SIDES:
        middle = np.array([0.30, 0.50]) + rng.uniform(-0.04, 0.04, 2)
        reach = rng.uniform((0.30, 0.26), (0.38, 0.34))
        wings.append(_cloud(rng, patient, side, reach, 0.16, middle))
        down = np.linspace(0.66, 0.92, 6) + rng.uniform(-0.012, 0.012, 6)
        ends = [lung_points(patient, side, np.full(6, across), down) for across in (0.86, 0.93, 0.99)]
        septa.append(band(np.stack(ends, axis=1), 0.003))
    haze = np.concatenate(wings)
    middle = haze.mean(axis=1, keepdims=True)
    return (
        Layer(haze, 0.035, gain, SOFT_TISSUE),
        Layer(middle + 0.6 * (haze - middle), 0.025, 0.8 * gain, SOFT_TISSUE),
        Layer(to_image(patient, np.concatenate(septa)), 0.0015, 0.14),
    )


def _cloud(
    rng: np.random.Generator,
    patient: Patient,
    side: int,
    reach: Points,
    wobble: float,
    middle: Points | None = None,
) -> Points:
    """Returns an uneven outline [1, 40, 2] in the image frame, somewhere in the lung if `middle` is None.

    `reach` is half width and half height in lung coordinates, `wobble` the relative deviation from it.
    """
    if middle is None:
        middle = rng.uniform(0.04 + reach, 0.97 - reach)
    (shape,) = blobs(rng, np.zeros((1, 2)), np.ones(1), wobble, corners=40)
    position = np.clip(middle + shape * reach, 0.0, 1.0)
    return to_image(patient, lung_points(patient, side, position[:, 0], position[:, 1])[None])


def _scattered(
    rng: np.random.Generator,
    patient: Patient,
    side: int,
    middle: Points,
    reach: Points,
    count: int,
    jitter: float,
    margin: float,
) -> Points:
    """Returns points [count, 2] spread over an ellipse in lung coordinates; jitter makes them irregular."""
    offset = sunflower(rng, count) * reach
    position = np.clip(middle + offset + rng.normal(0.0, jitter, (count, 2)), margin, 1.0 - margin)
    return lung_points(patient, side, position[:, 0], position[:, 1])


def mass(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
    """Returns a large round opacity with an uneven edge."""
    return _round_lesion(rng, patient, side, (0.08, 0.12), 0.16, 0.32, 0.36)


def nodule(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
    """Returns a small, dense, round opacity."""
    return _round_lesion(rng, patient, side, (0.042, 0.060), 0.05, 0.15, 0.48)


def nodule_or_mass(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
    """Returns either, as VinDr-CXR has one label for both."""
    return (nodule if rng.random() < _NODULE_SHARE else mass)(rng, patient, side)


def calcification(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
    """Returns a cluster of specks as bright as bone."""
    count = int(rng.integers(7, 13))
    centre = lung_points(patient, side, *rng.uniform((0.2, 0.15), (0.8, 0.85))[:, None])
    centres = centre + rng.uniform(-0.062, 0.062, (count, 2))
    specks = to_image(patient, blobs(rng, centres, rng.uniform(0.005, 0.011, count), 0.4, corners=9))
    return (Layer(specks, 0.0012, rng.uniform(0.85, 0.95), FLUID),)


def cavity(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
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
) -> Layers:
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


def interstitial_disease(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
    """Returns a fine net of rings over the lower part of a lung, and its haze."""
    middle, count = np.array([0.54, 0.66]) + rng.uniform(-0.04, 0.04, 2), 110
    reach = rng.uniform((0.40, 0.24), (0.46, 0.31))
    centres = _scattered(rng, patient, side, middle, reach, count, 0.015, 0.03)
    net = to_image(patient, _rings(rng, centres, rng.uniform(0.009, 0.017, count), 0.0024))
    gain = rng.uniform(0.36, 0.48)
    return (Layer(net, 0.014, 0.5 * gain, SOFT_TISSUE), Layer(net, 0.0012, gain, SOFT_TISSUE))


def fibrosis(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
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


def emphysema(rng: np.random.Generator, patient: Patient, _side: int) -> Layers:
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


def effusion(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
    """Returns free fluid at the base, or a pocket at the chest wall."""
    free = rng.random() < _FREE_EFFUSION_SHARE
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


def pneumothorax(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
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


def pleural_thickening(rng: np.random.Generator, patient: Patient, side: int) -> Layers:
    """Returns a strip along the chest wall, or a cap on the apex."""
    if rng.random() < _APICAL_CAP_SHARE:
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


def cardiomegaly(_rng: np.random.Generator, patient: Patient, _side: int) -> Layers:
    """The heart itself is drawn with the anatomy; the layer only carries its outline."""
    outline = to_image(patient, heart_outline(patient)[None])
    return (Layer(outline, 0.006, 0.03),)


def aortic_enlargement(rng: np.random.Generator, patient: Patient, _side: int) -> Layers:
    """Returns an arch that bulges from the mediastinum where the aortic knob is."""
    theta = np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False)
    radii = rng.uniform((0.052, 0.068), (0.070, 0.094))
    middle = aortic_knob(patient) + np.array([rng.uniform(-0.012, 0.010), 0.015])
    arch = middle + np.column_stack([np.cos(theta), np.sin(theta)]) * radii
    return (Layer(to_image(patient, arch[None]), 0.005, 0.9, 0.74),)


def hiatal_hernia(rng: np.random.Generator, patient: Patient, _side: int) -> Layers:
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


SHAPES: dict[str, Callable[[np.random.Generator, Patient, int], Layers]] = {
    "Aortic enlargement": aortic_enlargement,
    "Atelectasis": atelectasis,
    "Calcification": calcification,
    "Cardiomegaly": cardiomegaly,
    "Consolidation": consolidation,
    "Edema": edema,
    "Effusion": effusion,
    "Emphysema": emphysema,
    "Fibrosis": fibrosis,
    "Hernia": hiatal_hernia,
    "ILD": interstitial_disease,
    "Infiltration": infiltration,
    "Lung Opacity": lung_opacity,
    "Mass": mass,
    "Nodule": nodule,
    "Nodule/Mass": nodule_or_mass,
    "Other lesion": cavity,
    "Pleural effusion": effusion,
    "Pleural thickening": pleural_thickening,
    "Pleural_Thickening": pleural_thickening,
    "Pneumonia": pneumonia,
    "Pneumothorax": pneumothorax,
    "Pulmonary fibrosis": fibrosis,
}
"""The shape of each finding, by the names of both data sets."""
