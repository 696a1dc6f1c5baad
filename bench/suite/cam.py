"""The maps by which a trained model can be scored, what tables call them, and the rows that they make."""

from typing import Literal

CamMethod = Literal["native", "grad_cam", "grad_cam_plus_plus", "xgrad_cam", "eigen_cam", "layer_cam"]

NATIVE: CamMethod = "native"
"""The map that a model returns itself."""

CAM_NAMES: dict[CamMethod, str] = {
    "native": "native",
    "grad_cam": "Grad-CAM",
    "grad_cam_plus_plus": "Grad-CAM++",
    "xgrad_cam": "XGrad-CAM",
    "eigen_cam": "Eigen-CAM",
    "layer_cam": "Layer-CAM",
}
"""Every map that a suite can name, as its paper calls it. The native one is the model's own heatmap."""


def with_cam(label: str, cam: CamMethod) -> str:
    """Returns `label` for the native map, else followed by the map's name: ``PYLON [Grad-CAM++]``."""
    return label if cam == "native" else f"{label} [{CAM_NAMES[cam]}]"
