"""Operations without a deterministic algorithm are collected; other warnings go on."""

import warnings

import pytest
import torch
import torch.nn.functional as F

from bench.training.determinism import collecting_nondeterminism, fix_arithmetic


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
