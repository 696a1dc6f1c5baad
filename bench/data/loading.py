"""Reads and loads the data set of a specification; image files are decoded once, into the cache."""

import importlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.data.checks.integrity import check, require_integrity
from bench.data.checks.manifest import digest_of, read_manifest, require_readable, sizes_from
from bench.data.dataset import DataContext, Dataset, ImageSet
from bench.data.images.cache import CachedArray, cached_images, require_space
from bench.data.images.decoding import ImageFile
from bench.data.plugins import plugin_function, sound_source
from bench.data.sources.image_files import paths_of
from bench.data.sources.source import DataSource, Sizes, place_boxes
from bench.data.sources.splits import check_parts
from bench.errors import DataError, PluginError
from bench.suite.dataset_specs import DATASET_SPECS, DatasetSpec, StoredSpec, UnknownSpec
from bench.suite.frozen import Frozen

_latest: dict[str, Dataset] = {}


def load_dataset(spec: DatasetSpec, resolution: int, context: DataContext) -> Dataset:
    """Returns the data set that `spec` describes, for square inputs of `resolution` px.

    The latest one is kept, since trials that follow each other in a process mostly share it.

    Raises:
        DataError: it is missing, incomplete or contradicts itself.
    """
    key = f"{spec.model_dump_json()} {resolution} {context.data_root} {context.cache_dir} {context.files}"
    key += f" {context.limit_images} {context.digest}"
    if key not in _latest:
        _latest.clear()
        if isinstance(spec, StoredSpec):
            _latest[key] = load_source(read_source(spec, context), resolution, spec.oversize, context)
        else:
            draw = _function(spec, "drawer")
            _latest[key] = draw(spec, resolution, context)
    return _latest[key]


def read_source(spec: DatasetSpec, context: DataContext) -> DataSource:
    """Returns what is known of the data set that `spec` describes before an image is decoded or drawn.

    Raises:
        DataError: its text files are missing, incomplete or contradict themselves.
    """
    source: DataSource = _function(spec, "reader")(spec, context)
    if spec.name not in DATASET_SPECS.own:
        source = sound_source(source, spec.reader)
    check_parts(source.parts, source.labels.index, source.root)
    return source


def _function(spec: Frozen, which: str) -> Callable[..., Any]:
    """Imports the function that reads or draws the data set.

    Raises:
        PluginError: it is from outside of bench, and is not here.
    """
    if isinstance(spec, UnknownSpec):
        raise PluginError("no such data set is installed, or it has other keys now", place=spec.name)
    target: str = getattr(spec, which)
    if not target.startswith("bench."):
        return plugin_function(target)
    module, _, function = target.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def dataset_digest(
    spec: DatasetSpec, context: DataContext, accepted: Collection[str] | None = None
) -> str | None:
    """Returns the digest of a stored data set; None of one that is drawn.

    Files that the stored manifest knows are not read again, so that this takes seconds.

    Args:
        spec: which data set.
        context: where it is.
        accepted: kinds of violations that are let pass; all of them if absent.

    Raises:
        DataError: it has other violations, or as `read_source`.
    """
    if not isinstance(spec, StoredSpec):
        return None
    source = read_source(spec, context)
    integrity = check(source, context.cache_dir, context.progress(f"check {spec.name}"))
    if accepted is not None:
        require_integrity(source, integrity, accepted)
    return integrity.digest


def load_source(source: DataSource, resolution: int, oversize: float, context: DataContext) -> Dataset:
    """Returns the data set for square inputs of `resolution` px, decoding images into the cache if need be.

    `oversize` is that of `cached_arrays`.

    Raises:
        DataError: images of a part are missing, unreadable, without labels or in two parts, the disk is full,
            or the data set has been changed since it was checked.
    """
    check_parts(source.parts, source.labels.index, source.root)
    limited = source if context.limit_images is None else source.limited(context.limit_images)
    manifest = require_manifest(limited if context.digest is None else source, context)
    sizes = partial(sizes_from, manifest)
    if context.digest is not None:
        boxed = sorted(set(source.boxes_of(source.names)["image"]))
        if digest_of(source, manifest, source.frames(boxed, sizes)) != context.digest:
            raise DataError(
                "has been changed since this run checked it; the same command checks it again and goes on",
                place=f"data set {source.name} in {source.root}",
            )
    arrays = cached_arrays(limited, manifest, resolution, oversize, context.cache_dir)
    require_space(arrays.values(), context.on_notice)
    sets = {part: _image_set(limited, part, array, sizes, context) for part, array in arrays.items()}
    return Dataset(source.findings, sets["train"], sets["val"], sets["test"], context.digest)


