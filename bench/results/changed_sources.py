"""Trials that a changed source of a plug-in leaves behind: they are another model's now, and are kept."""

from collections.abc import Iterable, Iterator

from bench.results.record import Record
from bench.results.store import ResultsStore
from bench.suite.trial import Trial


def changed_source_sentences(trials: Iterable[Trial], store: ResultsStore) -> tuple[str, ...]:
    """Returns a sentence for each model from outside of bench whose trials were finished by another source.

    Trials that are finished by the present source count for nothing here.
    """
    outdated: dict[str, list[str]] = {}
    for trial in trials:
        if trial.source is not None and store.state(trial.id) != "finished":
            same = [record.trial.id for record in _of_same_name(trial, store) if _is_outdated(record, trial)]
            outdated.setdefault(trial.model, []).extend(same)
    return tuple(
        f"the source of model {model!r} has changed since {len(ids)} of its trials here; a changed source is "
        f"another model, which is trained anew ({ids[0]} is the first of those that stay as they are)"
        for model, ids in outdated.items()
        if ids
    )


def _is_outdated(record: Record, trial: Trial) -> bool:
    return record.trial.model_copy(update={"source": trial.source}) == trial


def _of_same_name(trial: Trial, store: ResultsStore) -> Iterator[Record]:
    """Yields the records of trials whose ids differ from this one's in their hash alone."""
    prefix = trial.id.rpartition("-")[0]
    for folder in sorted((store.root / "trials").glob(f"{prefix}-*")):
        record = store.record(folder.name)
        if record is not None and folder.name != trial.id:
            yield record
