"""Whether torch can use the GPUs of this machine, and if not, why and what helps."""

import logging
import re
import warnings
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import version

from bench.errors import BenchError, brief, listing
from bench.planning.installed_gpus import Gpu, InstalledGpus, installed_gpus, shown, visible_words

log = logging.getLogger(__name__)

_HIDING = ("", "-1", "NoDevFiles")
"""First words of CUDA_VISIBLE_DEVICES that hide every GPU on purpose."""

_CUDA_12 = "(PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cu126)"
"""Where wheels are for drivers from 525 on, and for compute capabilities from 5.0 to 9.0."""

_BUILT_FOR_CPUS = (
    "it is built for CPUs; a new environment with PyPI's wheels helps, which need a driver from 580 on, or "
    f"with those for older drivers {_CUDA_12}"
)


def num_usable_gpus() -> int:
    """Returns how many GPUs torch can use here; 0 where there is none, or CUDA_VISIBLE_DEVICES hides them.

    Raises:
        BenchError: GPUs are there, and torch can use none of them; the sentence says why, and what helps.
    """
    num, problem = usable_gpus()
    if problem:
        raise BenchError(
            f"this machine {problem}; bench run --cpu goes without, as does any command after "
            "CUDA_VISIBLE_DEVICES=''"
        )
    return num


def usable_gpus() -> tuple[int, str]:
    """Returns how many GPUs torch can use here, and why it can use none of those that are there.

    The reason is in words that follow the machine's name, and empty where there is none. A build of torch for
    CPUs is not imported to ask it.
    """
    installed, words = installed_gpus(), visible_words()
    chosen = installed.chosen(words)
    devices = shown(chosen)
    build = version("torch")
    num, reason = 0, _BUILT_FOR_CPUS
    if not build.endswith("+cpu"):
        num, reason, build = _ask_torch(devices, installed)
    if num:
        return num, ""
    if installed.problem:
        log.warning("the driver of NVIDIA's GPUs does not answer (%s), so none is used", installed.problem)
    if not installed.gpus or (words is not None and words.split(",")[0].strip() in _HIDING):
        return 0, ""
    if not chosen:
        reason = f"CUDA_VISIBLE_DEVICES is {words}, which names none of them"
    elif not devices:
        reason = "MIG divides them, and there is no instance yet; nvidia-smi mig -cgi makes one"
    names = _counted(gpu.name for gpu in chosen or installed.gpus)
    return 0, f"has {names} (driver {installed.driver}), and torch {build} cannot use them: {reason}"


def _ask_torch(devices: Iterable[Gpu], installed: InstalledGpus) -> tuple[int, str, str]:
    """Returns how many of the devices torch can use, why it can use none, and which build it is."""
    import torch

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        num = torch.cuda.device_count() if torch.cuda.is_available() else 0
    build, cuda = str(torch.__version__), torch.version.cuda
    kernels = torch.cuda.get_arch_list() if num else []
    needed = [gpu.capability for gpu in devices]
    if num and (not (kernels and needed) or any(_runs(kernels, capability) for capability in needed)):
        return num, "", build
    if num:
        made_for, capability = listing(kernels), ".".join(map(str, needed[0]))
        reason = (
            f"its kernels ({made_for}) are not for compute capability {capability}; a new environment helps, "
            f"with PyPI's wheels for newer GPUs or with those for older ones {_CUDA_12}"
        )
    elif torch.version.hip:
        reason = "it is built for AMD's (ROCm); PyPI has wheels for NVIDIA's"
    elif cuda is None:
        reason = _BUILT_FOR_CPUS
    elif int(cuda.split(".")[0]) > installed.cuda[0]:
        newest = ".".join(map(str, installed.cuda))
        reason = (
            f"it is built for CUDA {cuda}, and this driver runs CUDA {newest} at most; a newer driver helps, "
            f"from 580 on for CUDA 13, or a new environment with wheels for older ones {_CUDA_12}"
        )
    else:
        reason = brief(Exception(said[-1].message if said else "CUDA does not start, and torch says no more"))
    return 0, reason, build


def _runs(kernels: Iterable[str], capability: tuple[int, int]) -> bool:
    """Returns whether one of torch's kernels runs on a GPU of that compute capability.

    A kernel such as sm_80 is for GPUs of its generation that are not older. One for a virtual architecture,
    such as compute_90, is translated for any that is not older.
    """
    for kind, major, minor in re.findall(r"(sm|compute)_(\d+)(\d)", " ".join(kernels)):
        made_for = int(major), int(minor)
        if made_for <= capability and (kind == "compute" or made_for[0] == capability[0]):
            return True
    return False


def _counted(names: Iterable[str]) -> str:
    return listing(f"{number} × {name}" for name, number in Counter(names).items())
