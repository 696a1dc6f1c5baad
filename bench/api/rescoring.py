"""Stored maps scored anew, of a suite and of references: by another protocol, or by another annotation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from bench.api.scorer import CHOSEN, BothSides, Scorer, Side, maps_of_point, maps_of_run
from bench.api.scoring import Scoring
from bench.errors import MOST_NAMED, DataError, ResultsError, listing
from bench.evaluation.rescore import measure_sensitivity
from bench.evaluation.second_reading import ReadingCounts
from bench.metrics.protocol import DEFAULT
from bench.reporting.verdicts_by_reading import ClaimByReading, Key, Reading, judge_by_readings
from bench.results.differences import difference_notes, require_same_data
from bench.results.failures import unreadable_sentences
from bench.results.grid_results import Results
from bench.results.references import ReferenceFolder
from bench.results.store import ResultsStore
from bench.results.stored import write_stored
from bench.statistics.paired import paired_difference
from bench.statistics.student import MeanInterval, mean_interval
from bench.suite.cam import NATIVE
from bench.suite.load import LoadedSuite
from bench.suite.metrics import Average, Metric

_Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RescoredRow:
    """A metric of a model, or of a reference run, at one data set and resolution, scored in two ways.

    Attributes:
        dataset: as tables call it.
        resolution: side of the input, px.
        model: the row of a table, its label and the map if that is not the native one.
        metric: its name.
        column: weighted or macro, the average over findings.
        trials: ids of the trials that are behind it; none of a reference run.
        reference: name of the reference run; None of a model.
        expected: trials that the suite asks for; 1 of a reference run.
        num_units: units of each.
        default: by the thesis' protocol; with an annotation by the own boxes and the chosen protocol.
        chosen: by the chosen protocol, and by the annotation if there is one.
        difference: chosen less default, paired by seed.
    """

    dataset: str
    resolution: int
    model: str
    metric: str
    column: Average
    trials: tuple[str, ...]
    reference: str | None
    expected: int
    num_units: int
    default: MeanInterval
    chosen: MeanInterval
    difference: MeanInterval


@dataclass(frozen=True)
class Rescored:
    """Maps scored anew.

    Attributes:
        rows: in the order of the suite, then of references.
        readings: with an annotation, how far it agrees with the own boxes of each data set or reference.
        claims: likewise, those of the suite that are about maps, by both.
        notes: on what is missing or not the same for all.
    """

    rows: tuple[RescoredRow, ...]
    readings: tuple[ReadingCounts, ...]
    claims: tuple[ClaimByReading, ...]
    notes: tuple[str, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as docs/python-api.md describes them; NaN is the half-width of a single seed."""
        names = ("dataset", "resolution", "model", "metric", "column", "reference", "expected", "num_units")
        intervals = (DEFAULT, CHOSEN, "difference")
        values = {name: [getattr(row, name) for row in self.rows] for name in names}
        values["num_trials"] = [len(row.trials) for row in self.rows]
        for name in intervals:
            found: list[MeanInterval] = [getattr(row, name) for row in self.rows]
            values[name] = [one.mean for one in found]
            values[f"{name}_half_width"] = [one.half_width for one in found]
        return pd.DataFrame(values).astype({f"{name}_half_width": "float64" for name in intervals})


def rescore_maps(
    loaded: LoadedSuite | None,
    references: Sequence[ReferenceFolder],
    store: ResultsStore,
    scoring: Scoring,
    on_progress: _Progress,
) -> Rescored:
    """Returns stored maps scored in two ways; writes the sensitivities of trials that are lacking.

    Args:
        loaded: the suite, narrowed to the trials that are scored; None for references alone.
        references: runs of others.
        store: where trials are.
        scoring: what maps are scored by.
        on_progress: called with the name of a trial or reference, and (done, total) maps.

    Raises:
        ResultsError: tables or maps of all are damaged, or they are of different data.
        DataError: the annotation has none of the units that maps are kept of.
    """
    scorer = Scorer(scoring, on_progress)
    results = Results(() if loaded is None else loaded.grid, store)
    trials = {} if loaded is None else _score_trials(loaded, results, scorer)
    rows = list(_rows_of_trials(results, scoring.metrics, trials))
    for folder in references:
        rows += _rows_of_reference(folder, scorer)
    notes = [] if loaded is None else _suite_notes(loaded, results, scorer)
    if scorer.unread and not rows:
        raise ResultsError(scorer.unread[0])
    if scoring.annotation is not None and scorer.readings and not rows:
        raise DataError("marks none of the units that maps are kept of", place=scoring.annotation.path)
    claims = () if loaded is None or not scoring.judges_claims else _judge(loaded, results, trials)
    counts = {images: reading.counts for (images, _), reading in scorer.readings.items()}
    return Rescored(tuple(rows), tuple(counts.values()), claims, (*_notes(scorer), *notes))


def _score_trials(loaded: LoadedSuite, results: Results, scorer: Scorer) -> dict[Key, BothSides]:
    """Returns the maps of the suite's finished trials, and of those that its claims compare, by key."""
    asked = loaded.points if scorer.scoring.judges_claims else loaded.grid.points
    points = {point.key: point for point in asked}
    require_same_data(points.values(), results.store, loaded.grid.accepted)
    scorer.unread += unreadable_sentences(loaded.grid.trials, results.store)
    scored = {
        key: scorer.score(maps_of_point(point, results))
        for key, point in points.items()
        if results.has_units(point)
    }
    return {key: both for key, both in scored.items() if both is not None}


