"""Where and with what a trial was run: enough to explain a number, none of it part of a trial's identity."""

import platform
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import bench
from bench.suite.schema import Frozen

PACKAGES = ("torch", "torchvision", "segmentation-models-pytorch", "timm", "numpy", "opencv-python-headless")
CAM_LIBRARY = "grad-cam"
"""What maps other than the native one are made by: pytorch-grad-cam, by its name on PyPI."""


class Provenance(Frozen):
    """What is written beside a trial's numbers."""

    bench: str
    """Version of this package."""
    git_commit: str | None
    """Commit of the source tree that the package runs from, "+" appended if it was changed since; None where
    it was installed from an archive."""
    python: str
    packages: dict[str, str]
    """Versions of the packages that can move a number."""
    platform: str
    device: str
    """Name of the GPU, or "cpu"."""
    precision: str
    """Arithmetic that training really used."""
    num_threads: int
    data: str | None = None
    """``sha256:…`` of the data set: split, image files, labels, patients and boxes; None where it is drawn,
    or was not checked."""


def describe(
    device: str,
    precision: str,
    num_threads: int,
    packages: Iterable[str] = PACKAGES,
    data: str | None = None,
) -> Provenance:
    """Returns the provenance of a trial that runs in this process."""
    return Provenance(
        bench=bench.__version__,
        git_commit=git_commit(),
        python=sys.version.split()[0],
        packages={name: found for name in packages if (found := _version(name)) is not None},
        platform=platform.platform(),
        device=device,
        precision=precision,
        num_threads=num_threads,
        data=data,
    )


@lru_cache
def git_commit() -> str | None:
    """Returns the commit of this package's source tree, "+" appended if it changed; None outside of git."""
    folder = Path(bench.__file__).parent
    try:
        tracked = _git(folder, "ls-files", "--error-unmatch", "errors.py")
        commit = _git(folder, "rev-parse", "--short=12", "HEAD") if tracked else ""
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", ".")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed else "") or None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
