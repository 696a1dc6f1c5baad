"""Operations without a deterministic algorithm are collected; other warnings go on."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch.profiler import profile

from bench.models import build_model
from bench.suite.schema import Recipe
from bench.training.determinism import collecting_nondeterminism, fix_arithmetic
from bench.training.precision import describe_arithmetic


@pytest.fixture(autouse=True)
def _arithmetic():
    fix_arithmetic(1)


def unpool() -> None:
    """One of the few operations that have no deterministic algorithm on a CPU either."""
    pooled, indices = F.max_pool2d(torch.rand(1, 1, 8, 8), 2, return_indices=True)
    F.max_unpool2d(pooled, indices, 2)


def test_operations_are_named_once_in_every_block():
    for _ in range(2):
        with collecting_nondeterminism() as found:
            assert found == set()
            unpool()
            unpool()
        assert found == {"max_unpooling2d_forward_out"}


def test_deterministic_operations_are_not():
    with collecting_nondeterminism() as found:
        F.conv2d(torch.rand(1, 1, 8, 8), torch.rand(1, 1, 3, 3))
    assert found == set()


def test_what_cublas_says_is_recognised():
    """The text of torch/csrc, Context.cpp: such a warning cannot be had without CUDA."""
    with collecting_nondeterminism() as found:
        warnings.warn(
            "Deterministic behavior was enabled with either `torch.use_deterministic_algorithms(True)` or "
            "`at::Context::setDeterministicAlgorithms(true)`, but this operation is not deterministic "
            "because it uses CuBLAS and you have CUDA >= 10.2.",
            UserWarning,
            stacklevel=1,
        )
    assert found == {"CuBLAS"}


def test_other_warnings_go_their_way():
    with pytest.warns(UserWarning, match="unrelated"), collecting_nondeterminism():
        warnings.warn("unrelated", UserWarning, stacklevel=1)


def test_float32_is_no_tf32_whatever_the_process_had_before():
    """These are what cuDNN and cuBLAS are told: torch's default allows it in convolutions."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    fix_arithmetic(1)
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


def test_the_record_says_that_float32_was_float32(monkeypatch):
    """Of a trial on CUDA: what torch is told there is asked, and the device's name alone pretended."""
    cuda = torch.device("cuda")
    fix_arithmetic(1)
    assert not describe_arithmetic(Recipe(precision="float32"), cuda, ()).tf32
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    assert describe_arithmetic(Recipe(precision="float32"), cuda, ()).tf32


def test_memory_is_not_filled_before_it_is_written():
    """Steps of training have the same bits either way."""

    def trained(*, is_filled: bool) -> tuple[dict[str, torch.Tensor], int]:
        fix_arithmetic(1)
        if is_filled:
            torch.utils.deterministic.fill_uninitialized_memory = True
        torch.manual_seed(0)
        model = build_model("pylon", num_classes=3, encoder="tu-test_resnet")
        optimizer = torch.optim.Adam(model.parameters())
        with profile() as seen:
            for _ in range(3):
                optimizer.zero_grad()
                model(torch.randn(4, 1, 64, 64)).logits.square().sum().backward()
                optimizer.step()
        counts = {event.key: event.count for event in seen.key_averages()}
        return model.state_dict(), counts["aten::fill_"]

    expected, num_fills = trained(is_filled=True)
    found, num_left = trained(is_filled=False)
    assert num_left < num_fills / 10
    assert all(torch.equal(value, expected[name]) for name, value in found.items())
