"""Anatomy of the procedural chest radiographs: sampling a patient and drawing it.

Lengths are fractions of the image side ("units"); the y axis points down. A patient is described
in an upright *patient frame* whose midline is x = 0.5 and is carried into the image by a small
rotation, scaling and shift. A tissue field is a float32 array [size, size] of dimensionless
brightness, where 0 is air and about 0.7 is soft tissue.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench.data.phantom.drawing import Field, Points, band, soft_mask

LEFT_IN_IMAGE = -1
RIGHT_IN_IMAGE = 1
SIDES = (LEFT_IN_IMAGE, RIGHT_IN_IMAGE)

_APEX_DISTANCE = 0.15
_LUNG_DEPTH = 0.385
_VESSELS_PER_SIDE = 9
_RIB_COUNT = 9


@dataclass(frozen=True)
class Patient:
    """Shape parameters of one patient, in units of the image side.

    Attributes:
        to_image: Affine map [2, 3] from the patient frame to the image frame.
        wall: Distance of the lateral chest wall from the midline.
        apex_y: Height of the lung apices.
        dome_y: Height of the diaphragm domes (left in the image, right in the image).
        sulcus: Depth of the costophrenic angle below the dome.
        heart_ratio: Heart width divided by the inner thorax width (cardiothoracic ratio).
        heart_tilt: Tilt of the long heart axis, radians.
        rib_y: Height of the first posterior rib at the spine.
        rib_drop: How far a posterior rib falls from the spine to the chest wall.
        clavicle_y: Height of the medial clavicle ends.
        lung_depth: How much darker the lungs are than soft tissue.
    """

    to_image: Points
    wall: float
    apex_y: float
    dome_y: tuple[float, float]
    sulcus: float
    heart_ratio: float
    heart_tilt: float
    rib_y: float
    rib_drop: float
    clavicle_y: float
    lung_depth: float


def sample_patient(rng: np.random.Generator) -> Patient:
    """Returns a healthy patient; a fixed number of values is drawn."""
    angle = np.deg2rad(rng.normal(0.0, 2.5))
    scale_x, scale_y = rng.uniform(0.88, 1.08) * rng.uniform(0.96, 1.04, size=2)
    cosine, sine = np.cos(angle), np.sin(angle)
    linear = np.array([[cosine * scale_x, -sine * scale_y], [sine * scale_x, cosine * scale_y]])
    shift = np.array([0.5, 0.5]) + rng.uniform(-0.05, 0.05, size=2) - linear @ [0.5, 0.5]
    dome_left = rng.uniform(0.73, 0.81)
    return Patient(
        to_image=np.column_stack([linear, shift]),
        wall=rng.uniform(0.36, 0.42),
        apex_y=rng.uniform(0.07, 0.13),
        dome_y=(dome_left, dome_left + rng.uniform(0.0, 0.035)),
        sulcus=rng.uniform(0.07, 0.12),
        heart_ratio=rng.uniform(0.38, 0.46),
        heart_tilt=rng.uniform(0.25, 0.55),
        rib_y=rng.uniform(0.085, 0.135),
        rib_drop=rng.uniform(0.11, 0.17),
        clavicle_y=rng.uniform(0.17, 0.22),
        lung_depth=_LUNG_DEPTH * rng.uniform(0.92, 1.08),
    )


def overinflated(patient: Patient) -> Patient:
    """Returns the patient with emphysema: long, dark lungs on flat domes, a narrow heart between them."""
    left, right = patient.dome_y
    return replace(
        patient,
        dome_y=(left + 0.055, right + 0.045),
        sulcus=0.35 * patient.sulcus,
        heart_ratio=0.82 * patient.heart_ratio,
        lung_depth=1.20 * patient.lung_depth,
    )


def lung_points(patient: Patient, side: int, across: npt.ArrayLike, down: npt.ArrayLike) -> Points:
    """Returns points [n, 2], (x, y) in the patient frame, of a lung; the unit square fills all of it.

    Args:
        patient: The patient.
        side: LEFT_IN_IMAGE or RIGHT_IN_IMAGE.
        across: Values [n]: 0 is the mediastinal edge, 1 the chest wall.
        down: Values [n], at least 0: 0 is the apex, 1 the diaphragm.
    """
    u, v = np.broadcast_arrays(np.asarray(across, float), np.asarray(down, float))
    # Values slightly above 1 reach behind the diaphragm.
    lateral_rise = (1.0 - np.maximum(1.0 - v, 0.0) ** 2.6) ** 0.45
    medial_rise = np.sqrt(1.0 - (1.0 - np.minimum(v / 0.3, 1.0)) ** 2)
    lateral = _APEX_DISTANCE + (patient.wall - _APEX_DISTANCE) * lateral_rise
    medial = _APEX_DISTANCE - (_APEX_DISTANCE - 0.062) * medial_rise
    distance = medial + u * (lateral - medial)
    dome_y = patient.dome_y[0 if side == LEFT_IN_IMAGE else 1]
    base = dome_y + patient.sulcus * np.abs((u - 0.38) / 0.62) ** 2.3
    return np.column_stack([0.5 + side * distance, patient.apex_y + v * (base - patient.apex_y)])


def heart_outline(patient: Patient) -> Points:
    """Returns the heart's closed outline [48, 2] in the patient frame."""
    width = 2.0 * patient.wall * patient.heart_ratio
    height = 0.155 + 0.47 * width
    theta = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
    # The apex bulges towards the lower right of the image, the atrial side stays rounder.
    bulge = 1.0 + 0.14 * np.exp(-(((theta - patient.heart_tilt) / 0.55) ** 2))
    local = np.column_stack([np.cos(theta), np.sin(theta)]) * bulge[:, None]
    local = (local - local.min(axis=0)) / np.ptp(local, axis=0) - 0.5
    centre_x = 0.5 + 0.17 * width
    bottom = patient.dome_y[1] + 0.02
    outline: Points = local * [width, height] + [centre_x, bottom - height / 2.0]
    return outline


