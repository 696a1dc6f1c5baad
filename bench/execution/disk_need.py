"""What trials take of the disk: what they leave, what they need while they run, and the cache of pixels.

Left are the weights (four bytes a parameter), the maps of the units (`bench.results.maps`: float16, of which
compression leaves about four fifths) and tables and figures. While a trial runs there are two checkpoints,
each with weights and Adam's two moments, the best weights of up to two epochs, and one file that is being
written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.part_sizes import part_sizes
from bench.execution.cost import size_of
from bench.execution.pace import Pace
from bench.results.model_sizes import SIZES_PX, SizeCache
from bench.results.store import ResultsStore
from bench.suite.schema import StoredSpec
from bench.suite.trial import Trial

_BYTES_PER_PARAMETER = 4
_BYTES_PER_MAP_VALUE = 2 * 0.8
_BYTES_PER_UNIT = 250
"""180 for the headers of its map, the rest in units.parquet and boxes.parquet."""

_BYTES_OF_TABLES = 20_000
"""Of those two, however few units they have."""

_OTHER_BYTES = 100_000
"""Record, history, losses, sensitivity and the learning curve."""

_RUNNING_WEIGHTS = 3 * 3 + 2
"""In units of the weights: two checkpoints and one being written, of three each; the best of two epochs."""


@dataclass(frozen=True)
class DiskNeed:
    """Bytes.

    Attributes:
        kept: what trials that are to be run will leave.
        running: beyond that while they run, as many at once as there is room for.
        cache: decoded images of all of them, made once; those that are there already counted too.
        num_unknown: trials whose model has no known size; they count for nothing in `kept` and `running`.
        unknown_data: names of data sets whose size only they themselves tell; not in `cache`.
    """

    kept: int
    running: int
    cache: int
    num_unknown: int
    unknown_data: tuple[str, ...]


def disk_need(
    trials: Sequence[Trial],
    num_slots: int,
    sizes: SizeCache,
    pace: Pace,
    store: ResultsStore,
    files: Mapping[str, Path],
) -> DiskNeed:
    """Returns what running `trials` takes of the disk.

    Args:
        trials: those that are to be run.
        num_slots: trials that run at once.
        sizes: of models, as `bench list models` keeps them.
        pace: knows trials like them that are finished, whose files are measured.
        store: where those are.
        files: by digest, those that trials name.
    """
    kept, running, num_unknown = 0, 0, 0
    for trial in trials:
        weights = weights_bytes(trial, sizes)
        if weights is None and (twin := pace.finished_twin(trial)) is not None:
            weights = _size(store.folder(twin.id).best_weights)
        if weights is None:
            num_unknown += 1
            continue
        kept += weights + scores_bytes(trial, sizes, files) + _OTHER_BYTES
        running = max(running, _RUNNING_WEIGHTS * weights)
    cache, unknown_data = _cache_bytes(trials, files)
    return DiskNeed(kept, running * min(num_slots, len(trials)), cache, num_unknown, unknown_data)


def weights_bytes(trial: Trial, sizes: SizeCache) -> int | None:
    """Returns the size of the trial's weights; None if its model was not measured."""
    size = size_of(trial, sizes)
    return None if size is None else size.parameters * _BYTES_PER_PARAMETER


def scores_bytes(trial: Trial, sizes: SizeCache, files: Mapping[str, Path]) -> int:
    """Returns the size of the trial's maps and tables of units, as far as its data and model are known."""
    parts, size = part_sizes(trial.dataset, files), size_of(trial, sizes)
    if parts is None or parts.num_units is None:
        return 0
    nearest_px = min(SIZES_PX, key=lambda size_px: abs(size_px - trial.resolution))
    side = 0 if size is None else size.sides[nearest_px] * trial.resolution / nearest_px
    return _BYTES_OF_TABLES + round(parts.num_units * (side**2 * _BYTES_PER_MAP_VALUE + _BYTES_PER_UNIT))


def _cache_bytes(trials: Sequence[Trial], files: Mapping[str, Path]) -> tuple[int, tuple[str, ...]]:
    stored = [trial for trial in trials if isinstance(trial.dataset, StoredSpec)]
    total, unknown = 0, []
    for trial in {f"{trial.dataset} {trial.resolution}": trial for trial in stored}.values():
        parts = part_sizes(trial.dataset, files)
        if parts is None:
            unknown.append(trial.dataset.name)
        else:
            total += parts.cache_bytes(trial.resolution, trial.dataset.oversize)
    return total, tuple(dict.fromkeys(unknown))


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
