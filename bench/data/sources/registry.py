"""Reads and loads data sets by what their class in `bench.suite.schema` names."""

import importlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from bench.data.checks.integrity import Integrity, check, require_integrity
from bench.data.dataset import DataContext, Dataset
from bench.data.images.cache import CachedArray, require_space
from bench.data.loading import cached_arrays, load_source, require_manifest
from bench.data.sources.download import check_parts
from bench.data.sources.source import Source
from bench.suite.schema import DatasetSpec, StoredSpec

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
            source = _function(spec.reader)(spec, context)
            _latest[key] = load_source(source, resolution, spec.oversize, context)
        else:
            _latest[key] = _function(spec.drawer)(spec, resolution, context)
    return _latest[key]


def read_source(spec: DatasetSpec, context: DataContext) -> Source:
    """Returns what is known of the data set that `spec` describes before an image is decoded or drawn.

    Raises:
        DataError: its text files are missing, incomplete or contradict themselves.
    """
    source: Source = _function(spec.reader)(spec, context)
    check_parts(source.parts, source.labels.index, source.root)
    return source


def require_dataset(spec: DatasetSpec, context: DataContext, accepted: Collection[str]) -> str | None:
    """Returns the digest of a stored data set that is as it should be; None of one that is drawn.

    Files that the stored manifest knows are not read again, so that this takes seconds.

    Args:
        spec: which data set.
        context: where it is.
        accepted: kinds of violations that are let pass.

    Raises:
        DataError: it is not as it should be, or as `read_source`.
    """
    checked = _check(spec, context)
    if checked is None:
        return None
    source, integrity = checked
    require_integrity(source, integrity, accepted)
    return integrity.digest


def dataset_digest(spec: DatasetSpec, context: DataContext) -> str | None:
    """Returns the digest of a stored data set, be it as it should or not; None of one that is drawn.

    Raises:
        DataError: as `read_source`.
    """
    checked = _check(spec, context)
    return checked[1].digest if checked is not None else None


def _check(spec: DatasetSpec, context: DataContext) -> tuple[Source, Integrity] | None:
    if not isinstance(spec, StoredSpec):
        return None
    source, told = read_source(spec, context), context.on_progress
    return source, check(source, context.cache_dir, partial(told, f"check {spec.name}") if told else None)


def _function(target: str) -> Callable[..., Any]:
    module, _, function = target.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def prepare_dataset(spec: DatasetSpec, resolution: int, context: DataContext) -> None:
    """Fills the cache of a stored data set, and finds out in advance whether it is complete.

    Raises:
        DataError: as `load_dataset`.
    """
    if isinstance(spec, StoredSpec):
        load_dataset(spec, resolution, context)


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
        prepare_dataset(spec, size_px, replace(context, on_progress=count))
    return Prepared(arrays, were_there, sum(num_decoded.values()), time.monotonic() - started)