def with_findings(data: Dataset, findings: tuple[str, ...]) -> Dataset:
    """Returns the data set with some of its findings, in their order, and the boxes of those alone."""
    if findings == data.findings:
        return data
    places = [data.findings.index(finding) for finding in findings]
    new = pd.Series(range(len(places)), index=places)

    def chosen(part: ImageSet) -> ImageSet:
        boxes = part.boxes[part.boxes["class_index"].isin(places)].reset_index(drop=True)
        boxes = boxes.assign(class_index=boxes["class_index"].map(new).astype(boxes["class_index"].dtype))
        return replace(part, labels=part.labels[:, places], boxes=boxes)

    train, val, test = map(chosen, (data.train, data.val, data.test))
    return replace(data, findings=findings, train=train, val=val, test=test)


def require_manifest(source: DataSource, context: DataContext) -> pd.DataFrame:
    """Returns what the files of the images hold (see `bench.data.checks.manifest`), all of them readable.

    Raises:
        DataError: images of a part are missing or not readable, or the cache cannot be written.
    """
    for part, names in source.parts.items():
        paths_of(part, names, source.files, source.root)
    manifest = read_manifest(source, context.cache_dir, context.progress(f"check {source.name}"))
    require_readable(source, manifest)
    return manifest


def cached_arrays(
    source: DataSource, manifest: pd.DataFrame, resolution: int, oversize: float, cache_dir: Path
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


def _image_set(
    source: DataSource, part: str, array: CachedArray, sizes: Sizes, context: DataContext
) -> ImageSet:
    names = source.parts[part]
    boxes = place_boxes(source, names, array.side_px, sizes)
    pixels = cached_images(array, context.progress(f"decode {part}, {array.side_px} px"))
    labels = source.labels.loc[list(names)].to_numpy(np.uint8)
    return ImageSet(pixels, labels, names, tuple(source.patients.loc[list(names)]), boxes)


@dataclass(frozen=True)
class Prepared:
    """The cache of a data set after it was filled.

    Attributes:
        arrays: of decoded images, by part and resolution in words.
        were_there: names of those that were complete before.
        num_decoded: images that were decoded now.
        duration_s: of that.
    """

    arrays: Mapping[str, CachedArray]
    were_there: Collection[str]
    num_decoded: int
    duration_s: float

    @property
    def images_per_s(self) -> float:
        """Speed of decoding."""
        return self.num_decoded / self.duration_s


def prepare_resolutions(
    spec: DatasetSpec,
    resolutions: Iterable[int],
    context: DataContext,
    on_progress: Callable[[str, int, int], None],
    on_notice: Callable[[str], None],
) -> Prepared:
    """Fills the cache of a stored data set for several resolutions, and says what is in it.

    Args:
        spec: which data set; a stored one.
        resolutions: of suites, px.
        context: where it is.
        on_progress: is called with what is checked or decoded, how many images are done, and of how many.
        on_notice: is called with a sentence on the disk's room, if some is needed.

    Raises:
        DataError: as `load_dataset`, or the disk has no room.
    """
    source, sizes_px = read_source(spec, context), sorted(set(resolutions))
    manifest = require_manifest(source, replace(context, on_progress=on_progress))
    arrays: dict[str, CachedArray] = {}
    for size_px in sizes_px:
        of_parts = cached_arrays(source, manifest, size_px, spec.oversize, context.cache_dir)
        arrays |= {f"{part} for {size_px} px": array for part, array in of_parts.items()}
    require_space(arrays.values(), on_notice)
    were_there = {name for name, array in arrays.items() if array.target.exists()}
    num_decoded: dict[str, int] = {}

    def count(name: str, done: int, total: int) -> None:
        num_decoded.setdefault(name, total - done)  # the first call says what an earlier start has left
        on_progress(name, done, total)

    started = time.monotonic()
    for size_px in sizes_px:
        load_dataset(spec, size_px, replace(context, on_progress=count))
    return Prepared(arrays, were_there, sum(num_decoded.values()), time.monotonic() - started)
