"""Errors after which a process can use its GPU no more; and that errors keep nothing alive."""

import contextlib
import gc
import weakref

import pytest
import torch
from pretended_gpu import ILLEGAL, lose_gpu, pretend_memory
from trials import make_trial

from bench.errors import LostGpuError, TrainingError
from bench.training.device_errors import explaining_device_errors

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError(ILLEGAL),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        ValueError("whatever a library makes of it"),
    ],
)
def test_an_error_after_which_cuda_answers_nothing_loses_the_gpu(monkeypatch, error):
    lose_gpu(monkeypatch)
    with pytest.raises(LostGpuError) as found, explaining_device_errors(make_trial(), CUDA):
        raise error
    assert found.value.value == str(error).splitlines()[0]
    assert "the same command goes on" in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: invalid configuration argument"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        ValueError("a defect of the model"),
    ],
)
def test_an_error_after_which_cuda_answers_is_the_trials_own(monkeypatch, error):
    pretend_memory(monkeypatch)
    with pytest.raises(type(error)) as found, explaining_device_errors(make_trial(), CUDA):
        raise error
    assert found.value is error


def test_out_of_memory_does_not_lose_the_gpu(monkeypatch):
    memory = pretend_memory(monkeypatch)
    with pytest.raises(TrainingError, match="out of memory"), explaining_device_errors(make_trial(), CUDA):
        raise torch.OutOfMemoryError("CUDA out of memory.")
    assert "empty cache" in memory.calls


@pytest.mark.parametrize("kind", [torch.OutOfMemoryError, torch.AcceleratorError])
def test_the_error_holds_nothing_of_what_ran(monkeypatch, kind):
    """As a caller would who keeps the error while another model needs the room."""
    if kind is torch.AcceleratorError:
        lose_gpu(monkeypatch)
    held = []

    def train() -> None:
        model = torch.nn.Linear(3, 3)
        held.append(weakref.ref(model))
        forward(torch.ones(2, 3))

    def forward(batch: torch.Tensor) -> None:
        held.append(weakref.ref(batch))
        try:
            raise ValueError("first of all")
        except ValueError as error:
            raise kind("CUDA error") from error

    found = None
    try:
        with explaining_device_errors(make_trial(), CPU):
            train()
    except (TrainingError, LostGpuError) as error:
        found = error
    gc.collect()
    assert found is not None
    assert [one() for one in held] == [None, None]


def test_a_block_that_ran_out_of_memory_is_free_once_its_error_is_told():
    """Without waiting for the garbage collector, which need not come while a worker waits for a trial."""
    held = []

    def train() -> None:
        model = torch.nn.Linear(3, 3)
        held.append(weakref.ref(model))
        with explaining_device_errors(make_trial(), CPU):
            raise torch.OutOfMemoryError("CUDA out of memory.")

    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(TrainingError):
            train()
        assert held[0]() is None
    finally:
        gc.enable()
