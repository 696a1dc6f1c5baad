"""Data sets by the name that a suite gives: one line adds one."""

import importlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.data.dataset import DataContext, Dataset
from bench.data.download import check_parts
from bench.data.integrity import Integrity, check, require_integrity
from bench.data.source import Source, load_source
from bench.suite.schema import DatasetSpec


@dataclass(frozen=True)
class DatasetEntry:
    """How a data set is loaded.

    Attributes:
        source: ``module:function`` of (its specification, context), giving a `Source`: what is known of it
            before an image is decoded or drawn. Imported when it is used: a machine that trains on one need
            not have what another is drawn or decoded with.
        target: of one that is drawn, ``module:function`` of (its specification, resolution, context), giving
            a `Dataset`; None of one that is decoded from the files of its source.
    """

    source: str
    target: str | None = None

    @property
    def is_stored(self) -> bool:
        """Whether loading it first decodes files into a cache, which is worth doing once, in advance."""
        return self.target is None


DATASETS: dict[str, DatasetEntry] = {
    "phantom": DatasetEntry(
        "bench.data.phantom_source:read_phantom", target="bench.data.phantom_source:load_phantom"
    ),
    "nih": DatasetEntry("bench.data.nih:read_nih"),
    "vindr": DatasetEntry("bench.data.vindr:read_vindr"),
    "folder": DatasetEntry("bench.data.folder:read_folder"),
}

_latest: dict[str, Dataset] = {}


def load_dataset(spec: DatasetSpec, resolution: int, context: DataContext) -> Dataset:
    """Returns the data set that `spec` describes, for square inputs of `resolution` px.

    The latest one is kept, since trials that follow each other in a process mostly share it.

    Raises:
        DataError: it is missing, incomplete or contradicts itself.
    """
    key = f"{spec.model_dump_json()} {resolution} {context.data_root} {context.cache_dir} {context.files}"
    key += f" {context.limit_images}"
    if key not in _latest:
        _latest.clear()
        target = DATASETS[spec.name].target
        if target is not None:
            _latest[key] = _function(target)(spec, resolution, context)
        else:
            source = _function(DATASETS[spec.name].source)(spec, context)
            _latest[key] = load_source(source, resolution, spec.oversize, context)
    return _latest[key]


def read_source(spec: DatasetSpec, context: DataContext) -> Source:
    """Returns what is known of the data set that `spec` describes before an image is decoded or drawn.

    Raises:
        DataError: its text files are missing, incomplete or contradict themselves.
    """
    source: Source = _function(DATASETS[spec.name].source)(spec, context)
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
    if not DATASETS[spec.name].is_stored:
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
    if DATASETS[spec.name].is_stored:
        load_dataset(spec, resolution, context)
