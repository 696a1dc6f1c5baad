"""What a peak has to hit: the boxes of each unit on the grid that its map is enlarged to."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.metrics.boxes import inside
from bench.metrics.protocol import Edges, LocalizationProtocol

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Targets:
    """Boxes of n units, at most k each, and what counts as a hit of them.

    Attributes:
        boxes: [n, k, 4] x, y, w, h in px of the grid, filled up with NaN, which nothing is inside of.
        pixels: [n, 2] width and height of a pixel of the grid, in px of the image's own frame.
        tolerance_px: see `LocalizationProtocol`.
        edges: see `LocalizationProtocol`.
    """

    boxes: Floats
    pixels: Floats
    tolerance_px: float
    edges: Edges

    def hit(self, units: Integers, rows: Floats | Integers, columns: Floats | Integers) -> Bools:
        """Returns [m] whether each point hits a box of its unit.

        Args:
            units: [m] unit of each point.
            rows: [m] row of each point, px of the grid; need not be whole.
            columns: [m] column of each point.
        """
        found = np.zeros(len(units), dtype=bool)
        for position in range(self.boxes.shape[1]):
            found |= self._hit_one(rows, columns, self.boxes[units, position], self.pixels[units])
        return found

    def _hit_one(
        self, rows: Floats | Integers, columns: Floats | Integers, boxes: Floats, pixels: Floats
    ) -> Bools:
        if self.tolerance_px == 0:
            return inside(rows, columns, boxes, far_edges=self.edges == "inclusive")
        x, y, w, h = boxes.T
        right = np.maximum(np.maximum(x - columns, columns - (x + w)), 0) * pixels[:, 0]
        down = np.maximum(np.maximum(y - rows, rows - (y + h)), 0) * pixels[:, 1]
        found: Bools = np.hypot(right, down) <= self.tolerance_px
        return found


def targets(boxes: Floats, unit_of: Integers, pixels: Floats, protocol: LocalizationProtocol) -> Targets:
    """Returns what peaks of each unit have to hit.

    Args:
        boxes: [m, 4] x, y, w, h in px of the grid.
        unit_of: [m] unit of each box, in [0, n).
        pixels: see `Targets`.
        protocol: whether boxes are truncated, edges and tolerance.
    """
    order = np.argsort(unit_of, kind="stable")
    counts = np.bincount(unit_of, minlength=len(pixels))
    first = np.cumsum(counts) - counts
    padded = np.full((len(pixels), max(int(counts.max(initial=0)), 1), 4), np.nan)
    own = unit_of[order]
    padded[own, np.arange(len(own)) - first[own]] = boxes[order]
    if protocol.boxes == "truncated":
        padded = np.trunc(padded)
    return Targets(padded, pixels, protocol.tolerance_px, protocol.edges)
