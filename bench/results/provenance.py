"""Circumstances of a trial: enough to explain a number, none of it part of a trial's identity."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from importlib.metadata import PackageNotFoundError, version

from pydantic import Field

from bench.errors import brief
from bench.suite.cam import NATIVE, CamMethod, cam_source
from bench.suite.catalog import plugin_source
from bench.suite.dataset_specs import dataset_source
from bench.suite.frozen import Frozen
from bench.suite.metrics import metric_plugins
from bench.suite.plugin_source import PluginSource
from bench.suite.trial import Trial
from bench.version import FOLDER, VERSION

PACKAGES = ("torch", "torchvision", "segmentation-models-pytorch", "timm", "numpy", "opencv-python-headless")

DRAWN = "drawn"
"""In place of a digest: the data set was drawn from its specification, which the trial's id holds."""

UNKNOWN = "unknown: "
"""Beginning of the reason why something is not known."""

COMMIT_FILE = "commit.txt"

_PATIENCE_S = 10
_DIGITS = 12
"""Digits of a commit."""


class Arithmetic(Frozen):
    """The arithmetic that a trial really used: it explains a difference in the last digits."""

    training: str
    """Precision of the network while it was trained: float32, bfloat16 or float16."""
    scoring: str
    """Precision of the network on the test part."""
    tf32: bool
    """Whether float32 convolutions or products may round their factors to TF32, which is then no float32."""
    memory_format: str
    """channels_last or contiguous, for images and convolutions."""
    images_at_once: int
    """Images that the network was given at once."""
    compiled: bool
    """Whether training and its validation ran compiled by torch.compile: all of it, or the trial fails."""
    optimizer: str
    """Adam, or fused Adam (on CUDA), whose last digits differ."""
    num_threads: int
    cuda: str | None
    """Version of CUDA (or ``hip`` and that of ROCm) that torch was built for; None on a CPU."""
    cudnn: int | None
    nondeterministic: tuple[str, ...]
    """Operations that ran without a deterministic algorithm. With none, the same trial on such a device, with
    these settings and versions, gives the same bits."""


class Provenance(Frozen):
    """The circumstances of a trial, written beside its numbers."""

    bench: str
    """Version of this package."""
    git_commit: str
    """Commit of the package's source, or "unknown: " and why; see `git_commit`."""
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
    """``sha256:…`` of the data set: split, image files, labels, patients and boxes; `DRAWN` of one without
    files; None where it was not checked."""
    arithmetic: Arithmetic | None = None
    """The whole of it; None of evaluations of other maps."""
    model_source: PluginSource | None = None
    """Of a model from outside of bench."""
    dataset_source: PluginSource | None = None
    """Of a data set from outside of bench."""
    cam_source: PluginSource | None = None
    """Of a map's method from outside of bench, in the evaluation of that map."""
    metric_plugins: dict[str, PluginSource] = Field(default_factory=dict)
    """Of metrics from outside of bench, by their names."""


def describe(
    device: str,
    precision: str,
    num_threads: int,
    packages: Iterable[str] = PACKAGES,
    data: str | None = None,
    arithmetic: Arithmetic | None = None,
    trial: Trial | None = None,
    cam: CamMethod = NATIVE,
) -> Provenance:
    """Returns the provenance of a trial that runs in this process."""
    return Provenance(
        bench=VERSION,
        git_commit=git_commit(),
        python=sys.version.split()[0],
        packages={name: found for name in packages if (found := _version(name)) is not None},
        platform=platform.platform(),
        device=device,
        precision=precision,
        num_threads=num_threads,
        data=data,
        arithmetic=arithmetic,
        model_source=None if trial is None else plugin_source(trial.model),
        dataset_source=None if trial is None else dataset_source(trial.dataset),
        cam_source=cam_source(cam),
        metric_plugins=metric_plugins(),
    )


@lru_cache
def git_commit() -> str:
    """Returns the commit of this package's source; where nobody says it "unknown: " and why.

    Of a checkout that of git, with "+" appended if it changed since, "?" if git did not say whether it did;
    else that which was noted when the package or an archive of its source was made.
    """
    try:
        _git("ls-files", "--error-unmatch", "errors.py")
        commit = _git("rev-parse", "--short=12", "HEAD")
    except subprocess.TimeoutExpired:
        reason = f"git did not answer within {_PATIENCE_S} s"
    except subprocess.CalledProcessError as error:
        reason = _refusal(error.stderr)
    except OSError as error:
        reason = f"git cannot be run: {error.strerror or brief(error)}"
    else:
        try:
            changed = _git("status", "--porcelain", "--untracked-files=no", ".")
        except (OSError, subprocess.SubprocessError):
            return f"{commit}?"
        return commit + ("+" if changed else "")
    return _noted_commit() or f"{UNKNOWN}{reason}"


def _git(*arguments: str) -> str:
    """Returns what git says; also of a checkout of another user: we run its code, so we trust it already."""
    command = ["git", "-c", "safe.directory=*", "-C", str(FOLDER), *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        timeout=_PATIENCE_S,
        env=os.environ | {"LC_ALL": "C"},
    ).stdout.strip()


def _refusal(said: str) -> str:
    """Returns why git does not tell, without the paths that it names."""
    if "dubious ownership" in said or "safe.directory" in said:
        return "git refuses a checkout of another user (see its safe.directory)"
    if "not a git repository" in said or "did not match any file" in said:
        return "installed without git, from files that do not note it"
    return re.sub(r"/\S+", "…", f"git says {brief(ValueError(said))}")


def _noted_commit() -> str:
    """Returns the commit that setup.py or git archive wrote into commit.txt; empty if neither did."""
    try:
        noted = resources.files("bench").joinpath(COMMIT_FILE).read_text("utf-8").strip()
    except OSError:
        return ""
    return "" if noted.startswith("$") else noted[:_DIGITS] + noted.lstrip("0123456789abcdef")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
