"""The cost of maps beside the native one: passes through the model for each unit, and the time they take.

A forward pass takes a third of a training step per image, a backward pass two; the speed of training is that
which was measured or probed here (`bench.planning.speed`). Measured are times of passes alone: libraries' own
arithmetic, such as decompositions, is not in the estimate.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow.parquet as pq

from bench.amounts import rough_duration
from bench.data.checks.statistics import EVERY, expected_counts
from bench.errors import SuiteError
from bench.planning.cost import Budget
from bench.results.model_sizes import ModelSize, SizeCache, size_key
from bench.results.store import ResultsStore
from bench.suite.cam import CAMS, NATIVE, CamMethod, cam_title
from bench.suite.dataset_specs import DatasetSpec, SplitLists, StoredSpec
from bench.suite.grid import Point
from bench.suite.trial import Trial


@dataclass(frozen=True)
class MapCost:
    """The evaluations of one method that are left.

    Attributes:
        cam: the method.
        num_left: evaluations that are left, of a trial each.
        passes: forward passes through the model that a unit takes as long as, the most of all trials; None
            where a plug-in does not say.
        num_units: units of all of them together, as far as it is known.
        num_unknown: evaluations whose time is not known.
        device_s: the time of the others together, s.
    """

    cam: CamMethod
    num_left: int
    passes: float | None
    num_units: int
    num_unknown: int
    device_s: float


def cost_table(costs: Iterable[MapCost], num_slots: int) -> list[dict[str, str]]:
    """Returns a row of words for each method: map, left, passes a unit, units, and the time of all."""
    rows = []
    for one in costs:
        known = rough_duration(one.device_s / num_slots) if one.num_unknown < one.num_left else ""
        rest = f"not known of {one.num_unknown}" if one.num_unknown else ""
        rows.append(
            {
                "map": cam_title(one.cam),
                "left": str(one.num_left),
                "passes per unit": "" if one.passes is None else f"{one.passes:,.0f}",
                "units": f"{one.num_units:,}" if one.num_units else "",
                "time": ", ".join(filter(None, (known, rest))),
            }
        )
    return rows


def map_costs(
    points: Iterable[Point], store: ResultsStore, budget: Budget, *, use_gpu: bool
) -> tuple[MapCost, ...]:
    """Returns the cost of each method that is left among `points`, in their order.

    Args:
        points: of a grid.
        store: where its results are.
        budget: knows speeds.
        use_gpu: the trials run on a GPU.
    """
    left: dict[CamMethod, list[Trial]] = {}
    for point in points:
        if point.cam != NATIVE and store.state(point.trial.id, point.cam) not in _ENDED:
            left.setdefault(point.cam, []).append(point.trial)
    trials = {trial.id: trial for several in left.values() for trial in several}
    num_units = {key: _num_units(trial, trials.values(), store) for key, trial in trials.items()}
    forward_s = budget.forward_s(tuple(trials.values()), use_gpu=use_gpu)
    sizes = _Sizes()
    found = []
    for cam, several in left.items():
        passes = [sizes.passes(cam, trial) for trial in several]
        units = [num_units[trial.id] for trial in several]
        seconds = [
            None
            if count is None or number is None or trial.id not in forward_s
            else count * number * forward_s[trial.id]
            for count, number, trial in zip(passes, units, several, strict=True)
        ]
        found.append(
            MapCost(
                cam,
                num_left=len(several),
                passes=max((one for one in passes if one is not None), default=None),
                num_units=sum(one or 0 for one in units),
                num_unknown=seconds.count(None),
                device_s=sum(one for one in seconds if one is not None),
            )
        )
    return tuple(found)


_ENDED = ("finished", "failed", "unreadable")


class _Sizes:
    """Asks for sizes of models, and measures those that are not known; torch is imported only for that."""

    def __init__(self) -> None:
        self._cache = SizeCache()

    def passes(self, cam: CamMethod, trial: Trial) -> float | None:
        """Returns the forward passes that a unit takes as long as; None where that is not known."""
        passes = CAMS[cam].passes
        if passes is None or not passes.per_channel:
            return None if passes is None else passes.equivalents(0, 0)
        size = self._size(trial)
        return None if size is None else passes.equivalents(size.head_channels, size.decoder_share)

    def _size(self, trial: Trial) -> ModelSize | None:
        if trial.subject is not None:  # only its file knows its layers
            return None
        key = size_key(trial.model, trial.options, trial.encoder)
        if key not in self._cache:
            from bench.models.size import measure

            try:
                self._cache[key] = measure(trial.model, trial.options, trial.encoder)
            except SuiteError:  # the run says why
                return None
        found = self._cache[key]
        return found if isinstance(found, ModelSize) else None


def _num_units(trial: Trial, others: Iterable[Trial], store: ResultsStore) -> int | None:
    """Returns the units of a test part: of the trial's table, another's on the same data, or published."""
    for one in (trial, *(other for other in others if other.dataset == trial.dataset)):
        path = store.folder(one.id).cam_units(NATIVE)
        if path.exists():
            return int(pq.read_metadata(path).num_rows)
    return _published_units(trial.dataset)


def _published_units(dataset: DatasetSpec) -> int | None:
    if not isinstance(dataset, StoredSpec) or isinstance(dataset.split, SplitLists):
        return None
    try:
        counts = expected_counts(dataset.name).xs("test", level="part")
    except KeyError:  # no part of this name
        return None
    return int(counts.drop(index=EVERY)["boxed_images"].sum())
