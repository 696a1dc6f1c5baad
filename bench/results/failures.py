"""Trials and evaluations that have failed, grouped by cause, and the trials that they keep from running."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.errors import MOST_NAMED, ResultsError, listing
from bench.results.record import last_line
from bench.results.store import ResultsStore
from bench.suite.cam import NATIVE, CamMethod
from bench.suite.grid import Grid, Point
from bench.suite.trial import Trial


def blocked_sentences(trials: Iterable[Trial], store: ResultsStore) -> tuple[str, ...]:
    """Returns a sentence for each trial that keeps others of `trials` from being run: which, and why."""
    blocked: dict[str, list[str]] = {}
    reasons: dict[str, str] = {}
    for trial in {trial.id: trial for trial in trials}.values():
        if store.state(trial.id) in ("todo", "interrupted") and (blocker := store.blocker(trial)) is not None:
            blocked.setdefault(blocker.id, []).append(trial.id)
            how = "failed" if store.state(blocker.id) == "failed" else "cannot be read"
            reasons[blocker.id] = f"{how}: {store.reason(blocker.id)}"
    return tuple(
        f"{listing(ids, MOST_NAMED)} {'is' if len(ids) == 1 else 'are'} blocked because {key} {reasons[key]}"
        for key, ids in blocked.items()
    )


def unreadable_sentences(trials: Iterable[Trial], store: ResultsStore) -> tuple[str, ...]:
    """Returns a sentence for each record or evaluation of `trials` that is there and cannot be read."""
    ids = dict.fromkeys(trial.id for trial in trials)
    return tuple(sentence for trial_id in ids for sentence in store.problems(trial_id))


_PLACE = re.compile(r'^  File "([^"]+)", line (\d+), in (\S+)$', re.MULTILINE)
_CHANGING = re.compile(r"\b0x[0-9a-f]+\b|\d+(?:\.\d+)?")
"""Addresses and numbers, which differ between failures of one cause."""


@dataclass(frozen=True)
class Failure:
    """A trial that failed, or one of its maps.

    Attributes:
        trial: what failed.
        cam: the map whose evaluation failed, or its sanity checks; native stands for the trial itself.
        error: a sentence, or the traceback.
        ended_at: ISO 8601 with time zone.
    """

    trial: Trial
    cam: CamMethod
    error: str
    ended_at: str

    @property
    def reason(self) -> str:
        """Why, in a line."""
        return last_line(self.error)

    @property
    def place(self) -> str | None:
        """The place of the error, ``file:line in function``; None for a failure without a traceback."""
        places = _PLACE.findall(self.error)
        return "{}:{} in {}".format(*places[-1]) if places else None

    @property
    def cause(self) -> tuple[str, str | None]:
        """The reason without ids and numbers, and the place: failures of one cause share both."""
        return _CHANGING.sub("#", self.reason.replace(self.trial.id, "…")), self.place


def failures_of(grid: Grid, store: ResultsStore) -> tuple[Failure, ...]:
    """Returns what failed of the grid and of the trials that it starts from, those first."""
    before = [Point(trial, trial.label) for trial in grid.required]
    found = (_failure(point, store) for point in (*before, *grid.points))
    return tuple({(one.trial.id, one.cam): one for one in found if one is not None}.values())


def all_failures(store: ResultsStore) -> tuple[Failure, ...]:
    """Returns everything that failed in the results folder, by trial id."""
    return tuple(failure for key in recorded_ids(store) for failure in failures_of_trial(key, store))


def recorded_ids(store: ResultsStore) -> tuple[str, ...]:
    """Returns the names of all folders of trials that have a record, readable or not."""
    return tuple(path.parent.name for path in sorted((store.root / "trials").glob("*/record.json")))


def failures_of_trial(trial_id: str, store: ResultsStore) -> Iterator[Failure]:
    """Yields the trial's failure, or those of its maps."""
    record = store.record(trial_id)
    if record is None:
        return
    if record.status == "failed":
        yield Failure(record.trial, NATIVE, record.error or "", record.ended_at)
        return
    for evaluation in store.folder(trial_id).read_evaluations():
        if evaluation.status == "failed":
            yield Failure(record.trial, evaluation.method, evaluation.error or "", evaluation.ended_at)


def by_cause(failures: Iterable[Failure]) -> tuple[tuple[Failure, ...], ...]:
    """Returns the failures in groups of one cause each, the largest first."""
    groups: dict[tuple[str, str | None], list[Failure]] = {}
    for failure in failures:
        groups.setdefault(failure.cause, []).append(failure)
    return tuple(map(tuple, sorted(groups.values(), key=len, reverse=True)))


def failed_grid(grid: Grid, store: ResultsStore) -> Grid | None:
    """Returns the grid narrowed to what failed, with failed trials of other suites that it starts from.

    None if nothing failed. What is only blocked by a failed trial is not in it.
    """
    failed = {(failure.trial.id, failure.cam) for failure in failures_of(grid, store)}
    own = {trial.id for trial in grid.trials}
    trials = {trial_id for trial_id, cam in failed if cam == NATIVE}
    before = [trial for trial in grid.required if trial.id in trials - own]
    points: Sequence[Point] = [
        *(Point(trial, grid.origins.get(trial.id, trial).label) for trial in before),
        *(p for p in grid.points if p.trial.id in trials or (p.trial.id, p.cam) in failed),
    ]
    return grid.of(points) if points else None


def _failure(point: Point, store: ResultsStore) -> Failure | None:
    trial, cam = point.trial, point.cam
    part = next((part for part in point.parts if store.state(trial.id, cam, part) == "failed"), None)
    if part is None:
        return None
    record = store.record(trial.id)
    if record is not None and record.status == "failed":
        return Failure(record.trial, NATIVE, record.error or "", record.ended_at)
    evaluation = store.evaluation(trial.id, cam, part)
    if evaluation is None:
        raise ResultsError("changed while it was read; try again", place=store.folder(trial.id).cams)
    return Failure(trial, cam, evaluation.error or "", evaluation.ended_at)
