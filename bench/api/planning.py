"""The plan of a suite: its trials and those that they start from, how each stands and what is left."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bench.api.suites import Seeds, SuiteLike, as_loaded, open_store, select
from bench.planning.cost import Budget, PlanCost, total
from bench.planning.graph import PlanRow, collect, left_to_run
from bench.planning.machine import this_machine
from bench.results.store import ResultsStore
from bench.suite.cam import NATIVE
from bench.suite.load import LoadedSuite


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
class SuitePlan:
    """The states of a suite's trials, and the cost of the rest.

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


def plan_all(suites: Sequence[LoadedSuite], store: ResultsStore) -> tuple[SuitePlan, ...]:
    """Returns the plan of each suite, in their order.

    Raises:
        ResultsError: a record or history cannot be read.
    """
    budget, seen, plans = Budget(store), set[str](), []
    for loaded in suites:
        rows, resources = collect(loaded.grid, store), loaded.suite.resources
        left = left_to_run(rows)
        own = [trial for trial in left if trial.id not in seen]
        seen |= {trial.id for trial in left}
        files = loaded.grid.files
        costs = budget.cost(left, resources, files), budget.cost(own, resources, files)
        plans.append(SuitePlan(loaded.suite.name, _states(rows), *costs))
    return tuple(plans)


def together(plans: Sequence[SuitePlan], name: str) -> SuitePlan:
    """Returns the plan of all suites one after the other, each trial counted once.

    Args:
        plans: at least one.
        name: of the result.
    """
    costs = [plan.own_cost for plan in plans]
    cost = replace(
        costs[0],
        num_trials=sum(one.num_trials for one in costs),
        num_unknown=sum(one.num_unknown for one in costs),
        num_unknown_data=sum(one.num_unknown_data for one in costs),
        wall_s=total(one.wall_s for one in costs),
        device_hours=total(one.device_hours for one in costs),
        sources=sum((one.sources for one in costs), Counter()),
        epochs=sum((one.epochs for one in costs), Counter()),
    )
    states = {key: state for plan in plans for key, state in plan.states.items()}
    return SuitePlan(name, states, cost, cost)


def _states(rows: Sequence[PlanRow]) -> dict[str, str]:
    return {row.point.trial.id: row.state for row in rows if row.point.cam == NATIVE} | {
        row.point.trial.id: row.state for row in rows if row.state not in ("finished", "failed")
    }
