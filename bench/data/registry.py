"""Data sets by the name that a suite gives: one line adds one."""

import importlib
from dataclasses import dataclass

from bench.data.dataset import DataContext, Dataset
from bench.suite.schema import DatasetSpec


@dataclass(frozen=True)
class DatasetEntry:
    """How a data set is loaded.

    Attributes:
        target: ``module:function`` of (its specification, resolution, context), giving a `Dataset`. Imported
            when it is used: a machine that trains on one need not have what another is drawn or decoded with.
        is_stored: whether loading it first decodes files into a cache, which is worth doing once, in advance.
    """

    target: str
    is_stored: bool


DATASETS: dict[str, DatasetEntry] = {
    "phantom": DatasetEntry("bench.data.phantom_source:load_phantom", is_stored=False),
    "nih": DatasetEntry("bench.data.nih:load_nih", is_stored=True),
    "vindr": DatasetEntry("bench.data.vindr:load_vindr", is_stored=True),
}

_latest: dict[str, Dataset] = {}


def load_dataset(spec: DatasetSpec, resolution: int, context: DataContext) -> Dataset:
    """Returns the data set that `spec` describes, for square inputs of `resolution` px.

    The latest one is kept, since trials that follow each other in a process mostly share it.

    Raises:
        DataError: it is missing, incomplete or contradicts itself.
    """
    key = f"{spec.model_dump_json()} {resolution} {context.data_root} {context.cache_dir}"
    if key not in _latest:
        _latest.clear()
        module, _, function = DATASETS[spec.name].target.partition(":")
        _latest[key] = getattr(importlib.import_module(module), function)(spec, resolution, context)
    return _latest[key]


def prepare_dataset(spec: DatasetSpec, resolution: int, context: DataContext) -> None:
    """Fills the cache of a stored data set, and finds out in advance whether it is complete.

    Raises:
        DataError: as `load_dataset`.
    """
    if DATASETS[spec.name].is_stored:
        load_dataset(spec, resolution, context)
