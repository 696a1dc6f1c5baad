"""A checkpoint that cannot be written says why, wherever in the file the disk refuses."""

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from bench.training.checkpoint import read_checkpoint, write_checkpoint

STATE = {"weights": torch.arange(30_000.0), "rows": list(range(500)), "bias": torch.ones(30)}


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """Lets this process write no file beyond `num_bytes`, within the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_error_of_a_write_is_the_systems_wherever_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    write_checkpoint(STATE, path)
    size = path.stat().st_size
    assert size > 120_000
    for room in (*range(0, size, 4093), *range(size - 2000, size, 113)):
        with largest_file(room), pytest.raises(OSError, match="File too large") as caught:
            write_checkpoint(STATE, path)
        assert caught.value.errno == errno.EFBIG, room
    with largest_file(size):
        write_checkpoint(STATE, path)
    assert torch.equal(read_checkpoint(path)["weights"], STATE["weights"])


def test_an_error_that_is_not_of_a_write_stays(tmp_path: Path) -> None:
    class Broken:
        def __reduce__(self) -> str:
            raise RuntimeError("no state")

    with pytest.raises(RuntimeError, match="no state"):
        write_checkpoint({"broken": Broken()}, tmp_path / "checkpoint")
