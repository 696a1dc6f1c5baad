"""Where published files are: extracts in the repository, and whole ones that may lie beside it."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PUBLISHED = files("bench.reporting") / "published"
"""Numbers of the thesis, and its authors' hits and seeds."""

NIH_EXTRACT = ROOT / "tests" / "extracts" / "nih"
"""All boxes of ChestX-ray14, and the labels of the images that have some."""

WHOLE = ROOT.parent / "shared"
"""Files that are not ours to pass on."""

needs_radiographs = pytest.mark.skipif(
    not (WHOLE / "data" / "nih_boxes").is_dir(), reason="NIH's radiographs are not in the repository"
)
needs_nih_labels = pytest.mark.skipif(
    not (WHOLE / "data" / "meta").is_dir(), reason="NIH's 112,120 labels are too large for the repository"
)
needs_vindr = pytest.mark.skipif(
    not (WHOLE / "data" / "meta" / "vindr").is_dir(), reason="VinDr-CXR's agreement forbids to pass it on"
)
needs_authors_maps = pytest.mark.skipif(
    not (WHOLE / "data" / "authors_pylon_seed0").is_dir(),
    reason="no licence allows to pass on the authors' heatmaps",
)
needs_mask_formats = pytest.mark.skipif(
    not (WHOLE / "data" / "formats").is_dir(), reason="files of other data sets are not ours to pass on"
)
needs_imagenet_weights = pytest.mark.skipif(
    not (WHOLE / "weights").is_dir(), reason="the licence of the ImageNet weights forbids to ship them"
)


def lay_out_radiographs(folder: Path, *options: str) -> None:
    """Writes radiographs with their tables as the official download has them."""
    script = WHOLE / "data" / "make_nih_layout.py"
    subprocess.run(
        [sys.executable, str(script), "--out", str(folder), *options], check=True, capture_output=True
    )
