"""Rebuilds the MLflow store from the results folder: adds missing runs, deletes double ones."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bench.errors import ResultsError
from bench.results.invocation import Invocation, Invocations
from bench.results.lease import holder
from bench.results.store import ResultsStore
from bench.tracking.mlflow_store import MlflowStore
from bench.tracking.suite_runs import SuiteRuns
from bench.tracking.trial_runs import TrialRuns, precedence, trainer_of


@dataclass(frozen=True)
class Synced:
    """The part of one suite that was mirrored.

    Attributes:
        suite: its name.
        num_invocations: runs of the suite.
        num_trials: trials with a record, each counted once.
        problems: a sentence for each that could not be mirrored.
    """

    suite: str
    num_invocations: int
    num_trials: int
    problems: tuple[str, ...]


def sync(results: ResultsStore, suites: Collection[str]) -> Iterator[Synced]:
    """Brings all that the results folder knows of these suites to the store, one suite after the other.

    Records of trials are mirrored by the same code as while they run, so twice is the same as once, and a
    second one waits for the first. A run that is going on stays as it is.

    Raises:
        ResultsError: the store cannot be opened.
        MlflowException: the store went away.
    """
    store, invocations = MlflowStore(results.root), Invocations(results)
    with store.locked("mlflow-sync"):
        every = invocations.every()
        for suite in suites:
            yield _sync_suite(suite, results, store, invocations, every)


def _sync_suite(
    suite: str,
    results: ResultsStore,
    store: MlflowStore,
    invocations: Invocations,
    every: Collection[Invocation],
) -> Synced:
    own = [one for one in every if one.suite == suite]
    parents, children = SuiteRuns(store, suite), TrialRuns(store, suite)
    problems, runs = list(invocations.problems(suite)), {}
    for one in own:
        try:
            runs[one.number] = parents.mirror(one, invocations.folder(one))
        except ResultsError as error:
            problems.append(str(error))
    asked: dict[str, list[Invocation]] = {}
    for one in sorted(own, key=precedence, reverse=True):
        for trial in one.trials if one.number in runs else ():
            asked.setdefault(trial.id, []).append(one)
    num_trials = 0
    for trial_id, asked_by in asked.items():
        folder = results.folder(trial_id)
        try:
            problems += results.problems(trial_id)
            record = results.record(trial_id)
            if record is None:
                if holder(folder.path) is None and results.state(trial_id) != "unreadable":
                    children.interrupted(trial_id)
                continue
            label = next(trial.label for trial in asked_by[0].trials if trial.id == trial_id)
            run = children.open(record.trial, label, runs[asked_by[0].number], asked_by, record)
            children.mirror(run, record, folder, trainer_of(record, every))
        except ResultsError as error:
            problems.append(str(error))
            continue
        num_trials += 1
    return Synced(suite, len(runs), num_trials, tuple(problems))


def without_invocation(results: ResultsStore) -> tuple[str, ...]:
    """Returns the ids of trials that have a record and that no run of a suite in this folder asked for."""
    invocations = Invocations(results)
    asked = {trial.id for one in invocations.every() for trial in one.trials}
    found = (path.parent.name for path in sorted((results.root / "trials").glob("*/record.json")))
    return tuple(trial_id for trial_id in found if trial_id not in asked)
