"""Where and with what a trial was run: enough to explain a number, none of it part of a trial's identity."""

import platform
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import bench
from bench.suite.frozen import Frozen

PACKAGES = ("torch", "torchvision", "segmentation-models-pytorch", "timm", "numpy", "opencv-python-headless")
CAM_LIBRARY = "grad-cam"
"""What maps other than the native one are made by: pytorch-grad-cam, by its name on PyPI."""


class Arithmetic(Frozen):
    """What a trial really computed with: what explains a difference in the last digits."""

    training: str
    """Precision of the network while it was trained: float32, bfloat16 or float16."""
    scoring: str
    """Precision of the network on the test part."""
    tf32: bool
    """Whether float32 convolutions may round their factors to TF32 (CUDA's default)."""
    memory_format: str
    """Of images and convolutions: channels_last or contiguous."""
    images_at_once: int
    """Images that the network was given at once."""
    compiled: bool
    """Whether training went through torch.compile."""
    num_threads: int
    cuda: str | None
    """Version of CUDA that torch was built for; None on a CPU."""
    cudnn: int | None
    nondeterministic: tuple[str, ...]
    """Operations that ran without a deterministic algorithm. With none, the same trial on such a device, with
    these settings and versions, gives the same bits."""

    @property
    def is_deterministic(self) -> bool:
        """Whether the same trial gives the same bits again."""
        return not self.nondeterministic


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
    arithmetic: Arithmetic | None = None
    """The whole of it; None of evaluations of other maps, and of records older than it."""


def describe(
    device: str,
    precision: str,
    num_threads: int,
    packages: Iterable[str] = PACKAGES,
    data: str | None = None,
    arithmetic: Arithmetic | None = None,
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
        arithmetic=arithmetic,
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
