"""Airspace findings of the procedural chest radiographs: parts of a lung that hold less air."""

import numpy as np

from bench.data.phantom.anatomy import SIDES, Patient, lung_points, to_image
from bench.data.phantom.drawing import SOFT_TISSUE, Layer, Points, band, blobs, sunflower


def atelectasis(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
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


def infiltration(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    """Returns patches that are spread over a part of the lung."""
    reach = rng.uniform((0.36, 0.20), (0.46, 0.32))
    centre = rng.uniform(0.04 + reach, 0.97 - reach)
    count = 22
    # Jitter makes an even cover patchy.
    offset = sunflower(rng, count) * reach
    position = np.clip(centre + offset + rng.normal(0.0, 0.02, (count, 2)), 0.05, 0.95)
    centres = lung_points(patient, side, position[:, 0], position[:, 1])
    radii = rng.uniform(0.014, 0.027, count)
    patches = to_image(patient, blobs(rng, centres, radii, 0.35, corners=10))
    gain = rng.uniform(0.42, 0.55)
    return (
        Layer(patches, 0.020, 0.7 * gain, SOFT_TISSUE),
        Layer(patches, 0.006, gain, SOFT_TISSUE),
    )


def pneumonia(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
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
    lines: list[Points] = []
    for direction in (-0.6, 0.0, 0.6):
        tip_u = centre[0] + rng.uniform(0.3, 0.7) * reach[0]
        tip_v = centre[1] + (direction + rng.uniform(-0.12, 0.12)) * reach[1]
        across = root_u + (tip_u - root_u) * t
        down = centre[1] + (tip_v - centre[1]) * t
        lines.append(lung_points(patient, side, across, down))
    return to_image(patient, band(np.stack(lines), 0.011 - 0.006 * t))


def consolidation(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    """Returns a dense cloud with a frayed edge."""
    cloud = _cloud(rng, patient, side, rng.uniform((0.32, 0.14), (0.42, 0.20)), 0.22)
    return (Layer(cloud, 0.014, rng.uniform(0.82, 0.92), SOFT_TISSUE),)


def lung_opacity(rng: np.random.Generator, patient: Patient, side: int) -> tuple[Layer, ...]:
    """Returns a veil like ground glass, through which vessels are seen."""
    veil = _cloud(rng, patient, side, rng.uniform((0.34, 0.16), (0.44, 0.22)), 0.10)
    return (Layer(veil, 0.022, rng.uniform(0.15, 0.20)),)


def edema(rng: np.random.Generator, patient: Patient, _side: int) -> tuple[Layer, ...]:
    """Returns clouds around both hila, and short septal lines at the chest wall."""
    gain = rng.uniform(0.42, 0.56)
    wings, septa = [], []
    for side in SIDES:
        middle = np.array([0.30, 0.50]) + rng.uniform(-0.04, 0.04, 2)
        reach = rng.uniform((0.30, 0.26), (0.38, 0.34))
        wings.append(_cloud_at(rng, patient, side, middle, reach, 0.16))
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


def _cloud(rng: np.random.Generator, patient: Patient, side: int, reach: Points, wobble: float) -> Points:
    """Returns an uneven outline [1, 40, 2] somewhere in the lung, in the image frame.

    Args:
        rng: Source of randomness.
        patient: The patient.
        side: LEFT_IN_IMAGE or RIGHT_IN_IMAGE.
        reach: Half width and half height in lung coordinates.
        wobble: Relative deviation of the reach from its mean.
    """
    middle = rng.uniform(0.04 + reach, 0.97 - reach)
    return _cloud_at(rng, patient, side, middle, reach, wobble)


def _cloud_at(
    rng: np.random.Generator, patient: Patient, side: int, middle: Points, reach: Points, wobble: float
) -> Points:
    (shape,) = blobs(rng, np.zeros((1, 2)), np.ones(1), wobble, corners=40)
    position = np.clip(middle + shape * reach, 0.0, 1.0)
    return to_image(patient, lung_points(patient, side, position[:, 0], position[:, 1])[None])
