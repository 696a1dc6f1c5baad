"""Makes a process start a trial from the same state, whatever it did before."""

import random

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seeds Python's, numpy's and torch's global generators."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries may draw from the global generator
    torch.manual_seed(seed)


def fix_arithmetic(num_threads: int) -> None:
    """Fixes what changes the last digits of sums: thread count, and deterministic algorithms where there are.

    Operations that have none on CUDA (the gradient of bilinear up-sampling) stay as they are.
    """
    torch.set_num_threads(num_threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