def _rows_of_trials(
    results: Results, metrics: Sequence[Metric], trials: Mapping[Key, BothSides]
) -> Iterator[RescoredRow]:
    """Yields the rows of models, each with its metrics one after the other."""
    for place in results.places:
        for label, points in place.rows(metrics[0]).items():  # the same for any metric of maps
            scored = [point for point in points if point.key in trials]
            by_seed = {point.trial.seed: trials[point.key] for point in scored}
            for metric, average in _columns(metrics):
                yield from _row(
                    by_seed,
                    metric,
                    average,
                    dataset=place.dataset,
                    resolution=place.resolution,
                    model=label,
                    trials=tuple(point.trial.id for point in scored),
                    expected=len(points),
                )


def _rows_of_reference(folder: ReferenceFolder, scorer: Scorer) -> Iterator[RescoredRow]:
    if not folder.maps.exists():
        scorer.without_maps.append(folder.path.name)
        return
    try:
        record = folder.read_record()
        maps = maps_of_run(folder, record)
    except ResultsError as error:
        scorer.unread.append(str(error))
        return
    both = scorer.score(maps)
    if both is None:
        return
    for metric, average in _columns(scorer.scoring.metrics):
        yield from _row(
            {record.seeds[0].seed: both},
            metric,
            average,
            dataset=record.dataset,
            resolution=record.resolution,
            model=f"Reference: {record.title}",
            reference=record.name,
            expected=1,
        )


def _columns(metrics: Sequence[Metric]) -> Iterator[tuple[Metric, Average]]:
    return ((metric, average) for metric in metrics for average in metric.averages)


def _row(
    by_seed: Mapping[int, BothSides],
    metric: Metric,
    average: Average,
    *,
    dataset: str,
    resolution: int,
    model: str,
    expected: int,
    trials: tuple[str, ...] = (),
    reference: str | None = None,
) -> Iterator[RescoredRow]:
    """Yields the row, if any seed has the metric."""
    name = metric.key(average)
    scored = {seed: both for seed, both in by_seed.items() if name in both.chosen.values}
    if not scored:
        return
    default = {seed: both.default.values[name] for seed, both in scored.items()}
    chosen = {seed: both.chosen.values[name] for seed, both in scored.items()}
    difference = paired_difference(chosen, default)
    assert difference is not None, "they have the same seeds"
    yield RescoredRow(
        dataset=dataset,
        resolution=resolution,
        model=model,
        metric=metric.name,
        column=average,
        trials=trials,
        reference=reference,
        expected=expected,
        num_units=len(next(iter(scored.values())).chosen.units),
        default=mean_interval(list(default.values())),
        chosen=mean_interval(list(chosen.values())),
        difference=difference,
    )


def _judge(
    loaded: LoadedSuite, results: Results, trials: Mapping[Key, BothSides]
) -> tuple[ClaimByReading, ...]:
    def reading(sides: Mapping[Key, Side]) -> Reading:
        units = {key: side.units for key, side in sides.items()}
        return Reading(units, {trial: side.boxes for (trial, _), side in sides.items()})

    own = reading({key: both.default for key, both in trials.items()})
    other = reading({key: both.chosen for key, both in trials.items()})
    return judge_by_readings(loaded.claims, results, own, other)


def _suite_notes(loaded: LoadedSuite, results: Results, scorer: Scorer) -> list[str]:
    """Returns sentences on trials, and writes the sensitivities that they lack."""
    trials, notes = loaded.grid.trials, []
    unfinished = sum(not results.is_finished(trial.id) for trial in trials)
    if unfinished:
        notes.append(f"{unfinished} of {len(trials)} trials are not finished.")
    for trial in trials:
        folder = results.store.folder(trial.id)
        is_lacking = folder.cam_maps(NATIVE).exists() and not folder.sensitivity.exists()
        if not results.is_finished(trial.id) or not is_lacking:
            continue
        show = partial(scorer.on_progress, f"{trial.id}, each choice")
        try:
            write_stored(folder.sensitivity, measure_sensitivity(folder, trial.resolution, show))
        except OSError as error:  # results that may only be read are shown, too
            notes.append(f"{folder.sensitivity} cannot be written ({error.strerror or error}).")
        except ResultsError as error:
            scorer.unread.append(str(error))
    return [*notes, *difference_notes(loaded.grid.points, results.store)]


def _notes(scorer: Scorer) -> Iterator[str]:
    """Yields sentences on maps that were not scored, or otherwise."""
    named = {
        "Without stored maps, so that there are none to score again": scorer.without_maps,
        "Without a unit that the annotation has, too": scorer.without_units,
        "Scored elsewhere, some units differ from what this machine's arithmetic gives": scorer.differing,
    }
    for what, names in named.items():
        if names:
            yield f"{what}: {listing(names, MOST_NAMED)}."
    others = dict.fromkeys(name for reading in scorer.readings.values() for name in reading.others)
    if others:
        yield f"Findings of the annotation that the data set does not have: {listing(others, MOST_NAMED)}."
    yield from dict.fromkeys(scorer.unread)
