"""Batches from files, as the authors' code and most others make them: images decoded anew in every epoch.

Each worker process decodes PNGs of 1024 px and augments them one by one by OpenCV.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from opencv_pipelines import OneByOne, Pipeline
from torch import Tensor
from torch.utils.data import DataLoader

from bench.suite.trial import Trial

NUM_FILES = 32
"""Different ones: they stay in the page cache, so no disk is measured."""
SIDE_PX = 1024


class _Images(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """Images of a folder, a great many times over; labels of noise."""

    def __init__(self, paths: list[Path], pipeline: Pipeline, num_findings: int) -> None:
        self.paths, self.pipeline, self.num_findings = paths, pipeline, num_findings

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        cv2.setNumThreads(1)
        pixels = self.pipeline(self.paths[index % len(self.paths)], 1, index)
        labels = np.random.default_rng(index).random(self.num_findings) < 0.1
        return torch.from_numpy(pixels)[None], torch.from_numpy(labels.astype(np.float32))


def endless_batches(
    folder: Path, trial: Trial, num_findings: int, num_workers: int, *, pin_memory: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields images [n, 1, S, S], channels first, and labels [n, c] on the host.

    Args:
        folder: receives the files.
        trial: augmentation, size and batch.
        num_findings: c.
        num_workers: processes; 0 is this one.
        pin_memory: whether batches are pinned.
    """
    rotation = cv2.INTER_LINEAR  # as libraries of transforms have it; cubic is slower
    images = _Images(_draw(folder), OneByOne(trial.recipe, trial.resolution, rotation), num_findings)
    return iter(
        DataLoader(
            images,
            trial.recipe.batch_size,
            num_workers=num_workers,
            pin_memory=pin_memory,
            prefetch_factor=4 if num_workers else None,
        )
    )


def _draw(folder: Path) -> list[Path]:
    """Writes radiograph-like PNGs: smooth, with fine noise, so that they are as large as real ones."""
    random, paths = np.random.default_rng(0), []
    for number in range(NUM_FILES):
        coarse = random.integers(0, 250, (32, 32), dtype=np.uint8)
        smooth = cv2.resize(coarse, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
        paths.append(folder / f"{number}.png")
        cv2.imwrite(str(paths[-1]), cv2.add(smooth, random.integers(0, 6, smooth.shape, dtype=np.uint8)))
    return paths
