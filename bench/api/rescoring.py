"""A suite scored anew by another protocol, from its trials' stored maps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd

from bench.errors import MOST_NAMED, ResultsError, listing
from bench.evaluation.rescore import measure_sensitivity, rescore
from bench.metrics.measure import metrics_of
from bench.metrics.protocol import DEFAULT, THESIS, LocalizationProtocol
from bench.metrics.units import map_measures, map_metrics
from bench.results.differences import difference_notes, require_same_data
from bench.results.failures import unreadable_sentences
from bench.results.grid_results import Place, Results
from bench.results.stored import write_stored
from bench.results.stored_maps import maps_of_trial
from bench.statistics.paired import paired_difference
from bench.statistics.student import MeanInterval, mean_interval
from bench.suite.cam import NATIVE, CamMethod, with_cam
from bench.suite.grid import Grid, Point
from bench.suite.metrics import Metric

CHOSEN = "chosen"
"""The name of the protocol that is asked for, beside the default."""


_Key = tuple[str, CamMethod]
"""A trial, and which of its maps."""

_Values = Mapping[str, float]
"""By the names that records have."""


@dataclass(frozen=True)
class RescoredRow:
    """A metric of a model at one data set and resolution, by both protocols.

    Attributes:
        dataset: as tables call it.
        resolution: side of the input, px.
        model: the row of a table, its label and the map if that is not the native one.
        metric: short name of the metric in lower case, and the average, e.g. ``point weighted``.
        trials: ids of the trials that are behind it.
        expected: trials that the suite asks for.
        default: by the thesis' protocol.
        chosen: by the chosen one.
        difference: chosen less default, paired by seed.
    """

    dataset: str
    resolution: int
    model: str
    metric: str
    trials: tuple[str, ...]
    expected: int
    default: MeanInterval
    chosen: MeanInterval
    difference: MeanInterval


@dataclass(frozen=True)
class Rescored:
    """Rows in the order of the suite, and notes on what is missing or not the same for all."""

    rows: tuple[RescoredRow, ...]
    notes: tuple[str, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as docs/python-api.md describes them; NaN is the half-width of a single seed."""
        names = ("dataset", "resolution", "model", "metric", "expected")
        intervals = (DEFAULT, CHOSEN, "difference")
        values = {name: [getattr(row, name) for row in self.rows] for name in names}
        values["num_trials"] = [len(row.trials) for row in self.rows]
        for name in intervals:
            found: list[MeanInterval] = [getattr(row, name) for row in self.rows]
            values[name] = [one.mean for one in found]
            values[f"{name}_half_width"] = [one.half_width for one in found]
        return pd.DataFrame(values).astype({f"{name}_half_width": "float64" for name in intervals})


def rescore_grid(
    grid: Grid,
    results: Results,
    protocol: LocalizationProtocol,
    on_progress: Callable[[str, int, int], None],
) -> Rescored:
    """Returns the grid's models by both protocols; writes the sensitivities that are lacking.

    Args:
        grid: whose maps are scored.
        results: of the grid.
        protocol: the chosen one.
        on_progress: called with a trial's name, and (done, total) units.

    Raises:
        ResultsError: tables or maps of all trials are damaged, or they are of different data.
    """
    store = results.store
    require_same_data(grid.points, store, grid.accepted)
    found: dict[_Key, dict[str, _Values]] = {}
    without_maps, differing, unwritten = [], [], []
    unread = list(unreadable_sentences(grid.trials, store))
    for point in results.points:
        folder, name = store.folder(point.trial.id), with_cam(point.trial.id, point.cam)
        if not results.has_units(point):
            continue
        if not folder.cam_maps(point.cam).exists():
            without_maps.append(name)
            continue
        protocols, told = {DEFAULT: THESIS, CHOSEN: protocol}, partial(on_progress, name)
        try:
            tables = rescore(maps_of_trial(folder, point.trial.resolution, point.cam), protocols, told)
            is_recorded = _is_recorded(tables[DEFAULT], results.units_of(point))
        except ResultsError as error:
            unread.append(str(error))
            continue
        found[_key(point)] = {which: _metrics(tables[which], one) for which, one in protocols.items()}
        if not is_recorded:
            differing.append(name)
        if point.cam == NATIVE and not folder.sensitivity.exists():
            show = partial(on_progress, f"{name}, each choice")
            sensitivity = measure_sensitivity(folder, point.trial.resolution, show)
            try:
                write_stored(folder.sensitivity, sensitivity)
            except OSError as error:  # results that may only be read are shown, too
                unwritten.append(f"{folder.sensitivity} cannot be written ({error.strerror or error}).")
    if unread and not found:
        raise ResultsError(unread[0])
    rows = [
        row for place in results.places for metric in map_metrics() for row in _rows(place, metric, found)
    ]
    models = list(dict.fromkeys((row.dataset, row.resolution, row.model) for row in rows))
    rows.sort(key=lambda row: models.index((row.dataset, row.resolution, row.model)))  # metrics side by side
    notes = _notes(grid, results, without_maps, differing)
    return Rescored(tuple(rows), (*notes, *unwritten, *unread, *difference_notes(grid.points, results.store)))


def _key(point: Point) -> _Key:
    return point.trial.id, point.cam


def _metrics(units: pd.DataFrame, protocol: LocalizationProtocol) -> _Values:
    return metrics_of(map_metrics(), units, tuple(dict.fromkeys(units["finding"])), protocol)


def _is_recorded(units: pd.DataFrame, recorded: pd.DataFrame) -> bool:
    """Whether each metric that is recorded has the same statistic of every unit."""
    return all(
        bool((measure.statistic(units) == measure.statistic(recorded)).all())
        for measure in map_measures().values()
        if set(measure.columns) <= set(recorded.columns)
    )


def _rows(place: Place, metric: Metric, found: Mapping[_Key, Mapping[str, _Values]]) -> list[RescoredRow]:
    rows = []
    for label, points in place.rows(metric).items():
        known = {point.trial.seed: found[_key(point)] for point in points if _key(point) in found}
        for average in metric.averages:
            name = metric.key(average)
            scored = {seed: both for seed, both in known.items() if name in both[DEFAULT]}
            if not scored:
                continue
            default, chosen = (
                {seed: both[which][name] for seed, both in scored.items()} for which in (DEFAULT, CHOSEN)
            )
            difference = paired_difference(chosen, default)
            assert difference is not None
            rows.append(
                RescoredRow(
                    dataset=place.dataset,
                    resolution=place.resolution,
                    model=label,
                    metric=f"{metric.short.lower()} {average}",
                    trials=tuple(point.trial.id for point in points if point.trial.seed in scored),
                    expected=len(points),
                    default=mean_interval(list(default.values())),
                    chosen=mean_interval(list(chosen.values())),
                    difference=difference,
                )
            )
    return rows


def _notes(grid: Grid, results: Results, without_maps: list[str], differing: list[str]) -> tuple[str, ...]:
    notes = []
    unfinished = sum(not results.is_finished(trial.id) for trial in grid.trials)
    if unfinished:
        notes.append(f"{unfinished} of {len(grid.trials)} trials are not finished.")
    if without_maps:
        notes.append(
            "Without stored maps, so that there are none to score again: "
            f"{listing(without_maps, MOST_NAMED)}."
        )
    if differing:
        named = listing(differing, MOST_NAMED)
        notes.append(
            f"Scored elsewhere, some units differ from what this machine's arithmetic gives: {named}."
        )
    return tuple(notes)
