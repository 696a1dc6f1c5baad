"""How the benchmarks measure: things that are compared run in turn, so that both meet the same load."""

import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch


def rates_in_turn(
    works: Sequence[Callable[[int], object]], counts: Sequence[int], num_turns: int
) -> npt.NDArray[np.float64]:
    """Returns images per second, [num_turns, works]; a turn before them warms up.

    Args:
        works: each is given the number of the turn.
        counts: images in a turn of each.
        num_turns: how often each is measured.
    """
    rates = np.empty((num_turns + 1, len(works)))
    for turn, row in enumerate(rates):
        for i, (work, count) in enumerate(zip(works, counts, strict=True)):
            started = time.perf_counter()
            work(turn)
            row[i] = count / (time.perf_counter() - started)
    return rates[1:]


def use_one_core() -> None:
    """Makes torch and OpenCV use one thread each, and says on what machine."""
    import cv2  # training is timed on machines without it

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    versions = f"torch {torch.__version__}, OpenCV {cv2.__version__}"
    print(f"{processor()}, {os.cpu_count()} cores, of which one is used; {versions}")


def processor() -> str:
    """Returns the name of the CPU."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
