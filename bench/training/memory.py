"""The memory of a device: a trial's part of it, and running out of it as a sentence."""

import gc
import os

import torch

from bench.suite.trial import Trial

_GIB = 2**30
_CPU = "DefaultCPUAllocator"
"""In torch's message where the machine's own memory is used up; it has no class of its own for that."""
_CUDA = ("out of memory", "ALLOC_FAILED", "unable to find an engine")
"""In messages of CUDA and its libraries where torch did not allocate itself; the last is cuDNN's, for which
there is no room to work in."""

CONTEXT_BYTES = 2**29
"""Memory that CUDA itself takes of a GPU in each process: about so much, and no interface tells it."""


def begin_trial(device: torch.device, gpu_share: float) -> None:
    """Gives memory back that earlier trials of this process have left, and bounds what the next one may take.

    Is called before anything else uses CUDA in a process, so that its allocator gets its settings: segments
    that grow, which leave fewer gaps that fit nothing.

    Args:
        device: where the next trial runs; on a CPU there is nothing to do.
        gpu_share: of the GPU's memory that this process may take, CUDA's own included; 1 is no bound.
    """
    if device.type != "cuda":
        return
    if "PYTORCH_ALLOC_CONF" not in os.environ:  # the newer name, which CUDA does not heed up to torch 2.11
        os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    torch.cuda.init()  # type: ignore[no-untyped-call]
    free_unused(device)
    torch.cuda.reset_peak_memory_stats(device)
    total = torch.cuda.mem_get_info(device)[1]
    bound = 1.0 if gpu_share >= 1 else max(gpu_share - CONTEXT_BYTES / total, 0.0)
    torch.cuda.set_per_process_memory_fraction(bound)


def free_unused(device: torch.device) -> None:
    """Gives memory back to the GPU that nothing uses any more, so that other processes can have it."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether the error says that memory is used up, a GPU's or the machine's own."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in (*_CUDA, _CPU))


def out_of_memory_sentence(trial: Trial, device: torch.device, error: BaseException) -> str:
    """Returns what was too much, how much there is and who has it, and what helps while anything does.

    Args:
        trial: that ran out of memory.
        device: where it ran.
        error: that said so, see `is_out_of_memory`.
    """
    tried = f"out of memory with {trial.recipe.piece_size} images of {trial.resolution} px at once"
    is_of_cpu = isinstance(error, MemoryError) or _CPU in str(error)
    where = " on the CPU" if is_of_cpu else _on_gpu(device)
    return f"{tried}{where}; {_remedy(trial)}"


def _on_gpu(device: torch.device) -> str:
    """Returns the GPU and its memory, unless CUDA does not tell, as where it has found no room to start."""
    if device.type != "cuda":
        return ""
    try:
        free, total = torch.cuda.mem_get_info(device)
        share = torch.cuda.get_per_process_memory_fraction()
        peak, name = torch.cuda.max_memory_allocated(device), torch.cuda.get_device_name(device)
        others = max(0, total - free - torch.cuda.memory_reserved(device) - CONTEXT_BYTES)
    except (RuntimeError, AssertionError):
        return " on the GPU"
    bound = f" (it may have {share * total / _GIB:.1f}, by resources.gpu)" if share < 1 else ""
    return (
        f" on {name}: it has {total / _GIB:.1f} GiB, of which this trial had up to {peak / _GIB:.1f} in use"
        f"{bound} and other processes have {others / _GIB:.1f}"
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
