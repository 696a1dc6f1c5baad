"""The plan of a suite: its trials and those that they start from, how each stands and what is left."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.api.suites import Seeds, SuiteLike, as_loaded, open_store, select
from bench.execution.fleet import Fleet
from bench.execution.machine import this_machine
from bench.execution.plan_cost import Budget, PlanCost
from bench.results.lease import holder
from bench.results.store import ResultsStore
from bench.suite.cam import NATIVE
from bench.suite.grid import Grid, Point
from bench.suite.load import LoadedSuite
from bench.suite.schema import title_of
from bench.suite.trial import Trial


def plan(
    suite: SuiteLike,
    *,
    only: str | Sequence[str] = (),
    seeds: Seeds = None,
    results_dir: str | Path = "results",
) -> pd.DataFrame:
    """Returns how the trials of a suite stand, and those that they start from, a row for each map of each.

    Args:
        suite: a file, or a loaded suite.
        only: conditions such as ``model=pylon``.
        seeds: only these, e.g. ``"0-2"`` or ``range(3)``.
        results_dir: where trials are.

    Returns:
        Columns id; state, see `PlanRow`; model, its label in tables; dataset; resolution, px; seed; cam, the
        map that is scored; starts_from, an id or missing; suite, that the trial is of; driver, who runs it,
        or missing; expected_s, what is left of the trial on this machine, s: NaN where nothing is, where it
        is not known, and in all rows of a trial but the first.

    Raises:
        SuiteError: the suite or the selection is not usable.
        ResultsError: a record or history cannot be read.
    """
    loaded, store = as_loaded(suite), open_store(results_dir)
    rows, machine = collect(select(loaded, only, seeds), store), this_machine()
    use_gpu = loaded.suite.resources.gpu != 0 and machine.num_gpus > 0
    budget = Budget(store, machine)
    costs = budget.trial_costs(left_to_run(rows), loaded.grid.files, use_gpu=use_gpu)
    frame = pd.DataFrame([row.values(loaded.suite.name) for row in rows])
    expected = frame["id"].map({key: cost.left_s.expected for key, cost in costs.items()}).astype("float64")
    return frame.assign(expected_s=expected.mask(frame["id"].duplicated()))


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
        """Returns the columns of `plan` but for the time; `suite` is the name of the suite of the plan."""
        trial = self.point.trial
        return {
            "id": trial.id,
            "state": self.state,
            "model": self.point.label,
            "dataset": title_of(trial.dataset),
            "resolution": trial.resolution,
            "seed": trial.seed,
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
    return tuple({row.point.trial.id: row.point.trial for row in rows if _is_left(row)}.values())


def _is_left(row: PlanRow) -> bool:
    return row.point.cam == NATIVE and row.state in ("todo", "interrupted", "running", "waiting")


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


@dataclass(frozen=True)
class SuitePlan:
    """What a suite has done and what it still takes.

    Attributes:
        name: of the suite.
        states: of its trials, those of other suites that it starts from included.
        cost: of all of them that are left.
        own_cost: of those that are left and that no suite before it has.
    """

    name: str
    states: Mapping[str, str]
    cost: PlanCost
    own_cost: PlanCost


def plan_all(
    suites: Sequence[LoadedSuite], store: ResultsStore, fleet: Fleet | None = None
) -> tuple[SuitePlan, ...]:
    """Returns the plan of each suite, in their order; `fleet` as of `Budget`.

    Raises:
        ResultsError: a record or history cannot be read.
    """
    budget, seen, plans = Budget(store, fleet=fleet), set[str](), []
    for loaded in suites:
        rows, resources = collect(loaded.grid, store), loaded.suite.resources
        left = left_to_run(rows)
        own = [trial for trial in left if trial.id not in seen]
        seen |= {trial.id for trial in left}
        files = loaded.grid.files
        costs = budget.cost(left, resources, files), budget.cost(own, resources, files)
        plans.append(SuitePlan(loaded.suite.name, _states(rows), *costs))
    return tuple(plans)


def _states(rows: Sequence[PlanRow]) -> dict[str, str]:
    return {row.point.trial.id: row.state for row in rows if row.point.cam == NATIVE} | {
        row.point.trial.id: row.state for row in rows if row.state not in ("finished", "failed")
    }
