"""Data sets by the name that a suite gives: one line adds one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.data.dataset import DataContext, Dataset
from bench.data.nih import load_nih
from bench.data.phantom_source import load_phantom
from bench.suite.schema import NihSpec, PhantomSpec


@dataclass(frozen=True)
class DatasetEntry:
    """How a data set is loaded.

    Attributes:
        load: (its specification, resolution, context) → data set.
        is_stored: whether loading it first decodes files into a cache, which is worth doing once, in advance.
    """

    load: Callable[[Any, int, DataContext], Dataset]
    is_stored: bool


DATASETS: dict[str, DatasetEntry] = {
    "phantom": DatasetEntry(load_phantom, is_stored=False),
    "nih": DatasetEntry(load_nih, is_stored=True),
}

_latest: dict[str, Dataset] = {}


def load_dataset(spec: PhantomSpec | NihSpec, resolution: int, context: DataContext) -> Dataset:
    """Returns the data set that `spec` describes, for square inputs of `resolution` px.

    The latest one is kept, since trials that follow each other in a process mostly share it.

    Raises:
        DataError: it is missing, incomplete or contradicts itself.
    """
    key = f"{spec.model_dump_json()} {resolution} {context.data_root} {context.cache_dir}"
    if key not in _latest:
        _latest.clear()
        _latest[key] = DATASETS[spec.name].load(spec, resolution, context)
    return _latest[key]


def prepare_dataset(spec: PhantomSpec | NihSpec, resolution: int, context: DataContext) -> None:
    """Fills the cache of a stored data set, and finds out in advance whether it is complete.

    Raises:
        DataError: as `load_dataset`.
    """
    if DATASETS[spec.name].is_stored:
        load_dataset(spec, resolution, context)
