"""Running out of memory, as a sentence: how much there is, which process has it, and what would fit."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bench.errors import TrainingError
from bench.suite.trial import Trial

_GIB = 2**30
_CPU = "DefaultCPUAllocator"
"""In torch's message where the machine's own memory is used up; it has no class of its own for that."""
_CUDA = ("out of memory", "ALLOC_FAILED")
"""In messages of CUDA and its libraries where torch did not allocate itself."""


@contextmanager
def explaining_memory(trial: Trial, device: torch.device) -> Iterator[None]:
    """Turns running out of memory, within the block, into a sentence.

    Raises:
        TrainingError: it did; the sentence names `recipe.accumulate` as the remedy while there is one.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise TrainingError(f"{_out_of_memory(trial)}{_on_cuda(device)}; {_remedy(trial)}") from None
    except (RuntimeError, MemoryError) as error:
        if any(words in str(error) for words in _CUDA):
            raise TrainingError(f"{_out_of_memory(trial)}{_on_cuda(device)}; {_remedy(trial)}") from None
        if isinstance(error, RuntimeError) and _CPU not in str(error):
            raise
        raise TrainingError(f"{_out_of_memory(trial)} on the CPU; {_remedy(trial)}") from None


def _out_of_memory(trial: Trial) -> str:
    return f"out of memory with {trial.recipe.piece_size} images of {trial.resolution} px at once"


def _on_cuda(device: torch.device) -> str:
    if device.type != "cuda":
        return ""
    free, total = torch.cuda.mem_get_info(device)
    others = max(0, total - free - torch.cuda.memory_reserved(device))
    peak = torch.cuda.max_memory_allocated(device)
    return (
        f" on {torch.cuda.get_device_name(device)}: it has {total / _GIB:.1f} GiB, of which this trial had "
        f"up to {peak / _GIB:.1f} in use and other processes {others / _GIB:.1f}"
    )


def _remedy(trial: Trial) -> str:
    recipe = trial.recipe
    if recipe.piece_size == 1:
        return "not even one image fits; take a smaller resolution or model, or a device with more memory"
    pieces = 2 * recipe.accumulate
    smaller = recipe.model_copy(update={"accumulate": pieces})
    return (
        f"--set recipe.accumulate={pieces} keeps the batch of {recipe.batch_size} and works on "
        f"{smaller.piece_size} images at once, in about half the memory (other trials by their id, since "
        "batch norm sees the pieces)"
    )
