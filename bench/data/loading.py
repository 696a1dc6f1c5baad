"""Loads a data set whose images are files: each is decoded once, into the cache."""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.data.checks.content import ImageFile
from bench.data.checks.manifest import digest_of, read_manifest, require_readable, sizes_from
from bench.data.dataset import DataContext, Dataset, ImageSet
from bench.data.images.cache import CachedArray, cached_images, require_space
from bench.data.images.image_sizes import Sizes
from bench.data.sources.download import check_parts, paths_of
from bench.data.sources.source import Source, place_boxes
from bench.errors import DataError


def load_source(source: Source, resolution: int, oversize: float, context: DataContext) -> Dataset:
    """Returns the data set for square inputs of `resolution` px, decoding images into the cache if need be.

    Args:
        source: what the download says.
        resolution: side of the input, px.
        oversize: see `cached_arrays`.
        context: where the cache is.

    Raises:
        DataError: images of a part are missing, unreadable, without labels or in two parts, the disk is full,
            or the data set has been changed since it was checked.
    """
    check_parts(source.parts, source.labels.index, source.root)
    limited = source if context.limit_images is None else source.limited(context.limit_images)
    manifest = require_manifest(limited if context.digest is None else source, context)
    if context.digest is not None:
        _require_same(source, manifest, context.digest)
    source = limited
    arrays = cached_arrays(source, manifest, resolution, oversize, context.cache_dir)
    require_space(arrays.values(), context.on_notice)
    sizes = partial(sizes_from, manifest)
    sets = {part: _image_set(source, part, array, sizes, context) for part, array in arrays.items()}
    return Dataset(source.findings, sets["train"], sets["val"], sets["test"], context.digest)


def _require_same(source: Source, manifest: pd.DataFrame, digest: str) -> None:
    """Refuses a data set that is another one than the check of this run has found.

    Raises:
        DataError: it is.
    """
    boxed = sorted(set(source.boxes_of(name for names in source.parts.values() for name in names)["image"]))
    if digest_of(source, manifest, source.frames(boxed, partial(sizes_from, manifest))) != digest:
        raise DataError(
            f"data set {source.name} in {source.root}: has been changed since this run checked it; the same "
            "command checks it again and goes on"
        )


def require_manifest(source: Source, context: DataContext) -> pd.DataFrame:
    """Returns what the files of the images hold (see `bench.data.checks.manifest`), all of them readable.

    Raises:
        DataError: images of a part are missing or not readable, or the cache cannot be written.
    """
    for part, names in source.parts.items():
        paths_of(part, names, source.files, source.root)
    told = context.on_progress
    manifest = read_manifest(
        source, context.cache_dir, partial(told, f"check {source.name}") if told else None
    )
    require_readable(source, manifest)
    return manifest


def cached_arrays(
    source: Source, manifest: pd.DataFrame, resolution: int, oversize: float, cache_dir: Path
) -> dict[str, CachedArray]:
    """Returns the arrays of decoded images that inputs of `resolution` px need, by part; nothing is decoded.

    Args:
        source: what the download says.
        manifest: what its files hold.
        resolution: side of the input, px.
        oversize: side of the training images before augmentation, in units of the resolution, and a part of
            a trial's identity, since it changes pixels. The recipe's crops keep 0.72 to 1 of a side. At 1.25
            one in eight of their sides is enlarged, by 10 % at most; at 1 all would be, by 38 % at most; at
            1.38 none, for 22 % more disk, and more crops would be shrunk without antialiasing.
        cache_dir: where the cache is.
    """
    sides = {"train": round(resolution * oversize), "val": resolution, "test": resolution}
    arrays = {}
    for part, side_px in sides.items():
        names = list(source.parts[part])
        files = map(ImageFile, [source.files[name] for name in names], manifest.loc[names, "sha256"])
        arrays[part] = CachedArray(tuple(files), side_px, cache_dir / source.name)
    return arrays


def _image_set(source: Source, part: str, array: CachedArray, sizes: Sizes, context: DataContext) -> ImageSet:
    names = source.parts[part]
    boxes = place_boxes(source, names, array.side_px, sizes)
    what = f"decode {part}, {array.side_px} px"
    progress = partial(context.on_progress, what) if context.on_progress else None
    pixels = cached_images(array, progress)
    labels: npt.NDArray[np.uint8] = source.labels.loc[list(names)].to_numpy(np.uint8)
    return ImageSet(pixels, labels, names, tuple(source.patients.loc[list(names)]), boxes)
