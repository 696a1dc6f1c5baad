"""A data set as its download has it: what its text files say, and where its images are."""

import os
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.data.images.decoding import decode, header_size
from bench.data.sources.image_files import paths_of
from bench.data.sources.splits import Parts
from bench.errors import DataError, listing
from bench.metrics.regions import COLUMNS, FRAME, MASK

Sizes = Callable[[Sequence[str]], pd.DataFrame]
"""Given names of images, each once, returns columns rows and columns, in px, above 0, of the image in each
file, as it is decoded, indexed by name. Raises `DataError` if one has no file, or none that is readable."""


@dataclass(frozen=True)
class DataSource:
    """Everything that is known of a data set before an image is decoded.

    Attributes:
        name: what a suite calls the data set; its part of the cache.
        root: folder of the text files.
        findings: the c classes, in the order of labels and heatmaps.
        parts: image names of train, val and test.
        files: the file of each image by its name.
        labels: indexed by image; a column of 0 and 1 for each finding.
        patients: patient of each image, indexed by image.
        boxes: columns image, finding, x, y, w, h, in px of the image's frame; several rows of one image and
            finding are one region. Each is of an image and a finding of the labels. Where findings are
            outlined, a column mask too: the text of `bench.metrics.regions`, or None of a box.
        frames: given names of images, each once, and `Sizes` of the files, returns columns rows and columns,
            the size in px of the frame of each image's boxes, indexed by image.
        draw: given the name of an image and a side in px, draws it; None if images are decoded from `files`.
        readings: reads who marked what, where it is known by reader: columns image, reader, finding, x, y,
            w, h, a row for each box that a reader drew, and one without finding for each image that a reader
            has read and drew none in. None where it is not known.
        tables: the text files that all of this was read from.
        unmatched_boxes: of each row of boxes that is left out, where it stands and what it names that the
            labels do not have.
        empty_masks: where each mask without a pixel stands; it is left out.
        ignored: image and finding of each unit that is left out because it has a region to ignore.
        trained_by_nih: test images that ChestX-ray14's official list trains on, with their names there, where
            both are known.
        without_patient: the line of each image that the labels give no patient; it counts as one of its own.
        is_official: whether the parts are those of the published data set, whose counts are known.
        has_one_size: whether all images should be squares of one size.
        frame_tolerance: share of a side that a box may reach beyond its frame.
        frame_hint: what boxes outside of their frames most likely come from.
    """

    name: str
    root: Path
    findings: tuple[str, ...]
    parts: Parts
    files: Mapping[str, Path]
    labels: pd.DataFrame
    patients: pd.Series
    boxes: pd.DataFrame
    frames: Callable[[Sequence[str], Sizes], pd.DataFrame]
    draw: Callable[[str, int], npt.NDArray[np.uint8]] | None = None
    readings: Callable[[], pd.DataFrame] | None = None
    tables: tuple[Path, ...] = ()
    unmatched_boxes: tuple[str, ...] = ()
    empty_masks: tuple[str, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    trained_by_nih: tuple[str, ...] = ()
    without_patient: Mapping[str, int] = field(default_factory=dict)
    is_official: bool = False
    has_one_size: bool = False
    frame_tolerance: float = 0.0
    frame_hint: str = ""

    @property
    def names(self) -> list[str]:
        """The images of all parts, in the order of the parts."""
        return [name for names in self.parts.values() for name in names]

    def boxes_of(self, names: Iterable[str]) -> pd.DataFrame:
        """Returns the boxes of these images."""
        chosen = set(names)
        return self.boxes[np.array([name in chosen for name in self.boxes["image"]], bool)]

    def header_sizes(self, names: Sequence[str]) -> pd.DataFrame:
        """Returns `Sizes` as the headers of the files say them.

        Raises:
            DataError: an image has no file, or its header cannot be read.
        """
        require_files(names, self.files)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            read = list(pool.map(header_size, [self.files[name] for name in names]))
        return pd.DataFrame(read, index=list(names), columns=["rows", "columns"], dtype=float)

    def limited(self, num_images: int) -> "DataSource":
        """Returns the source with at most so many images of each part, those with boxes first."""
        boxed = set(self.boxes["image"])
        chosen = {
            part: tuple(sorted(names, key=lambda name: name not in boxed))[:num_images]
            for part, names in self.parts.items()
        }
        return replace(self, parts=chosen)


def require_files(names: Sequence[str], files: Container[str]) -> None:
    """Refuses names of images without a file, where sizes of files are needed.

    Raises:
        DataError: there are some.
    """
    missing = [name for name in names if name not in files]
    if missing:
        raise DataError(
            f"{len(missing)} images are missing, so their sizes cannot be read: {listing(missing[:5])}",
            value=missing[0],
        )


def one_frame(names: Sequence[str], side: float) -> pd.DataFrame:
    """Returns what `DataSource.frames` does where the boxes of all images are in one square frame."""
    return pd.DataFrame({"rows": float(side), "columns": float(side)}, index=list(names))


def read_images(source: DataSource, part: str, names: Sequence[str], side_px: int) -> npt.NDArray[np.uint8]:
    """Returns uint8 [n, side_px, side_px]: the images `names` of `part` as the cache would have them.

    Raises:
        DataError: one is missing or unreadable.
    """
    if source.draw is not None:
        return np.stack([source.draw(name, side_px) for name in names])
    return np.stack([decode(path, side_px) for path in paths_of(part, names, source.files, source.root)])


def choose_images(source: DataSource, part: str, num: int, seed: int) -> npt.NDArray[np.int64]:
    """Returns positions in the part of `num` images, or of all if it has fewer, in a random order.

    Images with boxes come first: the others only fill up.
    """
    names = source.parts[part]
    order = np.random.default_rng(seed).permutation(len(names))
    boxed = set(source.boxes["image"])
    has_none = np.array([names[i] not in boxed for i in order])
    chosen: npt.NDArray[np.int64] = order[np.argsort(has_none, kind="stable")][:num]
    return chosen


def raw_images(
    source: DataSource, part: str, positions: npt.NDArray[np.int64], side_px: int
) -> npt.NDArray[np.uint8]:
    """Returns what `read_images` does, for the images at `positions` [n] of the part."""
    return read_images(source, part, [source.parts[part][i] for i in positions], side_px)


def place_boxes(
    source: DataSource, names: Sequence[str], side_px: int, sizes: Sizes | None = None
) -> pd.DataFrame:
    """Returns a table of boxes (see `bench.metrics.regions`) of the images `names` in px of a square input.

    Sizes of files are those of their headers by default.
    """
    position = {name: i for i, name in enumerate(names)}
    boxes = source.boxes_of(position)
    frames = source.frames(sorted(set(boxes["image"])), sizes or source.header_sizes)
    placed = in_square(boxes, frames, side_px).assign(
        image_index=boxes["image"].map(position).astype(int),
        class_index=boxes["finding"].map(source.findings.index).astype(int),
    )
    return placed[[*COLUMNS, *FRAME, *([MASK] if MASK in boxes else [])]].reset_index(drop=True)


def in_square(boxes: pd.DataFrame, frames: pd.DataFrame, side_px: float) -> pd.DataFrame:
    """Returns the boxes in px of a square input, with the size of the frame that each is from.

    The input has the side `side_px` whatever the image was: x is scaled by side / columns, y by side / rows.

    Args:
        boxes: image, x, y, w, h, and other columns, which are kept; in px of the image's frame.
        frames: columns rows and columns, the size of each frame in px, indexed by image.
        side_px: of the square.
    """
    own = frames.loc[list(boxes["image"])].set_axis(boxes.index)
    x_scale, y_scale = side_px / own["columns"], side_px / own["rows"]
    return boxes.assign(
        x=boxes["x"] * x_scale,
        y=boxes["y"] * y_scale,
        w=boxes["w"] * x_scale,
        h=boxes["h"] * y_scale,
        width_px=own["columns"],
        height_px=own["rows"],
    )
