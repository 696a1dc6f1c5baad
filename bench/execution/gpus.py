"""Whether trials run on GPUs: decided before any starts, so that none falls back to the CPU by accident."""

from importlib.metadata import version

from bench.errors import SuiteError
from bench.execution.executor import Executor
from bench.suite.schema import Resources


def decide_gpu(resources: Resources, executor: Executor, *, cpu_only: bool) -> bool:
    """Returns whether trials run on CUDA: where the suite asks for it, or leaves it open and a GPU is there.

    Args:
        resources: what the suite asks for.
        executor: knows what is there.
        cpu_only: the user has chosen the CPU, whatever the suite asks for.

    Raises:
        SuiteError: a trial asks for more GPUs than one can have.
    """
    if cpu_only or resources.gpu == 0:
        return False
    found = executor.num_gpus()
    if (resources.gpu or 0) > found:
        raise SuiteError(
            f"the suite asks for {resources.gpu:g} GPU per trial and there are {found:g} for one; "
            "--cpu runs it on the CPU"
        )
    return found > 0


def num_local_gpus() -> int:
    """Returns how many GPUs torch can use on this machine; a build for the CPU is not imported to ask it."""
    if version("torch").endswith("+cpu"):
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
