"""The plan of a suite as a graph: its trials, those that they start from, and the state of each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.results.lease import holder
from bench.results.store import ResultsStore
from bench.suite.cam import NATIVE
from bench.suite.dataset_specs import title_of
from bench.suite.grid import Grid, Point
from bench.suite.trial import Trial


@dataclass(frozen=True)
class PlanRow:
    """A trial, or one of the maps that it is scored on.

    Attributes:
        point: the trial with its label and map.
        state: todo, interrupted, running (a driver has it, here or elsewhere), waiting (for the trial that it
            starts from), blocked (that one has failed), failed, finished or unreadable.
        suite: the suite that the trial is from, if that is another one.
        lead: the lines that lead to it from the trial that it starts from.
        driver: who runs the trial, if somebody does.
    """

    point: Point
    state: str
    suite: str | None
    lead: str
    driver: str | None = None

    def values(self, suite: str) -> dict[str, Any]:
        """Returns the columns of `bench.plan` but for the time; `suite` is the name of the plan's suite."""
        trial = self.point.trial
        return {
            "id": trial.id,
            "state": self.state,
            "model": self.point.label,
            "dataset": title_of(trial.dataset),
            "resolution": trial.resolution,
            "seed": None if trial.subject is not None else trial.seed,
            "cam": self.point.cam,
            "starts_from": None if trial.init is None else trial.init.id,
            "suite": self.suite or suite,
            "driver": self.driver,
        }


def collect(grid: Grid, store: ResultsStore) -> tuple[PlanRow, ...]:
    """Returns the grid's trials and those that they start from, each after its parent, else in order."""
    own = {trial.id for trial in grid.trials}
    origins = {key: origin for key, origin in grid.origins.items() if key not in own}
    points: dict[str, list[Point]] = {trial_id: [] for trial_id in own}
    children: dict[str | None, list[str]] = {}
    for point in grid.points:
        points[point.trial.id].append(point)
        for trial in (*point.trial.ancestors(), point.trial):
            siblings = children.setdefault(None if trial.init is None else trial.init.id, [])
            if trial.id not in siblings:
                siblings.append(trial.id)
            if trial.id not in points:
                label = origins[trial.id].label if trial.id in origins else trial.label
                points[trial.id] = [Point(trial, label)]

    def rows_of(trial_id: str, lead: str, below: str) -> Iterator[PlanRow]:
        for position, point in enumerate(points[trial_id]):
            suite = origins[trial_id].suite if trial_id in origins else None
            state, driver = _state(point, store)
            yield PlanRow(point, state, suite, lead if position == 0 else below, driver)
        if trial_id in children:
            yield from rows_below(trial_id, below)

    def rows_below(parent: str, below: str) -> Iterator[PlanRow]:
        *others, last = children[parent]
        for child in others:
            yield from rows_of(child, f"{below}├─ ", f"{below}│  ")
        yield from rows_of(last, f"{below}└─ ", f"{below}   ")

    return tuple(row for root in children[None] for row in rows_of(root, "", ""))


def left_to_run(rows: Iterable[PlanRow]) -> tuple[Trial, ...]:
    """Returns the trials that are neither finished, nor failed, nor blocked, each once, in their order."""
    states = ("todo", "interrupted", "running", "waiting")
    left = (row.point.trial for row in rows if row.point.cam == NATIVE and row.state in states)
    return tuple({trial.id: trial for trial in left}.values())


def _state(point: Point, store: ResultsStore) -> tuple[str, str | None]:
    """Returns the state of the point's trial or map, and who runs it."""
    state = store.state(point.trial.id, point.cam)
    if store.state(point.trial.id) in ("finished", "failed", "unreadable"):
        return state, None
    if (lease := holder(store.folder(point.trial.id).path)) is not None:
        return "running", str(lease)
    if store.blocker(point.trial) is not None:
        return "blocked", None
    return "waiting" if store.unfinished_ancestors(point.trial) else state, None
