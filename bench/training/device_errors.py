"""Errors of a device as sentences: too little memory, and a GPU that fails in the middle of its work."""

import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bench.errors import BenchError, LostGpuError, TrainingError, brief
from bench.suite.trial import Trial
from bench.training.memory import free_unused, is_out_of_memory, out_of_memory_sentence


@contextmanager
def explaining_device_errors(trial: Trial, device: torch.device) -> Iterator[None]:
    """Turns errors of the device, within the block, into sentences, and lets others pass.

    The sentence's error keeps nothing alive that functions called in the block have held, such as batches.

    Raises:
        TrainingError: memory is used up; the sentence names `recipe.accumulate` as the remedy while there is
            one.
        LostGpuError: this process cannot use its GPU any more.
    """
    found: BenchError | None = None
    try:
        yield
    except Exception as error:
        found = _explained(error, trial, device)
        if found is None:
            raise
        forget_frames(error)
    if found is not None:
        if isinstance(found, TrainingError):
            free_unused(device)
        try:
            raise found
        finally:
            del found  # it would keep itself alive, and all that the block has held, through this frame


def _explained(error: Exception, trial: Trial, device: torch.device) -> BenchError | None:
    if is_gpu_lost():
        reason = brief(Exception(str(error).partition("\n")[0]))
        return LostGpuError(
            f"a GPU of {socket.gethostname()} cannot be used any more by this process ({reason}); the same "
            "command goes on from the last checkpoint; if it happens again, nvidia-smi and dmesg say more",
            value=reason,
        )
    if is_out_of_memory(error):
        return TrainingError(out_of_memory_sentence(trial, device, error))
    return None


def is_gpu_lost() -> bool:
    """Returns whether CUDA answers every call of this process with an error.

    So it is after an illegal access, a failed launch or an uncorrectable error of the GPU's memory, whatever
    library meets it first and in whatever words. A mistaken call, as of a wrong shape, leaves CUDA whole.
    """
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return False
    try:
        torch.cuda.synchronize()
    except RuntimeError as error:
        return not is_out_of_memory(error)  # which it is where CUDA has found no room to start
    return False


def forget_frames(error: BaseException | None) -> None:
    """Frees what the functions that the error came through have held, and those of errors before it."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
