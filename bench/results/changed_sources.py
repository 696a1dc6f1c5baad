"""What a changed source of a plug-in leaves behind.

Trials of a changed model are another model's now, and are kept; maps by a changed method are evaluated again.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from bench.results.record import Record
from bench.results.store import ResultsStore
from bench.suite.cam import CAMS
from bench.suite.grid import Grid
from bench.suite.trial import Trial


def changed_source_sentences(grid: Grid, store: ResultsStore) -> tuple[str, ...]:
    """Returns a sentence for each model, data set and map of a plug-in that had another source."""
    return (*_of_trials(grid.trials, store), *_of_maps(grid, store))


def _of_maps(grid: Grid, store: ResultsStore) -> Iterator[str]:
    points = [point for point in grid.points if point.cam not in CAMS.own]
    found = [(point.cam, store.evaluation(point.trial.id, point.cam)) for point in points]
    outdated = Counter(cam for cam, evaluation in found if evaluation is not None and evaluation.is_outdated)
    for cam, number in outdated.items():
        yield (
            f"the source of map {cam!r} has changed since {number} of its evaluations here, which are made "
            "anew"
        )


def _of_trials(trials: Iterable[Trial], store: ResultsStore) -> tuple[str, ...]:
    """Returns a sentence for each plug-in whose trials were finished by another source: models and data sets.

    Trials that are finished by the present source count for nothing here.
    """
    outdated: dict[str, list[str]] = {}
    for trial in trials:
        if _sources(trial) != (None, None) and store.state(trial.id) != "finished":
            for record in _of_same_name(trial, store):
                for plugin in _changed(record.trial, trial):
                    outdated.setdefault(plugin, []).append(record.trial.id)
    return tuple(
        f"the source of {plugin} has changed since {len(ids)} of its trials here; they are other trials now, "
        f"which are trained anew ({ids[0]} is the first of those that stay as they are)"
        for plugin, ids in outdated.items()
    )


def _sources(trial: Trial) -> tuple[str | None, str | None]:
    return trial.source, trial.dataset_source


def _changed(old: Trial, new: Trial) -> Iterator[str]:
    """Yields the plug-ins whose sources differ, where nothing else does."""
    sources = {"source": new.source, "dataset_source": new.dataset_source}
    if old.model_copy(update=sources).id == new.id:
        if old.source != new.source:
            yield f"model {new.model!r}"
        if old.dataset_source != new.dataset_source:
            yield f"data set {new.dataset.name!r}"


def _of_same_name(trial: Trial, store: ResultsStore) -> Iterator[Record]:
    """Yields the records of trials whose ids differ from this one's in their hash alone."""
    prefix = trial.id.rpartition("-")[0]
    for folder in sorted((store.root / "trials").glob(f"{prefix}-*")):
        record = store.record(folder.name)
        if record is not None and folder.name != trial.id:
            yield record