def aortic_knob(patient: Patient) -> Points:
    """Returns where the aortic arch bulges from the mediastinum, [2] in the patient frame."""
    return np.array([0.5 + 0.074, _knob_y(patient)])


def to_image(patient: Patient, points: Points) -> Points:
    """Carries points [..., 2] from the patient frame into the image frame (both in units)."""
    mapped: Points = points @ patient.to_image[:, :2].T
    mapped += patient.to_image[:, 2]
    return mapped


def draw_soft_tissue(rng: np.random.Generator, patient: Patient, size_px: int) -> Field:
    """Returns the tissue field [size, size] of everything behind the bones.

    The patient has the final heart and diaphragm. The number of values drawn does not depend on the size.
    """
    body = soft_mask([to_image(patient, _body_outline(patient))], size_px, 0.010)
    lungs = [to_image(patient, _lung_outline(patient, side)) for side in SIDES]
    vessels = to_image(patient, _vessel_outlines(rng, patient))
    mediastinum, trachea = _mediastinum_outlines(patient)
    tissue = 0.05 + 0.60 * body
    tissue -= 0.16 * soft_mask(to_image(patient, _bowel_gas(rng, patient)), size_px, 0.008)
    tissue -= patient.lung_depth * soft_mask(lungs, size_px, 0.007)
    tissue += 0.085 * soft_mask(vessels, size_px, 0.003)
    centre = soft_mask([to_image(patient, mediastinum)], size_px, 0.012)
    heart = soft_mask([to_image(patient, heart_outline(patient))], size_px, 0.006)
    np.maximum(centre, heart, out=centre)
    tissue += centre * np.maximum(0.68 - tissue, 0.0)
    tissue -= 0.09 * soft_mask([to_image(patient, trachea)], size_px, 0.006)
    return np.asarray(tissue, np.float32)


