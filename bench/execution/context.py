"""Where a trial runs: paths and device of this machine, no part of a trial's identity."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.suite.cam import CamMethod


CHECKPOINT_EVERY_S = 60.0
"""Least time between checkpoints, unless asked otherwise. No number depends on it."""


@dataclass(frozen=True)
class RunContext:
    """Everything that `run_trial` needs beside the trial. Picklable.

    Attributes:
        results_dir: the results folder, absolute.
        data_root: folder of downloaded data sets, or None.
        cache_dir: where decoded images are kept.
        files: paths of files that trials name by digest.
        use_gpu: train on CUDA; otherwise on the CPU, even where a GPU is.
        gpu_share: of a GPU's memory that a trial may take, where several run on one; 1 is all of it.
        checkpoint_every_s: least time between checkpoints; 0 is after every step.
        stop: a file; once it exists trials write a checkpoint and stop. None if they never do.
        cams: by trial id, the maps to evaluate beside the native one; the driver fills it in.
        sanity: by trial id, the maps whose sanity to check; the driver fills it in.
        start_until_s: no trial is started any more when the monotonic clock of the driver's machine says so;
            None is never. Trials that run by then are allowed to finish.
        metrics: from outside of bench, that the suite names, as ``module:object``.
        data: by data set, as JSON, the digest of its checked files, if it has any; the driver fills it in.
    """

    results_dir: Path
    data_root: Path | None
    cache_dir: Path
    files: dict[str, Path] = field(default_factory=dict)
    use_gpu: bool = False
    gpu_share: float = 1.0
    checkpoint_every_s: float = CHECKPOINT_EVERY_S
    stop: Path | None = None
    cams: "Mapping[str, tuple[CamMethod, ...]]" = field(default_factory=dict)
    sanity: "Mapping[str, tuple[CamMethod, ...]]" = field(default_factory=dict)
    start_until_s: float | None = None
    metrics: tuple[str, ...] = ()
    data: Mapping[str, str | None] = field(default_factory=dict)
