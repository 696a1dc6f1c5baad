"""Outlines and soft masks, with which the procedural chest radiographs are drawn.

Lengths are fractions of the image side ("units"); the y axis points down.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Field = npt.NDArray[np.float32]

SOFT_TISSUE = 0.67
FLUID = 0.88
AIR = 0.22
FREE_AIR = 0.08
"""Tissue values that layers pull towards: lung without air, fluid, and air in a cavity or beside the lung."""

_SUBPIXEL_BITS = 4
_FINE_SIZE_PX = 128
_GOLDEN_ANGLE = 2.39996


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


def band(centreline: Points, half_width: float | Points) -> Points:
    """Returns closed outlines [..., 2 n, 2] around centrelines [..., n, 2]; `half_width` is broadcast."""
    step = np.empty_like(centreline)
    step[..., 1:-1, :] = centreline[..., 2:, :] - centreline[..., :-2, :]
    step[..., 0, :] = centreline[..., 1, :] - centreline[..., 0, :]
    step[..., -1, :] = centreline[..., -1, :] - centreline[..., -2, :]
    scale = half_width / (np.hypot(step[..., 0], step[..., 1]) + 1e-12)
    offset = step[..., ::-1] * scale[..., None] * [-1.0, 1.0]
    return np.concatenate([centreline + offset, (centreline - offset)[..., ::-1, :]], axis=-2)


def soft_mask(outlines: Sequence[Points] | Points, size_px: int, blur: float) -> Field:
    """Returns the union of closed outlines with soft edges, [size_px, size_px] in [0, 1].

    Args:
        outlines: Outlines [n, 2] in the image frame, units; an array stacks equally long ones.
        size_px: Side of the mask in pixels.
        blur: Standard deviation of the edge softening, units.
    """
    # Antialiased edges are a good pixel wide, too fat for thin shapes in a small image.
    oversampling = 2 if size_px < _FINE_SIZE_PX else 1
    fine_px = oversampling * size_px
    pixels = np.zeros((fine_px, fine_px), np.uint8)
    scale = fine_px * (1 << _SUBPIXEL_BITS)
    stacks = [outlines] if isinstance(outlines, np.ndarray) else [part[None] for part in outlines]
    for stack in stacks:
        # Pixel i is centred at (i + 0.5) / size; adding 0.5 before the floor rounds.
        corners = np.floor(stack * scale + (0.5 - 0.5 * (1 << _SUBPIXEL_BITS))).astype(np.int32)
        for polygon in corners:
            # One call per polygon: a joint call would leave holes where polygons overlap.
            cv2.fillPoly(pixels, [polygon], (255,), cv2.LINE_AA, _SUBPIXEL_BITS)
    coarse = cv2.resize(pixels, (size_px, size_px), interpolation=cv2.INTER_AREA)
    mask: Field = coarse.astype(np.float32)
    mask *= np.float32(1.0 / 255.0)
    if blur * size_px > 0.3:
        cv2.GaussianBlur(mask, (0, 0), blur * size_px, dst=mask)
    return mask


def blobs(
    rng: np.random.Generator, centres: Points, radii: Points, wobble: float, corners: int = 24
) -> Points:
    """Returns round outlines [k, corners, 2] with slightly irregular edges, in the patient frame.

    `centres` [k, 2] and mean `radii` [k] are in the patient frame; `wobble` is the relative deviation
    from a radius.
    """
    theta = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False)
    phase = rng.uniform(0.0, 2.0 * np.pi, (len(centres), 3, 1))
    waves = np.cos(np.array([[2.0], [3.0], [5.0]]) * theta + phase).mean(axis=1)
    spokes = np.column_stack([np.cos(theta), np.sin(theta)])
    reach = (radii[:, None] * (1.0 + wobble * waves))[..., None]
    outlines: Points = centres[:, None] + reach * spokes
    return outlines


def sunflower(rng: np.random.Generator, count: int) -> Points:
    """Returns points [count, 2] that fill the unit disc evenly, turned at random."""
    angle = np.arange(count) * _GOLDEN_ANGLE + rng.uniform(0.0, 2.0 * np.pi)
    distance = np.sqrt((np.arange(count) + 0.5) / count)
    points: Points = np.column_stack([np.cos(angle), np.sin(angle)]) * distance[:, None]
    return points
