"""A loaded data set, and where data sets are found: the same whatever they are made from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images of one part of a split with everything that is known of them. Equal to itself only.

    Attributes:
        pixels: uint8 [n, side, side], gray, 0 black; may be a memory map.
        labels: uint8 [n, c], 0 or 1.
        names: n names of images.
        patients: n names of patients.
        boxes: table of boxes (see `bench.metrics.regions`) in px of side; empty where there are none.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    names: tuple[str, ...]
    patients: tuple[str, ...]
    boxes: pd.DataFrame

    def __post_init__(self) -> None:
        lengths = {len(self.pixels), len(self.labels), len(self.names), len(self.patients)}
        assert len(lengths) == 1, f"parts of an image set differ in length: {sorted(lengths)}"

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Dataset:
    """A data set at one resolution.

    Attributes:
        findings: the c classes, in the order of labels and heatmaps.
        train: training images; their side may exceed the resolution, for random crops.
        val: validation images at the resolution.
        test: test images at the resolution; those with boxes are scored for localization.
        digest: of the whole data set, as the run's check has found it; None of one that is drawn, or where no
            check was asked for.
    """

    findings: tuple[str, ...]
    train: ImageSet
    val: ImageSet
    test: ImageSet
    digest: str | None = None


@dataclass(frozen=True)
class DataContext:
    """The places of data on this machine. No part of a trial's identity.

    Attributes:
        data_root: the folder of downloaded data sets, or of the one that is asked for; None if not given.
        cache_dir: where decoded images are kept.
        files: paths of files that a trial names by digest.
        on_progress: told (what, done, total) while images are decoded.
        on_notice: told, in a sentence, what decoding takes before it begins.
        limit_images: of each part that are loaded, as a trial's recipe has it; None is all.
        digest: what a check has found in a stored data set (`bench.data.checks.manifest.digest_of`), so that
            no other is loaded; None if none has.
    """

    data_root: Path | None
    cache_dir: Path
    files: Mapping[str, Path]
    on_progress: Callable[[str, int, int], None] | None = None
    on_notice: Callable[[str], None] | None = None
    limit_images: int | None = None
    digest: str | None = None

    def progress(self, what: str) -> Callable[[int, int], None] | None:
        """Returns what takes (done, total) of a piece of work, if anybody is told."""
        return None if self.on_progress is None else partial(self.on_progress, what)
