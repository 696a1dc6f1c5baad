"""Starts a process from one random state, and collects operations that have no deterministic algorithm."""

import os
import random
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.utils.deterministic


def seed_everything(seed: int) -> None:
    """Seeds Python's, numpy's and torch's global generators."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries may draw from the global generator
    torch.manual_seed(seed)


def capture_random_state(device: torch.device) -> dict[str, Any]:
    """Returns the state of all global generators, as plain data and tensors."""
    version, words, next_gauss = random.getstate()
    kind, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002
    return {
        "python": [version, list(words), next_gauss],
        "numpy": [kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, gauss],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def restore_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Sets all global generators to what `capture_random_state` returned; CUDA's if it was in use and is."""
    version, words, next_gauss = state["python"]
    random.setstate((version, tuple(words), next_gauss))
    kind, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)


def fix_arithmetic(num_threads: int) -> None:
    """Fixes thread count, deterministic algorithms and float32: others change digits of sums.

    An operation that has none on CUDA is carried out all the same; `bench.training.determinism` notes which.
    float32 is float32, in training and scoring: convolutions on CUDA would else round their factors to the
    ten bits of TF32. Memory is not filled before it is written, which takes time and changes no number, since
    nothing reads it before.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts; cuBLAS asks for it
    torch.set_num_threads(num_threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


_WARNING = re.compile(r"(\S+) does not have a deterministic implementation|.*(CuBLAS)", re.DOTALL)
_FILTER = r".*(does not have a deterministic implementation|is not deterministic because it uses CuBLAS)"


@contextmanager
def collecting_nondeterminism() -> Iterator[set[str]]:
    """Yields a set that receives the name of each operation that ran without a deterministic algorithm.

    To be used where `bench.training.determinism.fix_arithmetic` has asked for deterministic algorithms. Other
    warnings go their usual way.
    """
    found: set[str] = set()
    with warnings.catch_warnings():
        show = warnings.showwarning

        def collect(message: Warning | str, category: type[Warning], *place: object, **where: object) -> None:
            warning = _WARNING.match(str(message))
            if warning is not None:
                found.add(warning[1] or warning[2])
            else:
                show(message, category, *place, **where)  # type: ignore[arg-type]

        warnings.showwarning = collect
        warnings.filterwarnings("default", message=_FILTER)  # once per place, whatever the process asks for
        yield found
