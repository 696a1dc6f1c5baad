"""A data set as its download has it: what its text files say, and where its images are."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.data.images.decoding import decode
from bench.data.images.image_sizes import Sizes, header_sizes
from bench.data.sources.download import Parts, paths_of
from bench.metrics.boxes import COLUMNS, FRAME, MASK


@dataclass(frozen=True)
class Source:
    """Everything that is known before an image is decoded.

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
        frames: given names of images, each once, and what says the sizes of files, returns columns rows and
            columns, the size in px of the frame of each image's boxes, indexed by image.
        draw: given the name of an image and a side in px, draws it; None if images are decoded from `files`.
        tables: the text files that all of this was read from.
        unmatched_boxes: of each row of boxes that is left out, where it stands and what it names that the
            labels do not have.
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
    tables: tuple[Path, ...] = ()
    unmatched_boxes: tuple[str, ...] = ()
    without_patient: Mapping[str, int] = field(default_factory=dict)
    is_official: bool = False
    has_one_size: bool = False
    frame_tolerance: float = 0.0
    frame_hint: str = ""

    def boxes_of(self, names: Iterable[str]) -> pd.DataFrame:
        """Returns the boxes of these images."""
        chosen = set(names)
        return self.boxes[np.array([name in chosen for name in self.boxes["image"]], bool)]

    def header_sizes(self, names: Sequence[str]) -> pd.DataFrame:
        """Returns `bench.data.images.image_sizes.Sizes` as the headers of the files say them.

        Raises:
            DataError: an image has no file, or its header cannot be read.
        """
        return header_sizes(names, self.files)

    def limited(self, num_images: int) -> "Source":
        """Returns the source with at most so many images of each part, those with boxes first."""
        boxed = set(self.boxes["image"])
        chosen = {
            part: tuple(sorted(names, key=lambda name: name not in boxed))[:num_images]
            for part, names in self.parts.items()
        }
        return replace(self, parts=chosen)


def read_images(source: Source, part: str, names: Sequence[str], side_px: int) -> npt.NDArray[np.uint8]:
    """Returns uint8 [n, side_px, side_px]: the images `names` of `part` as the cache would have them.

    Raises:
        DataError: one is missing or unreadable.
    """
    if source.draw is not None:
        return np.stack([source.draw(name, side_px) for name in names])
    return np.stack([decode(path, side_px) for path in paths_of(part, names, source.files, source.root)])


def place_boxes(
    source: Source, names: Sequence[str], side_px: int, sizes: Sizes | None = None
) -> pd.DataFrame:
    """Returns a table of boxes (see `bench.metrics.boxes`) of the images `names` in px of a square input.

    The input has the side `side_px` whatever the image was: x is scaled by side / columns, y by side / rows.
    Beside each box is the size of the frame that it is from.

    Args:
        source: the data set.
        names: its images.
        side_px: side of the input.
        sizes: what says the sizes of files; their headers if absent.
    """
    position = {name: i for i, name in enumerate(names)}
    boxes = source.boxes_of(position)
    frames = source.frames(sorted(set(boxes["image"])), sizes or source.header_sizes)
    own = frames.loc[list(boxes["image"])].set_axis(boxes.index)
    x_scale, y_scale = side_px / own["columns"], side_px / own["rows"]
    table = pd.DataFrame(
        {
            "image_index": boxes["image"].map(position).astype(int),
            "class_index": boxes["finding"].map(source.findings.index).astype(int),
            "x": boxes["x"] * x_scale,
            "y": boxes["y"] * y_scale,
            "w": boxes["w"] * x_scale,
            "h": boxes["h"] * y_scale,
            "width_px": own["columns"],
            "height_px": own["rows"],
        },
        columns=[*COLUMNS, *FRAME],
    )
    if MASK in boxes:
        table[MASK] = boxes[MASK]
    return table.reset_index(drop=True)
