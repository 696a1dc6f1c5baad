"""Imports torchvision and segmentation-models-pytorch where torch is a CPU build.

torchvision's wheel on PyPI is compiled for CUDA. Beside a CPU build of torch its operators cannot be
loaded, yet its Python side registers fake kernels for two of them at import and dies with
``operator torchvision::nms does not exist``; segmentation-models-pytorch and timm import torchvision and die
with it. Declaring the two schemas first is enough: transforms and models then work, while
`torchvision.ops.nms` and the compiled image decoders, which nothing here needs, do not.

Every import of torchvision or segmentation-models-pytorch in this package goes through this module.
"""

import importlib.util
from pathlib import Path

import torch

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def compiled_operators_load() -> bool:
    """Returns whether torchvision's compiled operators load beside the installed torch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return False
    folder = Path(next(iter(spec.submodule_search_locations)))
    for library in (*folder.glob("_C*.so"), *folder.glob("_C*.pyd"), *folder.glob("_C*.dylib")):
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except OSError:
            continue
        return True
    return False


def _declare_missing_operators() -> torch.library.Library | None:
    """Declares the schemas that torchvision's import needs; nothing where they exist already."""
    if compiled_operators_load() or hasattr(torch.ops.torchvision, "nms"):
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in _OPERATORS:
        library.define(schema)  # type: ignore[no-untyped-call]
    return library


# A declaration lives as long as its Library object: keep it for the life of the process.
DECLARATIONS = _declare_missing_operators()

import segmentation_models_pytorch as smp  # noqa: E402
import torchvision  # noqa: E402

__all__ = ["DECLARATIONS", "compiled_operators_load", "smp", "torchvision"]
