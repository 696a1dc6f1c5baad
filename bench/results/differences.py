"""Recorded facts that are not the same for all of the results that stand together.

Whatever averages trials, compares them or shows them side by side asks here: whether they had the same data,
which is required unless their suite accepts `DATA_DIFFER`, and what else differs, which is told.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from bench.errors import MOST_NAMED, ResultsError, listing
from bench.results.provenance import Provenance
from bench.results.record import CamEvaluation, Record
from bench.results.store import ResultsStore
from bench.suite.cam import NATIVE, CamMethod, with_cam
from bench.suite.dataset_specs import DatasetSpec, title_of
from bench.suite.grid import Point
from bench.suite.identity import DIGEST_PREFIX
from bench.suite.load import LoadedSuite
from bench.suite.violation import DATA_DIFFER

Facts = Mapping[str, str]
"""Recorded values by their names, with dots between levels; what is not known has no entry."""

NOW = "the data as they are now"
"""The name of a data set that is there, beside the results of trials."""

_DATA = "data"
_UNKNOWN = "not recorded"

_DIGITS = 12
"""Digits of a digest in a sentence."""

_WORDS = {"git_commit": "commit"}
"""Words for a fact in sentences, where it is not the last part of its name."""

_OF_THE_MODEL = frozenset({"arithmetic.nondeterministic"})
"""Facts that follow from which operations a model has, so that rows of a table differ in them by nature."""


@dataclass(frozen=True)
class FactDifference:
    """A fact that is not the same for all results.

    Attributes:
        fact: its name.
        by_value: names of the results by what is recorded of them, the most frequent value first.
    """

    fact: str
    by_value: Mapping[str, tuple[str, ...]]

    @property
    def is_known(self) -> bool:
        """Returns whether two results are known to differ: a value that is not recorded may be any."""
        return len(self.by_value.keys() - {_UNKNOWN}) > 1

    def __str__(self) -> str:
        """The fact, and what `values` says of it."""
        word = _WORDS.get(self.fact, self.fact.rpartition(".")[2].replace("_", " "))
        return f"{word} {self.values()}"

    def values(self, *, names_all: bool = False) -> str:
        """Returns the values and how many results have each, and which but for the most frequent.

        `names_all` names those of the most frequent value too.
        """
        parts = []
        for position, (value, names) in enumerate(self.by_value.items()):
            which = f": {listing(names, MOST_NAMED)}" if position or names_all else ""
            parts.append(f"{short(value)} ({len(names)}{which})")
        return "; ".join(parts)


def short(value: str) -> str:
    """Returns a digest with its first digits; other values as they are."""
    return value[: len(DIGEST_PREFIX) + _DIGITS] if value.startswith(DIGEST_PREFIX) else value


def facts_of(provenance: Provenance) -> Facts:
    """Returns everything that is recorded of where and with what a result was made."""
    return _flat(provenance.model_dump())


def differences(results: Mapping[str, Facts]) -> tuple[FactDifference, ...]:
    """Returns the facts that are not the same for all of the named results, in the order of the facts."""
    found = []
    for fact in dict.fromkeys(chain.from_iterable(results.values())):
        by_value: dict[str, list[str]] = {}
        for name, facts in results.items():
            by_value.setdefault(facts.get(fact, _UNKNOWN), []).append(name)
        if len(by_value) > 1:
            by_count = sorted(by_value.items(), key=lambda item: -len(item[1]))
            found.append(FactDifference(fact, {value: tuple(names) for value, names in by_count}))
    return tuple(found)


def differences_of(points: Iterable[Point], store: ResultsStore) -> tuple[FactDifference, ...]:
    """Returns what differs among the finished trials and maps of `points`: their data first.

    The data of trials and maps is compared within each data set; the rest among trials, and among maps.

    Raises:
        ResultsError: a record cannot be read.
    """
    asked = tuple(points)
    trials = {point.trial.id: record for point in asked if (record := store.record(point.trial.id))}
    maps = {name: evaluation for name, (_, evaluation) in _maps(asked, store).items()}
    made = [{name: _facts(result) for name, result in kind.items()} for kind in (trials, maps)]
    of_trials, of_maps = (differences({name: f for name, f in kind.items() if f}) for kind in made)
    # A package that only some methods use is recorded of their maps alone.
    others = (*of_trials, *(one for one in of_maps if one.is_known or not one.fact.startswith("packages.")))
    data = chain.from_iterable(map(differences, _data_by_set(asked, store).values()))
    return (*data, *(one for one in others if one.fact != _DATA))


def difference_notes(points: Iterable[Point], store: ResultsStore) -> tuple[str, ...]:
    """Returns in a sentence what `differences_of` finds; none if that is nothing."""
    return _sentence(differences_of(points, store))


def _sentence(found: Iterable[FactDifference]) -> tuple[str, ...]:
    facts = [str(one) for one in found]
    return (f"Recorded, and not the same for all of these results: {', '.join(facts)}.",) if facts else ()


def points_of(trial_ids: Iterable[str], store: ResultsStore, cam: CamMethod = NATIVE) -> tuple[Point, ...]:
    """Returns the trials of these ids that have a record, as points to ask about.

    Raises:
        ResultsError: a record cannot be read.
    """
    records = (store.record(trial_id) for trial_id in trial_ids)
    return tuple(Point(record.trial, record.trial.label, cam) for record in records if record is not None)


def data_notes(records: Iterable[Record]) -> tuple[str, ...]:
    """Returns a sentence for each data set that the finished trials of `records` had in several states."""
    found: dict[str, dict[str, Facts]] = {}
    for record in records:
        if record.outcome is not None:
            of_set = found.setdefault(_key(record.trial.dataset), {})
            of_set[record.trial.id] = _data_fact(record.outcome.provenance.data)
    return tuple(
        f"trials of one data set did not all have the same data: {one.values()}"
        for results in found.values()
        for one in differences(results)
    )


def require_same_data(
    points: Iterable[Point],
    store: ResultsStore,
    accepted: Mapping[str, Collection[str]],
    now: Mapping[str, str | None] | None = None,
) -> None:
    """Refuses results that stand together and had different data.

    Args:
        points: whose results stand together.
        store: where the results are.
        accepted: by data set, as JSON, what their suite accepts.
        now: likewise the digest of what is there, that is going to stand beside them.

    Raises:
        ResultsError: they had, and the suite does not accept that.
    """
    _refuse(_data_by_set(points, store, now, accepted), store)


def difference_remarks(loaded: LoadedSuite, store: ResultsStore) -> tuple[str, ...]:
    """Returns why results of the suite are refused, if they are, then what differs among them, in sentences.

    Raises:
        ResultsError: a record cannot be read.
    """
    found = differences_of(loaded.points, store)
    try:
        require_same_data(loaded.points, store, loaded.grid.accepted)
    except ResultsError as error:
        return str(error), *_sentence(one for one in found if one.fact != _DATA)
    return _sentence(found)


def require_same_data_of_all(suites: Iterable[LoadedSuite], store: ResultsStore) -> None:
    """Refuses results of suites that stand in the same tables and had different data.

    Raises:
        ResultsError: some of those whose suites do not accept it had.
    """
    found: dict[tuple[str, str], dict[str, Facts]] = {}
    for loaded in suites:
        require_same_data(loaded.points, store, loaded.grid.accepted)
        own = _data_by_set(loaded.grid.points, store, accepted=loaded.grid.accepted)
        for key, results in own.items():
            found.setdefault(key, {}).update(results)
    _refuse(found, store)


def _refuse(data: Mapping[tuple[str, str], Mapping[str, Facts]], store: ResultsStore) -> None:
    for (_, title), results in data.items():
        for found in differences(results):
            if found.is_known:
                raise ResultsError(
                    f"results in {store.root} that stand together are not of the same data: "
                    f"{found.values(names_all=True)}; move the folders of the outdated trials away and run "
                    f"them again, or let the suite say accept: [{DATA_DIFFER}]",
                    place=title,
                )


def _data_by_set(
    points: Iterable[Point],
    store: ResultsStore,
    now: Mapping[str, str | None] | None = None,
    accepted: Mapping[str, Collection[str]] | None = None,
) -> dict[tuple[str, str], dict[str, Facts]]:
    """Returns the recorded data of results, by data set (its key and its title) and by result.

    The trials that these start from count too; results of which the data may differ, as accepted, are
    left out.
    """
    points = tuple(points)
    trials = {one.id: one for point in points for one in (*point.trial.ancestors(), point.trial)}
    found: dict[tuple[str, str], dict[str, Facts]] = {}

    def add(name: str, spec: DatasetSpec, digest: str | None) -> None:
        as_json = spec.model_dump_json()
        if DATA_DIFFER not in (accepted or {}).get(as_json, ()):
            of_set = found.setdefault((_key(spec), title_of(spec)), {})
            of_set[name] = _data_fact(digest)
            if (there := (now or {}).get(as_json)) is not None:
                of_set[NOW] = _data_fact(there)

    for name, trial in trials.items():
        record = store.record(name)
        if record is not None and record.outcome is not None:
            add(name, trial.dataset, record.outcome.provenance.data)
        elif (begun := store.folder(name).read_data()) is not None:
            add(name, trial.dataset, begun)
    for name, (point, evaluation) in _maps(points, store).items():
        if evaluation.provenance is not None:
            add(name, point.trial.dataset, evaluation.provenance.data)
    return found


def _maps(points: Iterable[Point], store: ResultsStore) -> dict[str, tuple[Point, CamEvaluation]]:
    """Returns the evaluations of the points' other maps, by the trial's and the map's name."""
    return {
        with_cam(point.trial.id, point.cam): (point, evaluation)
        for point in points
        if point.cam != NATIVE and (evaluation := store.evaluation(point.trial.id, point.cam))
    }


def _key(spec: DatasetSpec) -> str:
    return spec.model_dump_json(exclude={"title"})


def _data_fact(digest: str | None) -> Facts:
    return {} if digest is None else {_DATA: digest}


def _facts(result: Record | CamEvaluation) -> Facts:
    """Returns what is compared of a result; nothing of one that failed."""
    outcome = result.outcome if isinstance(result, Record) else None
    provenance = outcome.provenance if outcome is not None else None
    if isinstance(result, CamEvaluation):
        provenance = result.provenance
    if provenance is None:
        return {}
    alike = provenance.model_copy(update={"model_source": None, "dataset_source": None, "cam_source": None})
    facts = {name: value for name, value in facts_of(alike).items() if name not in _OF_THE_MODEL}
    return facts | ({"findings": ", ".join(outcome.findings)} if outcome and outcome.findings else {})


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        elif value is not None:
            found[prefix + name] = str(value)
    return found
