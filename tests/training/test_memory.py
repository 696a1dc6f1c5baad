"""Too little memory: a sentence with a remedy, whatever it was that ran out."""

from functools import partial

import pytest
import torch
from trials import make_trial

from bench.errors import TrainingError
from bench.training.memory import explaining_memory

CPU = torch.device("cpu")


trial = partial(make_trial, model="unet", resolution=512)


def test_out_of_memory_names_the_next_number_of_pieces():
    sentence = (
        r"64 images of 512 px at once; --set recipe\.accumulate=2 keeps the batch of 64 .* 32 images at once"
    )
    with pytest.raises(TrainingError, match=sentence), explaining_memory(trial(), CPU):
        raise torch.OutOfMemoryError("CUDA out of memory.")
    with (
        pytest.raises(TrainingError, match=r"accumulate=8 .* 8 images"),
        explaining_memory(trial(accumulate=4), CPU),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory.")


def test_where_not_one_image_fits_no_more_pieces_are_proposed():
    with (
        pytest.raises(TrainingError, match="not even one image fits"),
        explaining_memory(trial(accumulate=64), CPU),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory.")


def test_an_allocation_that_the_cpu_has_no_room_for_is_one_too():
    with pytest.raises(TrainingError, match="on the CPU"), explaining_memory(trial(), CPU):
        torch.empty(2**60, dtype=torch.uint8)


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="shape"), explaining_memory(trial(), CPU):
        raise RuntimeError("shape mismatch")
