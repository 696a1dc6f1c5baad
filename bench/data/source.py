"""A data set as its download has it: what its text files say, where its images are; and how it is loaded."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.data.cache import CachedArray, cached_images, require_space
from bench.data.dataset import DataContext, Dataset, ImageSet
from bench.data.decoding import decode
from bench.data.download import Parts, check_parts, paths_of
from bench.metrics.boxes import COLUMNS, FRAME


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
            finding are one region. Each is of an image and a finding of the labels.
        frames: given names of images, each once, returns columns rows and columns, the size in px of the
            frame of each image's boxes, indexed by image.
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
    frames: Callable[[Sequence[str]], pd.DataFrame]
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

    def limited(self, num_images: int) -> "Source":
        """Returns the source with at most so many images of each part, those with boxes first."""
        boxed = set(self.boxes["image"])
        chosen = {
            part: tuple(sorted(names, key=lambda name: name not in boxed))[:num_images]
            for part, names in self.parts.items()
        }
        return replace(self, parts=chosen)


def load_source(source: Source, resolution: int, oversize: float, context: DataContext) -> Dataset:
    """Returns the data set for square inputs of `resolution` px, decoding images into the cache if need be.

    Args:
        source: what the download says.
        resolution: side of the input, px.
        oversize: see `cached_arrays`.
        context: where the cache is.

    Raises:
        DataError: images of a part are missing, unreadable, without labels or in two parts, or the disk is
            full.
    """
    check_parts(source.parts, source.labels.index, source.root)
    if context.limit_images is not None:
        source = source.limited(context.limit_images)
    arrays = cached_arrays(source, resolution, oversize, context)
    require_space(arrays.values(), context.on_notice)
    sets = {part: _image_set(source, part, array, context) for part, array in arrays.items()}
    return Dataset(source.findings, sets["train"], sets["val"], sets["test"])


def cached_arrays(
    source: Source, resolution: int, oversize: float, context: DataContext
) -> dict[str, CachedArray]:
    """Returns the arrays of decoded images that inputs of `resolution` px need, by part; nothing is decoded.

    Args:
        source: what the download says.
        resolution: side of the input, px.
        oversize: side of the training images before augmentation, in units of the resolution, and a part of
            a trial's identity, since it changes pixels. The recipe's crops keep 0.72 to 1 of a side. At 1.25
            one in eight of their sides is enlarged, by 10 % at most; at 1 all would be, by 38 % at most; at
            1.38 none, for 22 % more disk, and more crops would be shrunk without antialiasing.
        context: where the cache is.

    Raises:
        DataError: images are missing.
    """
    sides = {"train": round(resolution * oversize), "val": resolution, "test": resolution}
    folder = context.cache_dir / source.name
    return {
        part: CachedArray(paths_of(part, source.parts[part], source.files, source.root), side_px, folder)
        for part, side_px in sides.items()
    }


def _image_set(source: Source, part: str, array: CachedArray, context: DataContext) -> ImageSet:
    names = source.parts[part]
    boxes = place_boxes(source, names, array.side_px)
    what = f"decode {part}, {array.side_px} px"
    progress = partial(context.on_progress, what) if context.on_progress else None
    pixels = cached_images(array, progress)
    labels: npt.NDArray[np.uint8] = source.labels.loc[list(names)].to_numpy(np.uint8)
    return ImageSet(pixels, labels, names, tuple(source.patients.loc[list(names)]), boxes)


def read_images(source: Source, part: str, names: Sequence[str], side_px: int) -> npt.NDArray[np.uint8]:
    """Returns uint8 [n, side_px, side_px]: the images `names` of `part` as the cache would have them.

    Raises:
        DataError: one is missing or unreadable.
    """
    if source.draw is not None:
        return np.stack([source.draw(name, side_px) for name in names])
    return np.stack([decode(path, side_px) for path in paths_of(part, names, source.files, source.root)])


def place_boxes(source: Source, names: Sequence[str], side_px: int) -> pd.DataFrame:
    """Returns a table of boxes (see `bench.metrics.boxes`) of the images `names` in px of a square input.

    The input has the side `side_px` whatever the image was: x is scaled by side / columns, y by side / rows.
    Beside each box is the size of the frame that it is from.
    """
    position = {name: i for i, name in enumerate(names)}
    boxes = source.boxes_of(position)
    frames = source.frames(sorted(set(boxes["image"])))
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
    return table.reset_index(drop=True)
