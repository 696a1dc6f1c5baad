"""Reads and loads data sets by what their class in `bench.suite.schema` names."""

import importlib
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from bench.data.checks.integrity import Integrity, check, require_integrity
from bench.data.dataset import DataContext, Dataset
from bench.data.loading import load_source
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