def draw_bones(patient: Patient, size_px: int) -> Field:
    """Returns what ribs, clavicles and the spine add to the tissue field, [size, size]."""
    posterior, anterior = _rib_outlines(patient)
    posterior_mask = soft_mask(to_image(patient, posterior), size_px, 0.003)
    anterior_mask = soft_mask(to_image(patient, anterior), size_px, 0.004)
    spine = to_image(patient, _spine_outlines())
    clavicles = to_image(patient, _clavicle_outlines(patient))
    bones = 0.062 * posterior_mask + 0.030 * anterior_mask
    bones += 0.035 * soft_mask(spine, size_px, 0.004)
    bones += 0.12 * soft_mask(clavicles, size_px, 0.003)
    return np.asarray(bones, np.float32)


def draw_distractors(rng: np.random.Generator, patient: Patient, size_px: int) -> Field | None:
    """Returns what an ECG lead and a side marker add, [size, size]; None where there is neither.

    Both are independent of findings. The number of values drawn does not depend on the size.
    """
    has_lead, has_marker = rng.random(2) < (0.25, 0.4)
    side = SIDES[int(rng.integers(2))]
    start, end, sag = rng.uniform((0.2, 0.3, -0.06), (0.45, 0.6, 0.06))
    outlines: list[Points] = []
    if has_lead:
        t = np.linspace(0.0, 1.0, 16)
        x = 0.5 + side * (0.12 + (0.46 - 0.12) * t)
        line = np.column_stack([x, start + (end - start) * t + sag * np.sin(2.0 * np.pi * t)])
        outlines.append(to_image(patient, band(line, 0.0035)))
        clip = line[0] + 0.016 * np.array([[-1.0, -0.6], [1.0, -0.6], [1.0, 0.6], [-1.0, 0.6]])
        outlines.append(to_image(patient, clip))
    if has_marker:
        corner = np.array([0.5 + side * 0.41, 0.06])
        stem = corner + np.array([[0.0, 0.0], [0.012, 0.0], [0.012, 0.06], [0.0, 0.06]])
        foot = corner + np.array([[0.0, 0.048], [0.036, 0.048], [0.036, 0.06], [0.0, 0.06]])
        outlines += [stem, foot]
    return 0.22 * soft_mask(outlines, size_px, 0.0015) if outlines else None


def _body_outline(patient: Patient) -> Points:
    side_x = patient.wall + 0.075
    half = np.array(
        [
            [0.085, -0.30], [0.085, -0.02], [0.10, 0.05], [0.20, 0.085], [0.36, 0.13],
            [0.50, 0.19], [0.62, 0.30], [0.66, 0.42], [side_x + 0.03, 0.36], [side_x, 0.46],
            [side_x + 0.005, 0.70], [side_x - 0.005, 0.95], [side_x, 1.30],
        ]
    )  # fmt: skip
    midline = np.array([0.5, 0.0])
    right = midline + half
    left = midline + half[::-1] * [-1.0, 1.0]
    return np.concatenate([right, left])


def _lung_outline(patient: Patient, side: int) -> Points:
    forward = np.linspace(0.0, 1.0, 20)
    # Squared spacing follows the strongly curved apex.
    down, ones = forward**2, np.ones_like(forward)
    across = np.concatenate([ones, forward[::-1], 0.0 * ones])
    return lung_points(patient, side, across, np.concatenate([down, ones, down[::-1]]))


def _bowel_gas(rng: np.random.Generator, patient: Patient) -> Points:
    """Returns gas bubbles [5, 16, 2] in stomach and colon, below the diaphragm."""
    theta = np.linspace(0.0, 2.0 * np.pi, 16, endpoint=False)
    circle = np.column_stack([np.cos(theta), np.sin(theta)])
    radii = rng.uniform(0.012, 0.045, (5, 1, 2))
    centres = rng.uniform((-0.30, 0.09), (0.32, 0.24), (5, 1, 2))
    bubbles: Points = centres + np.array([0.5, patient.dome_y[1]]) + radii * circle
    return bubbles


