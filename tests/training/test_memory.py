"""A trial's part of a GPU's memory, and running out of memory as a sentence."""

import os
from functools import partial

import pytest
import torch
from pretended_gpu import GIB, pretend_memory
from trials import context_in, make_trial

from bench.errors import TrainingError
from bench.execution.trial import run_trial
from bench.training.device_errors import explaining_device_errors
from bench.training.memory import CONTEXT_BYTES, begin_trial

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
ALLOCATOR = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

trial = partial(make_trial, model="unet", resolution=512)


@pytest.fixture
def memory(monkeypatch):
    for name in ALLOCATOR:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return pretend_memory(monkeypatch)


def sentence_of(error: BaseException, device: torch.device, **changes) -> str:
    with pytest.raises(TrainingError) as found, explaining_device_errors(trial(**changes), device):
        raise error
    return str(found.value)


def test_out_of_memory_names_the_next_number_of_pieces():
    first, second = sentence_of(FULL, CPU), sentence_of(FULL, CPU, accumulate=4)
    assert "64 images of 512 px at once; --set recipe.accumulate=2 keeps the batch of 64" in first
    assert "works on 32 images at once" in first
    assert "accumulate=8" in second
    assert "works on 8 images at once" in second


def test_where_not_one_image_fits_no_more_pieces_are_proposed():
    assert "not even one image fits" in sentence_of(FULL, CPU, accumulate=64)


def test_an_allocation_that_the_cpu_has_no_room_for_is_one_too():
    with pytest.raises(TrainingError, match="on the CPU"), explaining_device_errors(trial(), CPU):
        torch.empty(2**60, dtype=torch.uint8)


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "GET was unable to find an engine to execute this computation",
    ],
)
def test_libraries_that_find_no_memory_say_so_in_their_own_words(memory, words):
    assert "--set recipe.accumulate=2" in sentence_of(RuntimeError(words), CUDA)


def test_other_errors_pass(memory):
    for device in (CPU, CUDA):
        with pytest.raises(RuntimeError, match="shape"), explaining_device_errors(trial(), device):
            raise RuntimeError("shape mismatch")


def test_the_numbers_are_of_this_trial_and_of_other_processes(memory):
    """This process holds what its allocator has reserved, and CUDA's own memory; others hold 10 GiB."""
    memory.peak, memory.reserved = 60 * GIB, 64 * GIB
    memory.free = memory.total - memory.reserved - CONTEXT_BYTES - 10 * GIB
    sentence = sentence_of(FULL, CUDA)
    assert "NVIDIA H100 80GB HBM3: it has 80.0 GiB" in sentence
    assert "this trial had up to 60.0 in use" in sentence
    assert "other processes have 10.0" in sentence
    assert "resources.gpu" not in sentence
    memory.free += 10 * GIB
    assert "other processes have 0.0" in sentence_of(FULL, CUDA)
    memory.bound = 0.25
    assert "it may have 20.0, by resources.gpu" in sentence_of(FULL, CUDA)


def test_where_cuda_tells_nothing_the_sentence_still_comes(memory, monkeypatch):
    def fail(device: object = None) -> None:
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(torch.cuda, "mem_get_info", fail)
    monkeypatch.setattr(torch.cuda, "synchronize", fail)
    assert "at once on the GPU; --set recipe.accumulate=2" in sentence_of(FULL, CUDA)


def test_a_trial_begins_with_the_memory_and_the_peak_of_none_before_it(memory, tmp_path):
    """It ends where the model is to be moved to the GPU, since there is none."""
    memory.peak = 60 * GIB
    with pytest.raises((RuntimeError, AssertionError, NotImplementedError)):
        run_trial(make_trial(), context_in(tmp_path, use_gpu=True))
    assert memory.calls[:2] == ["empty cache", "reset peak"]
    assert memory.peak == 0


@pytest.mark.parametrize(("share", "num_trials"), [(0.5, 2), (0.25, 4), (1 / 3, 3)])
def test_trials_that_share_a_gpu_fit_together_with_what_cuda_takes_for_each(memory, share, num_trials):
    begin_trial(CUDA, share)
    each = memory.bound * memory.total + CONTEXT_BYTES
    assert num_trials * each == pytest.approx(memory.total)
    begin_trial(CUDA, 1.0)  # the next trial of the process, with a GPU of its own
    assert memory.bound == 1.0


def test_a_share_that_cuda_needs_for_itself_leaves_nothing(memory):
    begin_trial(CUDA, 0.001)
    assert memory.bound == 0.0


def test_segments_of_the_allocator_grow_unless_the_user_wants_them_otherwise(memory, monkeypatch):
    def settings() -> dict[str, str]:
        return {name: os.environ[name] for name in ALLOCATOR if name in os.environ}

    begin_trial(CPU, 1.0)
    assert settings() == {}
    begin_trial(CUDA, 1.0)
    assert settings() == {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}
    for name in ALLOCATOR:
        monkeypatch.delenv("PYTORCH_CUDA_ALLOC_CONF")
        monkeypatch.setenv(name, "max_split_size_mb:64")
        begin_trial(CUDA, 1.0)
        assert settings() == {name: "max_split_size_mb:64"}
