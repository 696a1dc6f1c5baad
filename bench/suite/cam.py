"""The maps that a trained model can be scored on, in one table.

A suite is checked without torch, so a map is declared here; the function at its `target` computes it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

NATIVE = "native"
"""The heatmap that a model returns itself. Every trial is scored on it, and its failure is the trial's."""

_LIBRARY = ("grad-cam",)


@dataclass(frozen=True)
class Cam:
    """A map, and where it is computed.

    Attributes:
        title: its name in tables, as in its paper.
        target: ``module:function`` that computes it, a `bench.evaluation.cam.CamFunction`, imported when it
            is used; None for the native map.
        packages: names on PyPI of the packages that compute it; their versions stand beside its numbers.
    """

    title: str
    target: str | None
    packages: tuple[str, ...] = ()


CAMS: dict[str, Cam] = {
    NATIVE: Cam("native", None),
    "grad_cam": Cam("Grad-CAM", "bench.evaluation.library_cams:grad_cam", _LIBRARY),
    "grad_cam_plus_plus": Cam("Grad-CAM++", "bench.evaluation.library_cams:grad_cam_plus_plus", _LIBRARY),
    "xgrad_cam": Cam("XGrad-CAM", "bench.evaluation.library_cams:xgrad_cam", _LIBRARY),
    "eigen_cam": Cam("Eigen-CAM", "bench.evaluation.library_cams:eigen_cam", _LIBRARY),
    "layer_cam": Cam("Layer-CAM", "bench.evaluation.library_cams:layer_cam", _LIBRARY),
}
"""Every map that a suite can name. One line adds one."""

if TYPE_CHECKING:
    CamMethod = str
else:
    CamMethod = Literal[tuple(CAMS)]


def with_cam(label: str, cam: CamMethod) -> str:
    """Returns `label` for the native map, else followed by the map's name: ``PYLON [Grad-CAM++]``."""
    return label if cam == NATIVE else f"{label} [{CAMS[cam].title}]"
