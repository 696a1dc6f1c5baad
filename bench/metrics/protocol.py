"""The protocol of localization as data: every choice that papers and programs make differently.

The defaults are the thesis' (§5.4, code), by which every trial is scored. docs/protocol.md says more of each.
"""

from dataclasses import dataclass, replace
from typing import Literal

from bench.suite.metrics import IOBB_ACCURACY, POINT_ACCURACY

Sigmoid = Literal["before", "after"]
Ties = Literal["first", "last", "mean", "any", "fraction"]
GridName = Literal["input", "native"]
Edges = Literal["inclusive", "exclusive"]
Corners = Literal["untruncated", "truncated"]


@dataclass(frozen=True)
class LocalizationProtocol:
    """How a heatmap is enlarged, where it peaks, and when that is in a box.

    Attributes:
        sigmoid: taken of the map as the model returns it, before it is enlarged, or after.
        align_corners: whether enlarging puts the centres of corner cells on the centres of corner pixels.
        ties: of several pixels that share the maximum, the peak is the first or last in row-major order or
            their mean position, which need not be one of them; any: a hit if one of them is; fraction: the
            share of them that are hits, which is the expected hit of one drawn at random.
        tolerance_px: a peak no farther than this from a box is a hit, in px of the image's own frame, in
            which its boxes were published. 15 in the pointing game (Zhang 2018, as TorchRay has it).
        grid: what a map is enlarged to: the square of the network's input, the image's own frame, or a
            square of that many px. Boxes are scaled to it.
        edges: whether a box's far edges, right and bottom, are inside. Nothing to a tolerance above 0.
        boxes: as they are in px of the grid, or x, y, w, h truncated to integers, each by itself.
        threshold: of overlap: share of a map's maximum above which a pixel is predicted, in [0, 1).
        iobb: of overlap: what IoBB of a hit exceeds, in [0, 1); the literature's T(IoBB).
    """

    sigmoid: Sigmoid = "before"
    align_corners: bool = False
    ties: Ties = "first"
    tolerance_px: float = 0.0
    grid: GridName | int = "input"
    edges: Edges = "inclusive"
    boxes: Corners = "untruncated"
    threshold: float = 0.5
    iobb: float = 0.5

    @property
    def needs_frames(self) -> bool:
        """Returns whether the sizes of the images' own frames have to be known."""
        return self.grid == "native" or self.tolerance_px > 0


THESIS = LocalizationProtocol()
"""By which every trial is scored."""

DEFAULT = "default"
"""Name of the thesis' protocol beside its variants."""

_PEAK_VARIANTS: dict[str, LocalizationProtocol] = {
    "sigmoid_after": replace(THESIS, sigmoid="after"),
    "align_corners": replace(THESIS, align_corners=True),
    "ties_last": replace(THESIS, ties="last"),
    "ties_mean": replace(THESIS, ties="mean"),
    "tolerance_15": replace(THESIS, tolerance_px=15.0),
    "native_grid": replace(THESIS, grid="native"),
    "edges_exclusive": replace(THESIS, edges="exclusive"),
    "boxes_truncated": replace(THESIS, boxes="truncated"),
}

_MAP_VARIANTS: dict[str, LocalizationProtocol] = {
    "iobb_10": replace(THESIS, iobb=0.1),
    "iobb_25": replace(THESIS, iobb=0.25),
    "threshold_10": replace(THESIS, threshold=0.1),
    "threshold_25": replace(THESIS, threshold=0.25),
}
"""T(IoBB) as in Wang 2017, and the cut of the map that it is not."""

VARIANTS: dict[str, dict[str, LocalizationProtocol]] = {
    POINT_ACCURACY.name: _PEAK_VARIANTS,
    IOBB_ACCURACY.name: _MAP_VARIANTS,
}
"""One choice changed at a time, by metric of the thesis: what the sensitivity of a trial is measured by."""