def _mediastinum_outlines(patient: Patient) -> tuple[Points, Points]:
    top, bottom = patient.apex_y - 0.1, patient.dome_y[1] + 0.1
    knob_y = _knob_y(patient)
    y = np.linspace(top, bottom, 32)
    right = 0.062 + 0.040 * np.exp(-(((y - knob_y) / 0.045) ** 2))
    right += 0.024 * np.exp(-(((y - knob_y - 0.11) / 0.05) ** 2))
    left = 0.066 + 0.012 * np.exp(-(((y - knob_y) / 0.08) ** 2))
    outline = np.concatenate([np.column_stack([0.5 + right, y]), np.column_stack([0.5 - left, y])[::-1]])
    windpipe = np.array([[0.497, top - 0.1], [0.495, knob_y - 0.05], [0.490, knob_y + 0.06]])
    return outline, band(windpipe, 0.019)


def _knob_y(patient: Patient) -> float:
    return patient.apex_y + 0.21


def _rib_outlines(patient: Patient) -> tuple[Points, Points]:
    t = np.linspace(0.0, 1.0, 14)
    order = np.arange(_RIB_COUNT)[:, None]
    inner_y = patient.rib_y + 0.072 * order
    reach = (patient.wall + 0.012) * np.minimum(0.62 + 0.16 * order, 1.0)
    posterior_x = 0.035 + (reach - 0.035) * np.sin(0.5 * np.pi * t)
    posterior_y = inner_y - 0.02 * np.sin(np.pi * t) + patient.rib_drop * (1.0 - np.cos(0.5 * np.pi * t))
    anterior_x = reach - (reach - 0.13) * np.sin(0.42 * np.pi * t)
    anterior_y = inner_y + patient.rib_drop + 0.14 * t**1.4
    lines = [
        band(np.stack([0.5 + side * x, np.broadcast_to(y, x.shape)], axis=-1), width)
        for x, y, width in ((posterior_x, posterior_y, 0.0105), (anterior_x, anterior_y, 0.012))
        for side in SIDES
    ]
    return np.concatenate(lines[:2]), np.concatenate([line[:6] for line in lines[2:]])


def _spine_outlines() -> Points:
    y = np.arange(12)[:, None, None] * 0.085 - 0.02
    block = np.array([[0.468, 0.0], [0.532, 0.0], [0.532, 0.066], [0.468, 0.066]])
    blocks: Points = block + np.concatenate([np.zeros_like(y), y], axis=-1)
    return blocks


def _clavicle_outlines(patient: Patient) -> Points:
    t = np.linspace(0.0, 1.0, 12)
    y = patient.clavicle_y - 0.075 * t + 0.018 * np.sin(2.0 * np.pi * t)
    lines = np.stack([np.column_stack([0.5 + side * (0.04 + 0.36 * t), y]) for side in SIDES])
    return band(lines, 0.013 + 0.004 * np.cos(2.0 * np.pi * t))


def _vessel_outlines(rng: np.random.Generator, patient: Patient) -> Points:
    t = np.linspace(0.0, 1.0, 8)
    theta = np.linspace(0.0, 2.0 * np.pi, 16, endpoint=False)
    knot = np.column_stack([np.cos(theta) * 0.030, np.sin(theta) * 0.062])
    outlines: list[Points] = []
    for side in SIDES:
        hilum = lung_points(patient, side, [0.02], [0.46 if side == LEFT_IN_IMAGE else 0.43])
        tips = lung_points(
            patient,
            side,
            rng.uniform(0.35, 0.85, _VESSELS_PER_SIDE),
            (np.arange(_VESSELS_PER_SIDE) + rng.uniform(0.2, 0.8, _VESSELS_PER_SIDE)) / _VESSELS_PER_SIDE,
        )
        bend = rng.normal(0.0, 0.022, (_VESSELS_PER_SIDE, 1))
        along = tips - hilum
        across = np.stack([-along[:, 1], along[:, 0]], axis=-1)
        across = across / (np.linalg.norm(across, axis=-1, keepdims=True) + 1e-9) * bend
        lines = hilum + along[:, None] * t[:, None] + across[:, None] * np.sin(np.pi * t)[:, None]
        outlines += [band(lines, 0.010 * (1.0 - t) + 0.002), (hilum + knot)[None]]
    return np.concatenate(outlines)
